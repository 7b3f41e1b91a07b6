/* A hash table with open addressing: words counted, looked up and removed; loads that miss the cache. */
#include "kernel.h"
#ifndef SIZE
#define SIZE 1500000
#endif
#define SLOTS (1 << 22)
struct slot {
    uint64_t key; /* 0: empty */
    uint64_t count;
};
static struct slot slots[SLOTS];
static uint64_t total;

void setup(void) {
    for (size_t i = 0; i < SLOTS; i++) slots[i] = (struct slot){0, 0};
    total = 0;
}

static struct slot *find(uint64_t key) {
    size_t at = (size_t)(key * 0x9e3779b97f4a7c15u >> 42);
    while (slots[at].key && slots[at].key != key) at = (at + 1) & (SLOTS - 1);
    return &slots[at];
}

void kernel(void) {
    seed(14);
    for (int i = 0; i < SIZE; i++) {
        uint64_t key = 1 + next() % (SIZE / 2);
        struct slot *slot = find(key);
        slot->key = key;
        slot->count += 1;
    }
    for (int i = 0; i < SIZE; i++) {
        struct slot *slot = find(1 + next() % SIZE);
        total = mixed(total, slot->count);
    }
}

uint64_t checksum(void) { return total; }
