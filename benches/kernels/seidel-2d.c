/* A stencil of nine points in place: each point waits for the one before it. */
#include "kernel.h"
#ifndef SIZE
#define SIZE 400
#endif
static double a[SIZE][SIZE];

void setup(void) {
    seed(5);
    for (int i = 0; i < SIZE; i++)
        for (int j = 0; j < SIZE; j++) a[i][j] = next_unit();
}

void kernel(void) {
    for (int time = 0; time < 30; time++)
        for (int i = 1; i < SIZE - 1; i++)
            for (int j = 1; j < SIZE - 1; j++)
                a[i][j] = (a[i - 1][j - 1] + a[i - 1][j] + a[i - 1][j + 1] + a[i][j - 1] + a[i][j] + a[i][j + 1] +
                           a[i + 1][j - 1] + a[i + 1][j] + a[i + 1][j + 1]) / 9.0;
}

uint64_t checksum(void) { return sum_of(a, sizeof a); }
