/* Columns made orthogonal one after another: strides, square roots, divisions. */
#include "kernel.h"
#ifndef SIZE
#define SIZE 320
#endif
static double a[SIZE][SIZE], q[SIZE][SIZE], r[SIZE][SIZE];

void setup(void) {
    seed(11);
    for (int i = 0; i < SIZE; i++)
        for (int j = 0; j < SIZE; j++) a[i][j] = next_unit(), q[i][j] = r[i][j] = 0;
}

void kernel(void) {
    for (int k = 0; k < SIZE; k++) {
        double square = 0;
        for (int i = 0; i < SIZE; i++) square += a[i][k] * a[i][k];
        r[k][k] = __builtin_sqrt(square);
        for (int i = 0; i < SIZE; i++) q[i][k] = a[i][k] / r[k][k];
        for (int j = k + 1; j < SIZE; j++) {
            double sum = 0;
            for (int i = 0; i < SIZE; i++) sum += q[i][k] * a[i][j];
            r[k][j] = sum;
            for (int i = 0; i < SIZE; i++) a[i][j] -= q[i][k] * sum;
        }
    }
}

uint64_t checksum(void) { return mixed(sum_of(q, sizeof q), sum_of(r, sizeof r)); }
