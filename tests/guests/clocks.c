// Clocks, sleeping and random bytes: says what holds of them, never their values.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static long long now(clockid_t clock) {
    struct timespec time;
    if (clock_gettime(clock, &time) != 0)
        return -1;
    return (long long)time.tv_sec * 1000000000 + time.tv_nsec;
}

int main(void) {
    long long before = now(CLOCK_MONOTONIC), last = before;
    int backwards = 0;
    for (int i = 0; i < 1000; i++) {
        long long time = now(CLOCK_MONOTONIC);
        backwards += time < last;
        last = time;
    }
    printf("monotonic clock %s\n", before >= 0 && !backwards ? "never runs backwards" : "is wrong");

    struct timespec pause = {0, 30000000}, resolution;
    int slept = nanosleep(&pause, NULL);
    long long elapsed = now(CLOCK_MONOTONIC) - last;
    printf("slept %s\n", slept == 0 && elapsed >= 30000000 && elapsed < 20000000000 ? "as long as asked" : "wrongly");

    long long year = 365LL * 24 * 3600 * 1000000000, real = now(CLOCK_REALTIME);
    printf("the year is %s\n", real > 54 * year && real < 130 * year ? "plausible" : "wrong");
    printf("time() %s\n", time(NULL) - real / 1000000000 <= 1 ? "agrees" : "disagrees");
    printf("resolution %s\n",
           clock_getres(CLOCK_MONOTONIC, &resolution) == 0 && resolution.tv_nsec > 0 ? "known" : "unknown");

    unsigned char first[256] = {0}, second[256] = {0}, seen[256] = {0};
    int different = 0, result = getentropy(first, sizeof first) | getentropy(second, sizeof second);
    for (int i = 0; i < 256; i++) {
        different += !seen[first[i]];
        seen[first[i]] = 1;
    }
    printf("random bytes %s\n",
           result == 0 && memcmp(first, second, sizeof first) && different > 100 ? "look random" : "do not look random");
    printf("too many random bytes %s\n", getentropy(first, 257) == -1 && errno == EIO ? "refused" : "given");

    time_t fixed = 951827696; // a leap day
    struct tm *parts = gmtime(&fixed);
    char text[64];
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ %a %j", parts);
    printf("%s\n", text);
    return 0;
}
