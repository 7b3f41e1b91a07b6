/* zstd: a text compressed at two levels, and back. */
#include "text.h"
#include <string.h>
#include <zstd.h>
#ifndef SIZE
#define SIZE (1 << 20)
#endif

static char plain[SIZE], packed[2 * SIZE], back[SIZE];
static uint64_t sum;

void setup(void) {
    fill(plain, SIZE);
    sum = 0;
}

void kernel(void) {
    static const int levels[] = {1, 3, 7};
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        size_t length = ZSTD_compress(packed, sizeof packed, plain, SIZE, levels[i]);
        if (ZSTD_isError(length)) length = 0;
        sum = mixed(sum, sum_of(packed, length) ^ length);
        for (int again = 0; again < 3; again++)
            sum = mixed(sum, ZSTD_decompress(back, SIZE, packed, length) == SIZE && memcmp(plain, back, SIZE) == 0);
    }
}

uint64_t checksum(void) { return sum; }
