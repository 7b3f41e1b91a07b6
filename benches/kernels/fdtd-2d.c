/* Electromagnetic waves in a plane: three fields, each made from the others. */
#include "kernel.h"
#ifndef SIZE
#define SIZE 500
#endif
static double ex[SIZE][SIZE], ey[SIZE][SIZE], hz[SIZE][SIZE];

void setup(void) {
    seed(7);
    for (int i = 0; i < SIZE; i++)
        for (int j = 0; j < SIZE; j++) ex[i][j] = next_unit(), ey[i][j] = next_unit(), hz[i][j] = next_unit();
}

void kernel(void) {
    for (int time = 0; time < 75; time++) {
        for (int j = 0; j < SIZE; j++) ey[0][j] = time;
        for (int i = 1; i < SIZE; i++)
            for (int j = 0; j < SIZE; j++) ey[i][j] -= 0.5 * (hz[i][j] - hz[i - 1][j]);
        for (int i = 0; i < SIZE; i++)
            for (int j = 1; j < SIZE; j++) ex[i][j] -= 0.5 * (hz[i][j] - hz[i][j - 1]);
        for (int i = 0; i < SIZE - 1; i++)
            for (int j = 0; j < SIZE - 1; j++)
                hz[i][j] -= 0.7 * (ex[i][j + 1] - ex[i][j] + ey[i + 1][j] - ey[i][j]);
    }
}

uint64_t checksum(void) { return sum_of(hz, sizeof hz); }
