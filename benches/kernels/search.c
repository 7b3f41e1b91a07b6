/* Words found in a text: Horspool's way, and byte by byte. */
#include "kernel.h"
#ifndef SIZE
#define SIZE (5 << 19)
#endif
static uint8_t text[SIZE];
static uint64_t found;
static const char *const words[] = {"abacabad", "cabbage", "deadbeefcafe", "aaaaaaaa", "facade", "effaced", "bed", "dada"};

void setup(void) {
    seed(17);
    for (size_t i = 0; i < SIZE; i++) text[i] = (uint8_t)('a' + next() % 6);
    found = 0;
}

static size_t length(const char *word) {
    size_t n = 0;
    while (word[n]) n++;
    return n;
}

static uint64_t skipping(const char *word) {
    size_t n = length(word), skip[256];
    uint64_t sum = 0;
    for (int i = 0; i < 256; i++) skip[i] = n;
    for (size_t i = 0; i + 1 < n; i++) skip[(uint8_t)word[i]] = n - 1 - i;
    for (size_t at = 0; at + n <= SIZE; at += skip[text[at + n - 1]]) {
        size_t i = n;
        while (i && text[at + i - 1] == (uint8_t)word[i - 1]) i--;
        if (i == 0) sum = mixed(sum, at);
    }
    return sum;
}

static uint64_t plain(const char *word) {
    size_t n = length(word);
    uint64_t sum = 0;
    for (size_t at = 0; at + n <= SIZE; at++) {
        size_t i = 0;
        while (i < n && text[at + i] == (uint8_t)word[i]) i++;
        if (i == n) sum = mixed(sum, at);
    }
    return sum;
}

void kernel(void) {
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) found = mixed(found, skipping(words[i]));
    found = mixed(found, plain(words[0]));
}

uint64_t checksum(void) { return found; }
