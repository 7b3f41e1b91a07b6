/* Two matrix products in a row, D = A B C, by dot products: one factor is read down its columns. */
#include "kernel.h"
#ifndef SIZE
#define SIZE 330
#endif
static double a[SIZE][SIZE], b[SIZE][SIZE], c[SIZE][SIZE], d[SIZE][SIZE], product[SIZE][SIZE];

void setup(void) {
    seed(2);
    for (int i = 0; i < SIZE; i++)
        for (int j = 0; j < SIZE; j++) a[i][j] = next_unit(), b[i][j] = next_unit(), c[i][j] = next_unit();
}

static void times(double (*to)[SIZE], double (*x)[SIZE], double (*y)[SIZE]) {
    for (int i = 0; i < SIZE; i++)
        for (int j = 0; j < SIZE; j++) {
            double sum = 0;
            for (int k = 0; k < SIZE; k++) sum += x[i][k] * y[k][j];
            to[i][j] = sum;
        }
}

void kernel(void) {
    times(product, a, b);
    times(d, product, c);
}

uint64_t checksum(void) { return sum_of(d, sizeof d); }
