// Allocates, grows and frees blocks in a fixed pseudo-random order, and checks what they hold.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 512, ROUNDS = 60000 };

static struct {
    unsigned char *data;
    size_t size;
    unsigned char fill;
} slots[SLOTS];

static uint32_t seed = 2463534242u;

static uint32_t next(void) {
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    return seed;
}

static void check(int slot, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (slots[slot].data[i] != slots[slot].fill) {
            printf("slot %d is damaged at %zu\n", slot, i);
            exit(1);
        }
    }
}

static size_t random_size(void) {
    uint32_t kind = next() % 100;
    return kind < 70 ? 1 + next() % 200 : kind < 97 ? 1 + next() % 5000 : 1 + next() % 100000;
}

int main(void) {
    size_t live = 0, peak = 0, total = 0;
    for (int round = 0; round < ROUNDS; round++) {
        int slot = (int)(next() % SLOTS);
        size_t old = slots[slot].size, size = random_size();
        if (old)
            check(slot, old);
        if (old && next() % 3 == 0) {
            free(slots[slot].data);
            slots[slot].data = NULL;
            slots[slot].size = 0;
            live -= old;
            continue;
        }
        int zeroed = !old && next() % 4 == 0;
        unsigned char *data = zeroed ? calloc(1, size) : realloc(slots[slot].data, size);
        if (!data) {
            printf("out of memory with %zu bytes in use\n", live);
            return 1;
        }
        slots[slot].data = data;
        if (zeroed) {
            slots[slot].fill = 0;
            check(slot, size);
        } else {
            check(slot, old < size ? old : size);
        }
        slots[slot].fill = (unsigned char)next();
        memset(data, slots[slot].fill, size);
        slots[slot].size = size;
        live += size - old;
        total += size;
        peak = live > peak ? live : peak;
    }
    printf("allocated %zu bytes, at most %zu at once, %zu at the end\n", total, peak, live);

    uint32_t sum = 0;
    for (int slot = 0; slot < SLOTS; slot++) {
        check(slot, slots[slot].size);
        sum = sum * 31 + slots[slot].fill + (uint32_t)slots[slot].size;
        free(slots[slot].data);
    }
    printf("checksum %08x\n", (unsigned)sum);

    // Far more than the memory that the module begins with.
    size_t large = 48u << 20;
    unsigned char *block = malloc(large);
    if (!block)
        return 1;
    for (size_t i = 0; i < large; i += 4096)
        block[i] = (unsigned char)(i >> 12);
    sum = 0;
    for (size_t i = 0; i < large; i += 4096)
        sum = sum * 33 + block[i];
    printf("large block %08x\n", (unsigned)sum);
    free(block);
    void *volatile impossible = malloc((size_t)-100000);
    printf("impossible block %s\n", impossible ? "given" : "refused");
    return 0;
}
