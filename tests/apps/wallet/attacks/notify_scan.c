// (c) It looks for the seed in its memory, and then behind its end.

#include "notify.h"
#include "scan.h"

static void attack(void) {
    printf("loot: %s\n", find_seed() != 0 ? "the seed" : "none");
    fflush(stdout);
    size_t beyond = __builtin_wasm_memory_size(0) << 16;
    // A pointer to just behind the memory, to far behind it, and to its negative side.
    for (size_t far = 0; far < 3; far++)
        if (*(volatile char *)(beyond + (far << 24)) == 's') printf("loot: a byte\n");
    printf("loot: it was let\n");
}
