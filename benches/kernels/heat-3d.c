/* A stencil in three dimensions. */
#include "kernel.h"
#ifndef SIZE
#define SIZE 64
#endif
static double a[SIZE][SIZE][SIZE], b[SIZE][SIZE][SIZE];

void setup(void) {
    seed(6);
    for (int i = 0; i < SIZE; i++)
        for (int j = 0; j < SIZE; j++)
            for (int k = 0; k < SIZE; k++) a[i][j][k] = b[i][j][k] = next_unit();
}

static void step(double (*to)[SIZE][SIZE], double (*from)[SIZE][SIZE]) {
    for (int i = 1; i < SIZE - 1; i++)
        for (int j = 1; j < SIZE - 1; j++)
            for (int k = 1; k < SIZE - 1; k++)
                to[i][j][k] = 0.125 * (from[i + 1][j][k] - 2.0 * from[i][j][k] + from[i - 1][j][k]) +
                              0.125 * (from[i][j + 1][k] - 2.0 * from[i][j][k] + from[i][j - 1][k]) +
                              0.125 * (from[i][j][k + 1] - 2.0 * from[i][j][k] + from[i][j][k - 1]) + from[i][j][k];
}

void kernel(void) {
    for (int time = 0; time < 75; time++) {
        step(b, a);
        step(a, b);
    }
}

uint64_t checksum(void) { return sum_of(a, sizeof a); }
