/* How an RNA folds: dynamic programming over a triangle, with a choice of four at each place. */
#include "kernel.h"
#ifndef SIZE
#define SIZE 680
#endif
static uint8_t sequence[SIZE];
static int32_t best[SIZE][SIZE];

void setup(void) {
    seed(12);
    for (int i = 0; i < SIZE; i++) sequence[i] = next() % 4;
    for (int i = 0; i < SIZE; i++)
        for (int j = 0; j < SIZE; j++) best[i][j] = 0;
}

static int32_t larger(int32_t a, int32_t b) { return a > b ? a : b; }

void kernel(void) {
    for (int i = SIZE - 1; i >= 0; i--)
        for (int j = i + 1; j < SIZE; j++) {
            int32_t most = larger(best[i][j - 1], i + 1 < SIZE ? best[i + 1][j] : 0);
            int32_t pair = i < j - 1 && sequence[i] + sequence[j] == 3;
            if (i + 1 < SIZE) most = larger(most, best[i + 1][j - 1] + pair);
            for (int k = i + 1; k < j; k++) most = larger(most, best[i][k] + best[k + 1][j]);
            best[i][j] = most;
        }
}

uint64_t checksum(void) { return sum_of(best, sizeof best); }
