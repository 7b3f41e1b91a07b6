/* What a kernel is to the harness. setup() makes the input, kernel() is what is timed, checksum() says what came out:
   the same bits wherever it ran, so nothing here depends on a C library's mathematics, on the width of a pointer, or on
   fused operations. SIZE, how much there is to do, can be set from outside. */
#ifndef KERNEL_H
#define KERNEL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __wasm__
#define EXPORTED(name) __attribute__((export_name(#name)))
#else
#define EXPORTED(name)
#endif

EXPORTED(setup) void setup(void);
EXPORTED(kernel) void kernel(void);
EXPORTED(checksum) uint64_t checksum(void);

/* The same numbers everywhere: xorshift64*. */
static uint64_t random_state;

static inline void seed(uint64_t with) { random_state = with * 0x9e3779b97f4a7c15u + 1; }

static inline uint64_t next(void) {
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return random_state * 0x2545f4914f6cdd1du;
}

/* At least 0, less than 1. */
static inline double next_unit(void) { return (double)(next() >> 11) * 0x1p-53; }

/* FNV-1a, eight bytes a step. */
static inline uint64_t mixed(uint64_t sum, uint64_t value) { return (sum ^ value) * 0x100000001b3u; }

static inline uint64_t sum_of(const void *data, size_t bytes) {
    uint64_t sum = 0xcbf29ce484222325u, word;
    for (size_t i = 0; i + sizeof word <= bytes; i += sizeof word) {
        __builtin_memcpy(&word, (const char *)data + i, sizeof word);
        sum = mixed(sum, word);
    }
    return sum;
}

#endif
