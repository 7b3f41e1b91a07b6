/* Text decoded, checked and encoded again: bytes that decide what the next bytes mean. */
#include "kernel.h"
#ifndef SIZE
#define SIZE (4 << 20)
#endif
static uint8_t text[SIZE + 4], back[SIZE + 4];
static uint32_t points[SIZE + 4];
static size_t length, count;

static size_t encode(uint8_t *to, uint32_t point) {
    if (point < 0x80) return to[0] = (uint8_t)point, 1;
    if (point < 0x800) return to[0] = (uint8_t)(0xc0 | point >> 6), to[1] = 0x80 | (point & 63), 2;
    if (point < 0x10000)
        return to[0] = (uint8_t)(0xe0 | point >> 12), to[1] = 0x80 | (point >> 6 & 63), to[2] = 0x80 | (point & 63), 3;
    to[0] = (uint8_t)(0xf0 | point >> 18), to[1] = 0x80 | (point >> 12 & 63);
    to[2] = 0x80 | (point >> 6 & 63), to[3] = 0x80 | (point & 63);
    return 4;
}

void setup(void) {
    seed(22);
    for (length = 0; length < SIZE;) {
        uint64_t x = next();
        uint32_t point = x % 100 < 60 ? 32 + (x >> 8) % 95 : x % 100 < 80 ? 0x80 + (x >> 8) % 0x700
                       : x % 100 < 95 ? 0x800 + (x >> 8) % 0xc000 : 0x10000 + (x >> 8) % 0x100000;
        length += encode(text + length, point);
    }
}

static size_t decode(void) {
    size_t made = 0;
    for (size_t i = 0; i < length;) {
        uint8_t first = text[i++];
        int more = first < 0x80 ? 0 : first < 0xc2 ? -1 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : first < 0xf5 ? 3 : -1;
        if (more < 0) return 0;
        uint32_t point = more == 0 ? first : first & (0x3f >> more);
        for (; more; more--) {
            if ((text[i] & 0xc0) != 0x80) return 0;
            point = point << 6 | (text[i++] & 63);
        }
        points[made++] = point;
    }
    return made;
}

void kernel(void) {
    count = decode();
    size_t at = 0;
    for (size_t i = 0; i < count; i++) at += encode(back + at, points[i]);
}

uint64_t checksum(void) { return mixed(sum_of(back, length), count); }
