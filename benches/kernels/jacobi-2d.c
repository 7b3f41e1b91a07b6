/* A stencil of five points, from one grid to another and back. */
#include "kernel.h"
#ifndef SIZE
#define SIZE 500
#endif
static double a[SIZE][SIZE], b[SIZE][SIZE];

void setup(void) {
    seed(4);
    for (int i = 0; i < SIZE; i++)
        for (int j = 0; j < SIZE; j++) a[i][j] = next_unit(), b[i][j] = next_unit();
}

static void step(double (*to)[SIZE], double (*from)[SIZE]) {
    for (int i = 1; i < SIZE - 1; i++)
        for (int j = 1; j < SIZE - 1; j++)
            to[i][j] = 0.2 * (from[i][j] + from[i][j - 1] + from[i][j + 1] + from[i + 1][j] + from[i - 1][j]);
}

void kernel(void) {
    for (int time = 0; time < 110; time++) {
        step(b, a);
        step(a, b);
    }
}

uint64_t checksum(void) { return sum_of(a, sizeof a); }
