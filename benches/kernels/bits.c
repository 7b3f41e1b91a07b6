/* Tricks with bits: counts, reversal, greatest common divisors, square roots, Morton codes. */
#include "kernel.h"
#ifndef SIZE
#define SIZE 400000
#endif
static uint64_t sum;

void setup(void) { sum = 0; }

static uint64_t reversed(uint64_t x) {
    x = (x >> 1 & 0x5555555555555555) | (x & 0x5555555555555555) << 1;
    x = (x >> 2 & 0x3333333333333333) | (x & 0x3333333333333333) << 2;
    x = (x >> 4 & 0x0f0f0f0f0f0f0f0f) | (x & 0x0f0f0f0f0f0f0f0f) << 4;
    return __builtin_bswap64(x);
}

static uint64_t divisor(uint64_t a, uint64_t b) { /* neither is 0 */
    int shift = __builtin_ctzll(a | b);
    a >>= __builtin_ctzll(a);
    while (b) {
        b >>= __builtin_ctzll(b);
        if (a > b) {
            uint64_t kept = a;
            a = b, b = kept;
        }
        b -= a;
    }
    return a << shift;
}

static uint32_t root(uint64_t x) {
    uint64_t result = 0;
    for (uint64_t bit = 1ull << 62; bit; bit >>= 2) {
        if (x >= result + bit) {
            x -= result + bit;
            result = (result >> 1) + bit;
        } else {
            result >>= 1;
        }
    }
    return (uint32_t)result;
}

static uint64_t spread(uint32_t x) {
    uint64_t y = x;
    y = (y | y << 16) & 0x0000ffff0000ffff;
    y = (y | y << 8) & 0x00ff00ff00ff00ff;
    y = (y | y << 4) & 0x0f0f0f0f0f0f0f0f;
    y = (y | y << 2) & 0x3333333333333333;
    return (y | y << 1) & 0x5555555555555555;
}

void kernel(void) {
    seed(18);
    for (int i = 0; i < SIZE; i++) {
        uint64_t a = next() | 1, b = next() | 2;
        sum += (uint64_t)__builtin_popcountll(a) + (uint64_t)__builtin_clzll(b) + divisor(a >> 40, (b >> 40) + 1);
        sum = mixed(sum, reversed(a) ^ (a << (b & 63) | a >> (-b & 63)));
        sum += root(b) + spread((uint32_t)a) + (a / ((b >> 32) + 1)) + (a % 1000003);
    }
}

uint64_t checksum(void) { return sum; }
