// The same random bytes in every run: those of ChaCha20 (RFC 8439), for a key that follows from SEED.
//
// For tests, and builds that are to give the same. Whoever knows SEED knows every byte, so this is not for keys.
#include "base.h"

// The most bytes of one call.
#define MOST 65536u

static uint32_t state[16];
static uint8_t block[64];
static uint32_t block_used = sizeof block;

static uint32_t rotate(uint32_t value, uint32_t by) {
    return value << by | value >> (32 - by);
}

// RFC 8439, 2.1
static void quarter_round(uint32_t x[16], int a, int b, int c, int d) {
    x[a] += x[b], x[d] = rotate(x[d] ^ x[a], 16);
    x[c] += x[d], x[b] = rotate(x[b] ^ x[c], 12);
    x[a] += x[b], x[d] = rotate(x[d] ^ x[a], 8);
    x[c] += x[d], x[b] = rotate(x[b] ^ x[c], 7);
}

// RFC 8439, 2.3; the counter goes on through the nonce. Bytes of a word are in the order of the memory's.
static void next_block(void) {
    uint32_t x[16];
    copy(x, state, sizeof x);
    for (int round = 0; round < 10; round++) {
        quarter_round(x, 0, 4, 8, 12);
        quarter_round(x, 1, 5, 9, 13);
        quarter_round(x, 2, 6, 10, 14);
        quarter_round(x, 3, 7, 11, 15);
        quarter_round(x, 0, 5, 10, 15);
        quarter_round(x, 1, 6, 11, 12);
        quarter_round(x, 2, 7, 8, 13);
        quarter_round(x, 3, 4, 9, 14);
    }
    for (int i = 0; i < 16; i++) x[i] += state[i];
    copy(block, x, sizeof block);
    block_used = 0;
    for (int i = 12; i < 16 && ++state[i] == 0; i++) {}
}

VIRT_EXPORT("_initialize") void initialize(void) {
    static const uint32_t constants[4] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
    copy(state, constants, sizeof constants);
    const char *seed = setting("SEED");
    uint32_t len = seed == NULL ? 0 : length(seed);
    // Each 32 bytes of the seed change the key, and the next key is of the block that this one gives. A seed of fewer bytes
    // is its own key. How long it is, the last round is told.
    for (uint32_t done = 0; done < len; done += 32) {
        uint8_t part[32];
        clear(part, sizeof part);
        copy(part, seed + done, least(len - done, sizeof part));
        for (int i = 0; i < 32; i++) ((uint8_t *)(state + 4))[i] ^= part[i];
        if (len <= sizeof part) break;
        next_block();
        copy(state + 4, block, 32);
    }
    if (len > 32) state[12] = len;
    block_used = sizeof block;
}

virt_bytes *virt_random_get(uint32_t len) {
    static virt_bytes result;
    call_begins();
    uint8_t *at = arena_rest(least(len, MOST), &len);
    for (uint32_t done = 0; done < len;) {
        if (block_used == sizeof block) next_block();
        uint32_t part = least(len - done, (uint32_t)sizeof block - block_used);
        copy(at + done, block + block_used, part);
        block_used += part;
        done += part;
    }
    result = (virt_bytes){at, len};
    return &result;
}
