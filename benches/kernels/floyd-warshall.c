/* Shortest paths between all pairs: additions and comparisons of integers. */
#include "kernel.h"
#ifndef SIZE
#define SIZE 432
#endif
static int32_t paths[SIZE][SIZE];

void setup(void) {
    seed(8);
    for (int i = 0; i < SIZE; i++)
        for (int j = 0; j < SIZE; j++) paths[i][j] = i == j ? 0 : next() % 8 ? 9999 : 1 + (int32_t)(next() % 100);
}

void kernel(void) {
    for (int k = 0; k < SIZE; k++)
        for (int i = 0; i < SIZE; i++)
            for (int j = 0; j < SIZE; j++) {
                int32_t way = paths[i][k] + paths[k][j];
                paths[i][j] = paths[i][j] < way ? paths[i][j] : way;
            }
}

uint64_t checksum(void) { return sum_of(paths, sizeof paths); }
