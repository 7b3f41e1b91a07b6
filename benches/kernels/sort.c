/* Quicksort of 64-bit keys with insertion sort at its leaves: branches that nobody can guess. */
#include "kernel.h"
#ifndef SIZE
#define SIZE 600000
#endif
static uint64_t keys[SIZE];

void setup(void) {
    seed(15);
    for (int i = 0; i < SIZE; i++) keys[i] = next();
}

static void swap(uint64_t *a, uint64_t *b) {
    uint64_t kept = *a;
    *a = *b, *b = kept;
}

static void sort(uint64_t *low, uint64_t *high) { /* both included */
    while (high - low > 16) {
        uint64_t *middle = low + (high - low) / 2;
        if (*middle < *low) swap(middle, low);
        if (*high < *low) swap(high, low);
        if (*high < *middle) swap(high, middle);
        uint64_t pivot = *middle, *i = low, *j = high;
        while (i <= j) {
            while (*i < pivot) i++;
            while (pivot < *j) j--;
            if (i <= j) swap(i++, j--);
        }
        if (j - low < high - i) {
            sort(low, j);
            low = i;
        } else {
            sort(i, high);
            high = j;
        }
    }
    for (uint64_t *i = low + 1; i <= high; i++) {
        uint64_t key = *i, *j = i;
        for (; j > low && key < j[-1]; j--) *j = j[-1];
        *j = key;
    }
}

void kernel(void) { sort(keys, keys + SIZE - 1); }

uint64_t checksum(void) { return sum_of(keys, sizeof keys); }
