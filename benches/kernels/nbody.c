/* Bodies that attract each other: divisions, square roots, and structures of seven numbers. */
#include "kernel.h"
#ifndef SIZE
#define SIZE 800000
#endif
#define BODIES 5
static struct body {
    double x, y, z, vx, vy, vz, mass;
} bodies[BODIES];

void setup(void) {
    seed(16);
    for (int i = 0; i < BODIES; i++)
        bodies[i] = (struct body){10 * next_unit(), 10 * next_unit(), 10 * next_unit(),
                                  next_unit(),      next_unit(),      next_unit(),      0.01 + next_unit()};
}

void kernel(void) {
    for (int step = 0; step < SIZE; step++) {
        for (int i = 0; i < BODIES; i++)
            for (int j = i + 1; j < BODIES; j++) {
                struct body *a = &bodies[i], *b = &bodies[j];
                double dx = a->x - b->x, dy = a->y - b->y, dz = a->z - b->z;
                double square = dx * dx + dy * dy + dz * dz + 0.01;
                double pull = 0.001 / (square * __builtin_sqrt(square));
                a->vx -= dx * b->mass * pull, a->vy -= dy * b->mass * pull, a->vz -= dz * b->mass * pull;
                b->vx += dx * a->mass * pull, b->vy += dy * a->mass * pull, b->vz += dz * a->mass * pull;
            }
        for (int i = 0; i < BODIES; i++) {
            struct body *a = &bodies[i];
            a->x += 0.001 * a->vx, a->y += 0.001 * a->vy, a->z += 0.001 * a->vz;
        }
    }
}

uint64_t checksum(void) { return sum_of(bodies, sizeof bodies); }
