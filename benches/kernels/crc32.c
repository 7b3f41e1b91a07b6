/* Checksums of a buffer by tables: CRC-32 a byte at a time and eight at a time, and Adler-32. */
#include "kernel.h"
#ifndef SIZE
#define SIZE (9 << 20)
#endif
static uint32_t tables[8][256];
static uint8_t data[SIZE];
static uint64_t sum;

void setup(void) {
    seed(23);
    for (size_t i = 0; i < SIZE; i++) data[i] = (uint8_t)(next() >> 56);
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
        tables[0][i] = crc;
    }
    for (int t = 1; t < 8; t++)
        for (int i = 0; i < 256; i++) tables[t][i] = tables[t - 1][i] >> 8 ^ tables[0][tables[t - 1][i] & 255];
}

void kernel(void) {
    uint32_t crc = ~0u, fast = ~0u, a = 1, b = 0;
    for (size_t i = 0; i < SIZE; i++) crc = crc >> 8 ^ tables[0][(crc ^ data[i]) & 255];
    for (size_t i = 0; i + 8 <= SIZE; i += 8) {
        uint32_t low, high;
        __builtin_memcpy(&low, data + i, 4);
        __builtin_memcpy(&high, data + i + 4, 4);
        low ^= fast;
        fast = tables[7][low & 255] ^ tables[6][low >> 8 & 255] ^ tables[5][low >> 16 & 255] ^ tables[4][low >> 24] ^
               tables[3][high & 255] ^ tables[2][high >> 8 & 255] ^ tables[1][high >> 16 & 255] ^ tables[0][high >> 24];
    }
    for (size_t i = 0; i < SIZE; i++) {
        a += data[i];
        a -= a >= 65521 ? 65521 : 0;
        b += a;
        b -= b >= 65521 ? 65521 : 0;
    }
    sum = mixed(mixed(crc, fast), (uint64_t)b << 16 | a);
}

uint64_t checksum(void) { return sum; }
