// printf, scanf and string functions.
#include <ctype.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int joined(char *out, size_t size, int count, ...) {
    va_list list;
    int used = 0;
    va_start(list, count);
    while (count--) {
        const char *word = va_arg(list, const char *);
        int number = va_arg(list, int);
        double real = va_arg(list, double);
        used += snprintf(out + used, size - used, "%s=%d/%.2f;", word, number, real);
    }
    va_end(list);
    return used;
}

int main(void) {
    char buffer[64], small[8];
    printf("[%5d] [%-5d] [%05d] [%+d] [% d] [%x] [%X] [%#o] [%c] [%%]\n", 42, 42, 42, 42, 42, 48879, 48879, 8, 'z');
    printf("[%10s] [%-10s] [%.3s] [%*d] [%.*s]\n", "right", "left", "truncate", 6, 7, 2, "abc");
    printf("[%d] [%u] [%ld] [%lld] [%llu] [%hhd] [%hd] [%zu]\n", INT_MIN, UINT_MAX, LONG_MAX, LLONG_MIN, ULLONG_MAX,
           (signed char)300, (short)70000, sizeof buffer);
    printf("[%" PRId64 "] [%" PRIx32 "] [%jd] [%td]\n", INT64_C(-5), UINT32_C(0xdeadbeef), (intmax_t)9, &buffer[9] - buffer);
    printf("[%f] [%.0f] [%10.3f] [%-10.1e] [%G] [%+.2f] [%#.0f]\n", 3.14159, 2.5, -2.71828, 12345.678, 1e-10, 1.005, 3.0);

    int wanted = snprintf(small, sizeof small, "%s", "longer than that");
    printf("cut to '%s' of %d\n", small, wanted);
    joined(buffer, sizeof buffer, 3, "a", 1, 1.5, "b", -2, 2.25, "c", 3, 1e3);
    printf("%s\n", buffer);

    int day, year, count;
    char month[16];
    float share;
    unsigned hex;
    count = sscanf("17 March 1987 62.5% ff", "%d %15s %d %f%% %x", &day, month, &year, &share, &hex);
    printf("scanned %d: %d|%s|%d|%.1f|%u\n", count, day, month, year, share, hex);
    count = sscanf("key = value, rest", "%15[a-z] = %15[^,],", month, buffer);
    printf("scanned %d: %s|%s\n", count, month, buffer);

    const char *numbers[] = {"0", "-17", "0x1F", "0755", "zz", "99999999999999999999", "12 monkeys"};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        char *end;
        long long value = strtoll(numbers[i], &end, 0);
        printf("%s -> %lld, rest %zu\n", numbers[i], value, strlen(end));
    }

    char text[] = "the quick,brown;fox  jumps over", *rest = text, *word;
    while ((word = strtok_r(rest, " ,;", &rest))) {
        for (char *c = word; *c; c++)
            *c = (char)(c == word ? toupper(*c) : tolower(*c));
        printf("%s.", word);
    }
    printf("\n%d %d %d %s %s %zu\n", strcmp("abc", "abd") < 0, strncmp("abc", "abd", 2), memcmp("\xff", "\x01", 1) > 0,
           strchr("path/to/file", '/'), strrchr("path/to/file", '/'), strspn("12345abc", "0123456789"));
    memset(buffer, '.', 20);
    memcpy(buffer, "overlapping", 11);
    memmove(buffer + 4, buffer, 11);
    buffer[20] = 0;
    printf("%s %s\n", buffer, strstr(buffer, "lap"));
    return 0;
}
