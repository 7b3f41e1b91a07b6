/* The root of a positive matrix, and the triangular systems solved with it. */
#include "kernel.h"
#ifndef SIZE
#define SIZE 560
#endif
static double a[SIZE][SIZE], right[SIZE][8];

void setup(void) {
    seed(10);
    for (int i = 0; i < SIZE; i++) {
        for (int j = 0; j <= i; j++) a[i][j] = a[j][i] = next_unit() + (i == j ? SIZE : 0);
        for (int j = 0; j < 8; j++) right[i][j] = next_unit();
    }
}

void kernel(void) {
    for (int i = 0; i < SIZE; i++) {
        for (int j = 0; j < i; j++) {
            for (int k = 0; k < j; k++) a[i][j] -= a[i][k] * a[j][k];
            a[i][j] /= a[j][j];
        }
        for (int k = 0; k < i; k++) a[i][i] -= a[i][k] * a[i][k];
        a[i][i] = __builtin_sqrt(a[i][i]);
    }
    for (int i = 0; i < SIZE; i++)
        for (int j = 0; j < 8; j++) {
            double sum = right[i][j];
            for (int k = 0; k < i; k++) sum -= a[i][k] * right[k][j];
            right[i][j] = sum / a[i][i];
        }
}

uint64_t checksum(void) { return mixed(sum_of(a, sizeof a), sum_of(right, sizeof right)); }
