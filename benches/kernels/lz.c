/* A small compressor of the LZ77 family and its inverse: byte loads, hashes, copies that overlap. */
#include "kernel.h"
#ifndef SIZE
#define SIZE (6 << 20)
#endif
static uint8_t plain[SIZE], packed[2 * SIZE + 64], again[SIZE];
static uint32_t heads[1 << 15];
static size_t packed_length;

void setup(void) {
    /* Words of a vocabulary, so that there is something to find. */
    seed(20);
    uint8_t words[256][8];
    for (int i = 0; i < 256; i++)
        for (int j = 0; j < 8; j++) words[i][j] = (uint8_t)('a' + next() % 26);
    for (size_t i = 0; i < SIZE;) {
        uint64_t x = next();
        const uint8_t *word = words[(x & 255) * (x >> 8 & 255) >> 8];
        for (size_t n = 2 + (x >> 16) % 7; n && i < SIZE; n--) plain[i++] = *word++;
        if (i < SIZE) plain[i++] = ' ';
    }
}

static uint32_t word_at(const uint8_t *p) {
    uint32_t word;
    __builtin_memcpy(&word, p, 4);
    return word;
}

static size_t pack(void) {
    size_t out = 0, literal = 0, i = 0;
    for (size_t slot = 0; slot < sizeof heads / sizeof *heads; slot++) heads[slot] = 0;
    while (i + 8 < SIZE) {
        uint32_t hash = word_at(plain + i) * 2654435761u >> 17;
        size_t from = heads[hash];
        heads[hash] = (uint32_t)i;
        if (from < i && i - from < 65536 && word_at(plain + from) == word_at(plain + i)) {
            size_t length = 4;
            while (i + length < SIZE && length < 255 && plain[from + length] == plain[i + length]) length++;
            packed[out++] = (uint8_t)literal;
            for (size_t j = i - literal; j < i; j++) packed[out++] = plain[j];
            packed[out++] = (uint8_t)length;
            packed[out++] = (uint8_t)(i - from);
            packed[out++] = (uint8_t)((i - from) >> 8);
            i += length;
            literal = 0;
        } else {
            i++;
            if (++literal == 255) {
                packed[out++] = 255;
                for (size_t j = i - 255; j < i; j++) packed[out++] = plain[j];
                packed[out++] = 0;
                literal = 0;
            }
        }
    }
    literal += SIZE - i;
    packed[out++] = (uint8_t)literal;
    for (size_t j = SIZE - literal; j < SIZE; j++) packed[out++] = plain[j];
    return out;
}

static void unpack(size_t length) {
    size_t in = 0, out = 0;
    while (in < length) {
        for (size_t n = packed[in++]; n; n--) again[out++] = packed[in++];
        if (in >= length) break;
        size_t n = packed[in++];
        if (n == 0) continue;
        size_t back = packed[in] | (size_t)packed[in + 1] << 8;
        in += 2;
        for (; n; n--, out++) again[out] = again[out - back];
    }
}

void kernel(void) {
    packed_length = pack();
    unpack(packed_length);
}

uint64_t checksum(void) {
    int same = 1;
    for (size_t i = 0; i < SIZE; i++) same &= plain[i] == again[i];
    return mixed(sum_of(packed, packed_length), (uint64_t)same);
}
