/* Conway's game of life on a torus, a byte a cell. */
#include "kernel.h"
#ifndef SIZE
#define SIZE 512
#endif
static uint8_t cells[2][SIZE][SIZE];

void setup(void) {
    seed(21);
    for (int i = 0; i < SIZE; i++)
        for (int j = 0; j < SIZE; j++) cells[0][i][j] = next() >> 62 == 0;
}

static void step(uint8_t (*to)[SIZE], uint8_t (*from)[SIZE]) {
    for (int i = 0; i < SIZE; i++) {
        const uint8_t *up = from[(i + SIZE - 1) % SIZE], *here = from[i], *down = from[(i + 1) % SIZE];
        for (int j = 0; j < SIZE; j++) {
            int l = (j + SIZE - 1) % SIZE, r = (j + 1) % SIZE;
            int around = up[l] + up[j] + up[r] + here[l] + here[r] + down[l] + down[j] + down[r];
            to[i][j] = around == 3 || (around == 2 && here[j]);
        }
    }
}

void kernel(void) {
    for (int time = 0; time < 18; time++) {
        step(cells[1], cells[0]);
        step(cells[0], cells[1]);
    }
}

uint64_t checksum(void) { return sum_of(cells[0], sizeof cells[0]); }
