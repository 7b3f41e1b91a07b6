// It never comes back.

#include "notify.h"

static void attack(void) {
    for (volatile uint64_t turn = 0;; turn = turn + 1) {}
}
