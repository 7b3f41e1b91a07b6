/* Pancakes turned, for every permutation: short loops over small arrays. */
#include "kernel.h"
#ifndef SIZE
#define SIZE 9
#endif
static uint64_t sum;

void setup(void) { sum = 0; }

static void all(void) {
    int order[SIZE], count[SIZE], turned[SIZE], most = 0;
    for (int i = 0; i < SIZE; i++) order[i] = i;
    for (int r = SIZE, parity = 1;; parity = -parity) {
        for (; r != 1; r--) count[r - 1] = r;
        int flips = 0;
        for (int i = 0; i < SIZE; i++) turned[i] = order[i];
        for (int first = turned[0]; first != 0; first = turned[0], flips++)
            for (int i = 0, j = first; i < j; i++, j--) {
                int kept = turned[i];
                turned[i] = turned[j], turned[j] = kept;
            }
        most = flips > most ? flips : most;
        sum += (uint64_t)(int64_t)(parity * flips);
        for (;; r++) {
            if (r == SIZE) {
                sum = mixed(sum, (uint64_t)most);
                return;
            }
            int first = order[0];
            for (int i = 0; i < r; i++) order[i] = order[i + 1];
            order[r] = first;
            if (--count[r] > 0) break;
        }
    }
}

void kernel(void) {
    for (int again = 0; again < 3; again++) all();
}

uint64_t checksum(void) { return sum; }
