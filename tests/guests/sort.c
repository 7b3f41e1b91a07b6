// qsort and bsearch with several orders, and a table of operations: indirect calls.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct city {
    const char *name;
    int people; // thousands
    double north;
};

static const struct city cities[] = {
    {"Lisbon", 545, 38.72}, {"Oslo", 709, 59.91},      {"Vienna", 1975, 48.21}, {"Athens", 643, 37.98},
    {"Dublin", 592, 53.35}, {"Helsinki", 664, 60.17},  {"Prague", 1357, 50.08}, {"Valletta", 6, 35.90},
    {"Rome", 2755, 41.89},  {"Reykjavik", 136, 64.15}, {"Tallinn", 454, 59.44},
};
enum { CITIES = sizeof cities / sizeof cities[0], NUMBERS = 20000 };

static int by_name(const void *a, const void *b) {
    return strcmp(((const struct city *)a)->name, ((const struct city *)b)->name);
}
static int by_people(const void *a, const void *b) {
    return ((const struct city *)b)->people - ((const struct city *)a)->people;
}
static int by_north(const void *a, const void *b) {
    double x = ((const struct city *)a)->north, y = ((const struct city *)b)->north;
    return (x > y) - (x < y);
}
static int by_length(const void *a, const void *b) {
    int difference = (int)strlen(((const struct city *)a)->name) - (int)strlen(((const struct city *)b)->name);
    return difference ? difference : by_name(a, b);
}
static int compares;
static int by_value(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    compares++;
    return (x > y) - (x < y);
}

static long add(long a, long b) { return a + b; }
static long subtract(long a, long b) { return a - b; }
static long multiply(long a, long b) { return a * b; }
static long remainder_of(long a, long b) { return b ? a % b : 0; }
static double scale(double a, float b) { return a * b; }
static void nothing(void) {}

static const struct {
    char sign;
    long (*apply)(long, long);
} operations[] = {{'+', add}, {'-', subtract}, {'*', multiply}, {'%', remainder_of}};

int main(void) {
    int (*const orders[])(const void *, const void *) = {by_name, by_people, by_north, by_length};
    for (size_t o = 0; o < sizeof orders / sizeof orders[0]; o++) {
        struct city sorted[CITIES];
        memcpy(sorted, cities, sizeof cities);
        qsort(sorted, CITIES, sizeof sorted[0], orders[o]);
        for (int i = 0; i < CITIES; i++)
            printf("%s%c", sorted[i].name, i + 1 < CITIES ? ' ' : '\n');
        if (orders[o] == by_name) {
            struct city key = {"Prague", 0, 0}, *found = bsearch(&key, sorted, CITIES, sizeof key, by_name);
            printf("found %s: %d\n", found ? found->name : "nothing", found ? found->people : -1);
        }
    }

    static uint32_t numbers[NUMBERS];
    uint32_t x = 1, sum = 0;
    for (int i = 0; i < NUMBERS; i++)
        numbers[i] = x = x * 1664525u + 1013904223u;
    qsort(numbers, NUMBERS, sizeof numbers[0], by_value);
    for (int i = 0; i < NUMBERS; i++) {
        if (i && numbers[i - 1] > numbers[i])
            return 1;
        sum = sum * 31 + numbers[i];
    }
    printf("numbers %08x %u %u %s\n", (unsigned)sum, (unsigned)numbers[0], (unsigned)numbers[NUMBERS - 1],
           compares > NUMBERS ? "compared" : "not compared");

    const char *program = "+7*3-4%1000*12+5%97";
    long value = 1;
    while (*program) {
        char sign = *program++;
        long operand = strtol(program, (char **)&program, 10);
        for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++)
            if (operations[i].sign == sign)
                value = operations[i].apply(value, operand);
        printf("%c%ld=%ld ", sign, operand, value);
    }
    double (*volatile scaled)(double, float) = scale;
    void (*volatile empty)(void) = nothing;
    empty();
    printf("%g\n", scaled(2.5, 4.0f));
    return 0;
}
