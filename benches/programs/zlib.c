/* zlib: a text deflated, and inflated again, with both of its checksums. */
#include "text.h"
#include <string.h>
#include <zlib.h>
#ifndef SIZE
#define SIZE (1 << 20)
#endif

static char plain[SIZE], back[SIZE];
static unsigned char packed[2 * SIZE];
static uint64_t sum;

void setup(void) {
    fill(plain, SIZE);
    sum = 0;
}

void kernel(void) {
    uLongf length = sizeof packed, restored = SIZE;
    sum = mixed(sum, (uint64_t)compress2(packed, &length, (const Bytef *)plain, SIZE, 6));
    sum = mixed(sum, sum_of(packed, length));
    for (int again = 0; again < 3; again++) {
        restored = SIZE;
        sum = mixed(sum, (uint64_t)uncompress((Bytef *)back, &restored, packed, length));
        sum = mixed(sum, restored == SIZE && memcmp(plain, back, SIZE) == 0);
    }
    sum = mixed(sum, crc32(0, (const Bytef *)plain, SIZE) ^ adler32(1, (const Bytef *)plain, SIZE));
}

uint64_t checksum(void) { return sum; }
