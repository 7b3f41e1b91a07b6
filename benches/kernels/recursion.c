/* Calls, and little else: Ackermann's function and Hofstadter's sequences. */
#include "kernel.h"
#ifndef SIZE
#define SIZE 7
#endif
static uint64_t sum;

void setup(void) { sum = 0; }

static uint32_t ackermann(uint32_t m, uint32_t n) {
    return m == 0 ? n + 1 : ackermann(m - 1, n == 0 ? 1 : ackermann(m, n - 1));
}

static uint32_t male(uint32_t n);
static uint32_t female(uint32_t n) { return n == 0 ? 1 : n - male(female(n - 1)); }
static uint32_t male(uint32_t n) { return n == 0 ? 0 : n - female(male(n - 1)); }

static uint32_t g(uint32_t n) { return n < 3 ? n : g(n - 1) + g(n - 2) - g(n - 3) / 2; }

void kernel(void) {
    for (int i = 0; i < 8; i++) sum = mixed(sum, ackermann(3, SIZE));
    sum = mixed(sum, male(15 * SIZE) + g(4 * SIZE));
}

uint64_t checksum(void) { return sum; }
