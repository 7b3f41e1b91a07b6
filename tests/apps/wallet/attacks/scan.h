// Looks for the wallet's seed in all of the memory that this module can address.
#pragma once

#include <stddef.h>
#include <stdint.h>

// Where `key` ^ 0x55 lies from `from` on. The seed itself is nowhere in this module, else it would find itself.
static size_t find(size_t from, const unsigned char *key, size_t len) {
    size_t end = __builtin_wasm_memory_size(0) << 16;
    for (size_t at = from; at + len <= end; at++) {
        size_t same = 0;
        while (same < len && (((volatile unsigned char *)at)[same] ^ 0x55) == key[same]) same++;
        if (same == len) return at;
    }
    return 0;
}

// "seed: lantern orbit"
static const unsigned char KEY[] = {0x26, 0x30, 0x30, 0x31, 0x6f, 0x75, 0x39, 0x34, 0x3b, 0x21,
                                    0x30, 0x27, 0x3b, 0x75, 0x3a, 0x27, 0x37, 0x3c, 0x21};

static size_t find_seed(void) {
    return find(16, KEY, sizeof KEY);
}
