/* Matrix product, C = alpha A B + beta C: the inner loop runs along rows. */
#include "kernel.h"
#ifndef SIZE
#define SIZE 560
#endif
static double a[SIZE][SIZE], b[SIZE][SIZE], c[SIZE][SIZE];

void setup(void) {
    seed(1);
    for (int i = 0; i < SIZE; i++)
        for (int j = 0; j < SIZE; j++) a[i][j] = next_unit(), b[i][j] = next_unit(), c[i][j] = next_unit();
}

void kernel(void) {
    for (int i = 0; i < SIZE; i++) {
        for (int j = 0; j < SIZE; j++) c[i][j] *= 1.2;
        for (int k = 0; k < SIZE; k++)
            for (int j = 0; j < SIZE; j++) c[i][j] += 1.5 * a[i][k] * b[k][j];
    }
}

uint64_t checksum(void) { return sum_of(c, sizeof c); }
