// It mines.

#include "inflate.h"

static void attack(void) {
    for (volatile uint64_t nonce = 0;; nonce = nonce + 1) {}
}
