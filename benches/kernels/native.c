/* A kernel as a process: for each line on standard input it runs once, and says how many nanoseconds of a processor
   kernel() took and what came out. WASI has no clock of a processor: there it is the time that went by. */
#include "kernel.h"
#include <stdio.h>
#include <time.h>

#ifdef __wasm__
#define CLOCK CLOCK_MONOTONIC
#else
#define CLOCK CLOCK_PROCESS_CPUTIME_ID
#endif

static uint64_t now(void) {
    struct timespec at;
    clock_gettime(CLOCK, &at);
    return (uint64_t)at.tv_sec * 1000000000u + (uint64_t)at.tv_nsec;
}

int main(void) {
    for (int byte; (byte = getchar()) != EOF;) {
        if (byte != '\n') continue;
        setup();
        uint64_t begun = now();
        kernel();
        uint64_t time = now() - begun;
        printf("%llu %llu\n", (unsigned long long)time, (unsigned long long)checksum());
        fflush(stdout);
    }
    return 0;
}
