/* Decomposition into triangular matrices, in place. */
#include "kernel.h"
#ifndef SIZE
#define SIZE 560
#endif
static double a[SIZE][SIZE];

void setup(void) {
    seed(9);
    for (int i = 0; i < SIZE; i++)
        for (int j = 0; j < SIZE; j++) a[i][j] = next_unit() + (i == j ? SIZE : 0);
}

void kernel(void) {
    for (int i = 0; i < SIZE; i++) {
        for (int j = 0; j < i; j++) {
            for (int k = 0; k < j; k++) a[i][j] -= a[i][k] * a[k][j];
            a[i][j] /= a[j][j];
        }
        for (int j = i; j < SIZE; j++)
            for (int k = 0; k < i; k++) a[i][j] -= a[i][k] * a[k][j];
    }
}

uint64_t checksum(void) { return sum_of(a, sizeof a); }
