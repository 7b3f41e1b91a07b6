/* A matrix and its transpose, each times a vector: one bound by memory, one by strides. */
#include "kernel.h"
#ifndef SIZE
#define SIZE 1500
#endif
static double a[SIZE][SIZE], x1[SIZE], x2[SIZE], y1[SIZE], y2[SIZE];

void setup(void) {
    seed(3);
    for (int i = 0; i < SIZE; i++) {
        x1[i] = next_unit(), x2[i] = next_unit(), y1[i] = next_unit(), y2[i] = next_unit();
        for (int j = 0; j < SIZE; j++) a[i][j] = next_unit();
    }
}

void kernel(void) {
    for (int again = 0; again < 8; again++) {
        for (int i = 0; i < SIZE; i++)
            for (int j = 0; j < SIZE; j++) x1[i] += a[i][j] * y1[j];
        for (int i = 0; i < SIZE; i++)
            for (int j = 0; j < SIZE; j++) x2[i] += a[j][i] * y2[j];
    }
}

uint64_t checksum(void) { return mixed(sum_of(x1, sizeof x1), sum_of(x2, sizeof x2)); }
