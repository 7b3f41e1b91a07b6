/* Objects with tables of functions, called in an order that varies: what virtual methods and callbacks cost. */
#include "kernel.h"
#ifndef SIZE
#define SIZE 6000
#endif
struct shape;
struct methods {
    uint32_t (*area)(const struct shape *);
    void (*grow)(struct shape *, uint32_t);
};
struct shape {
    const struct methods *methods;
    uint32_t a, b, c;
};

static uint32_t square_area(const struct shape *s) { return s->a * s->a; }
static uint32_t rectangle_area(const struct shape *s) { return s->a * s->b; }
static uint32_t triangle_area(const struct shape *s) { return s->a * s->b / 2; }
static uint32_t box_area(const struct shape *s) { return 2 * (s->a * s->b + s->b * s->c + s->a * s->c); }
static void grow_one(struct shape *s, uint32_t by) { s->a += by; }
static void grow_two(struct shape *s, uint32_t by) { s->a += by, s->b ^= by; }
static void grow_all(struct shape *s, uint32_t by) { s->a += by, s->b += by, s->c = s->c * 3 + by; }

static const struct methods kinds[] = {
    {square_area, grow_one}, {rectangle_area, grow_two}, {triangle_area, grow_two}, {box_area, grow_all}};
static struct shape shapes[SIZE];
static uint64_t sum;

static int less(const void *a, const void *b) { return ((const struct shape *)a)->a < ((const struct shape *)b)->a; }

/* The least, by a comparison that is passed. */
__attribute__((noinline)) static const struct shape *least(int (*before)(const void *, const void *)) {
    const struct shape *found = shapes;
    for (int i = 1; i < SIZE; i++)
        if (before(&shapes[i], found)) found = &shapes[i];
    return found;
}

void setup(void) {
    seed(19);
    sum = 0;
    for (int i = 0; i < SIZE; i++) {
        uint64_t x = next();
        shapes[i] = (struct shape){&kinds[x >> 62], x & 1023, x >> 10 & 1023, x >> 20 & 1023};
    }
}

void kernel(void) {
    int (*volatile before)(const void *, const void *) = less;
    for (uint32_t round = 0; round < 600; round++) {
        for (int i = 0; i < SIZE; i++) {
            shapes[i].methods->grow(&shapes[i], round);
            sum += shapes[i].methods->area(&shapes[i]);
        }
        sum = mixed(sum, least(before)->a);
    }
}

uint64_t checksum(void) { return sum; }
