// It takes 48 MiB that it does not need.

#include "inflate.h"

static void attack(void) {
    for (int i = 0; i < 48; i++) {
        char *at = malloc(1 << 20);
        if (at == NULL) __builtin_trap();
        for (size_t i = 0; i < 1 << 20; i += 4096) ((volatile char *)at)[i] = 1;
    }
}
