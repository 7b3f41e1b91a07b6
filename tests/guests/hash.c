// SHA-256, CRC-32 and FNV-1a of each argument, or of fixed texts.
#include <stdint.h>
#include <stdio.h>
#include <string.h>

// The round constants are the first 32 bits of the fractional parts of the cube roots of the
// first 64 primes: computed here with integers, so that no table has to be right.
static uint32_t round_constants[64];

static uint32_t root_bits(uint32_t prime, int power) {
    // The largest r with r^power <= prime * 2^(32 * power), without its whole part.
    uint64_t low = 0, high = 1ull << 36;
    while (high - low > 1) {
        uint64_t middle = (low + high) / 2;
        unsigned __int128 square = (unsigned __int128)middle * middle;
        int above;
        if (power == 2)
            above = square > ((unsigned __int128)prime << 64);
        else // middle^3 > prime << 96, divided by middle so that it fits 128 bits
            above = square > ((unsigned __int128)prime << 96) / middle;
        if (above)
            high = middle;
        else
            low = middle;
    }
    return (uint32_t)low;
}

static uint32_t rotate(uint32_t x, int n) { return x >> n | x << (32 - n); }

static void sha256_block(uint32_t state[8], const uint8_t *block) {
    uint32_t w[64], s[8];
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)block[4 * i] << 24 | block[4 * i + 1] << 16 | block[4 * i + 2] << 8 | block[4 * i + 3];
    for (int i = 16; i < 64; i++) {
        uint32_t a = w[i - 15], b = w[i - 2];
        w[i] = w[i - 16] + w[i - 7] + (rotate(a, 7) ^ rotate(a, 18) ^ a >> 3) + (rotate(b, 17) ^ rotate(b, 19) ^ b >> 10);
    }
    memcpy(s, state, sizeof s);
    for (int i = 0; i < 64; i++) {
        uint32_t e = s[4], a = s[0];
        uint32_t t1 = s[7] + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & s[5]) ^ (~e & s[6])) +
                      round_constants[i] + w[i];
        uint32_t t2 = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & s[1]) ^ (a & s[2]) ^ (s[1] & s[2]));
        memmove(s + 1, s, 7 * sizeof s[0]);
        s[4] += t1;
        s[0] = t1 + t2;
    }
    for (int i = 0; i < 8; i++)
        state[i] += s[i];
}

static void sha256(const uint8_t *data, size_t size, uint32_t state[8]) {
    size_t done = 0;
    for (int i = 0, prime = 2; i < 64; prime++) {
        int divisor = 2;
        while (divisor * divisor <= prime && prime % divisor)
            divisor++;
        if (divisor * divisor <= prime)
            continue;
        if (i < 8)
            state[i] = root_bits(prime, 2);
        round_constants[i++] = root_bits(prime, 3);
    }
    for (; size - done >= 64; done += 64)
        sha256_block(state, data + done);
    uint8_t last[128] = {0};
    size_t rest = size - done, padded = rest < 56 ? 64 : 128;
    memcpy(last, data + done, rest);
    last[rest] = 0x80;
    for (int i = 0; i < 8; i++)
        last[padded - 1 - i] = (uint8_t)((uint64_t)size * 8 >> 8 * i);
    for (size_t i = 0; i < padded; i += 64)
        sha256_block(state, last + i);
}

static uint32_t crc32(const uint8_t *data, size_t size) {
    uint32_t crc = ~0u;
    while (size--) {
        crc ^= *data++;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (0xedb88320u & -(crc & 1));
    }
    return ~crc;
}

static uint64_t fnv1a(const uint8_t *data, size_t size) {
    uint64_t hash = 0xcbf29ce484222325u;
    while (size--)
        hash = (hash ^ *data++) * 0x100000001b3u;
    return hash;
}

static void show(const char *text) {
    const uint8_t *data = (const uint8_t *)text;
    size_t size = strlen(text);
    uint32_t state[8];
    sha256(data, size, state);
    for (int i = 0; i < 8; i++)
        printf("%08x", (unsigned)state[i]);
    printf(" %08x %016llx %zu\n", (unsigned)crc32(data, size), (unsigned long long)fnv1a(data, size), size);
}

int main(int argc, char **argv) {
    static char long_text[100001];
    memset(long_text, 'a', sizeof long_text - 1);
    for (int i = 1; i < argc; i++)
        show(argv[i]);
    if (argc < 2) {
        show("");
        show("abc");
        show("The quick brown fox jumps over the lazy dog");
        show(long_text);
    }
    return 0;
}
