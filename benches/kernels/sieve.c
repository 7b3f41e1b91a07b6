/* Primes: strides through bytes, and numbers divided to see. */
#include "kernel.h"
#ifndef SIZE
#define SIZE 8000000
#endif
static uint8_t composite[SIZE];
static uint64_t sum;

void setup(void) {
    for (size_t i = 0; i < SIZE; i++) composite[i] = 0;
    sum = 0;
}

static int divides_nothing(uint32_t n) {
    for (uint32_t d = 3; d * d <= n; d += 2)
        if (n % d == 0) return 0;
    return 1;
}

void kernel(void) {
    for (size_t i = 2; i * i < SIZE; i++)
        if (!composite[i])
            for (size_t j = i * i; j < SIZE; j += i) composite[j] = 1;
    for (uint32_t i = 2; i < SIZE; i++) sum += composite[i] ? 0 : i;
    for (uint32_t n = 1000001; n < 1040001; n += 2) sum += (uint32_t)divides_nothing(n);
}

uint64_t checksum(void) { return sum; }
