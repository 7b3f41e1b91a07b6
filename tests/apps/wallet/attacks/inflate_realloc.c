// Its allocator lies about where it is that its caller's bytes may be put: LIE says how; 0 is the truth.

#define OWN_REALLOC
#include "inflate.h"

#ifndef LIE
#define LIE 0
#endif

EXPORT("cabi_realloc") void *cabi_realloc(void *old, size_t old_size, size_t align, size_t size) {
    (void)old, (void)old_size, (void)align;
    size_t end = __builtin_wasm_memory_size(0) << 16;
    switch (LIE) {
    case 1: return (void *)(end - size / 2); // half of it behind the end
    case 2: return (void *)-1;               // wraps
    case 3: return (void *)(end + 65536);    // behind the end
    case 4: __builtin_trap();
    case 5:
        for (volatile int i = 0;; i = i + 1) {}
    case 6: { // for ever deeper
        volatile char frame[64];
        frame[0] = 1;
        char *at = cabi_realloc(old, old_size, align, size + 1);
        return at + frame[0];
    }
    default: return malloc(size);
    }
}

static void attack(void) {}
