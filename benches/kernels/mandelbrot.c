/* The Mandelbrot set: a chain of floating-point operations that leaves the loop at a time that varies. */
#include "kernel.h"
#ifndef SIZE
#define SIZE 640
#endif
static uint32_t steps[SIZE][SIZE];

void setup(void) {}

void kernel(void) {
    for (int i = 0; i < SIZE; i++)
        for (int j = 0; j < SIZE; j++) {
            double cr = 3.0 * j / SIZE - 2.0, ci = 3.0 * i / SIZE - 1.5, r = 0, im = 0;
            uint32_t step = 0;
            while (step < 200 && r * r + im * im < 4.0) {
                double next_r = r * r - im * im + cr;
                im = 2.0 * r * im + ci;
                r = next_r;
                step++;
            }
            steps[i][j] = step;
        }
}

uint64_t checksum(void) { return sum_of(steps, sizeof steps); }
