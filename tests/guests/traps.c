// Prints a line, then traps in the way that the first argument names.
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static volatile int zero = 0, minus_one = -1;

// The wild accesses go through volatile integers, so that the compiler knows no object.
__attribute__((noinline)) static int load_wild(void) {
    volatile uintptr_t address = 0xfffffff0u;
    return *(volatile int *)address;
}
__attribute__((noinline)) static void store_wild(void) {
    volatile uintptr_t address = 0x7fffff00u;
    *(volatile int *)address = 1;
}
__attribute__((noinline)) static int load_far(void) {
    // Base and offset together lie above 4 GiB and must not wrap round.
    volatile uintptr_t address = 0xfffffffcu;
    return ((volatile struct { char gap[0x10000]; int end; } *)address)->end;
}
__attribute__((noinline)) static void copy_wild(void) {
    static char buffer[16];
    volatile uintptr_t address = 0xffffff00u;
    volatile size_t size = 0x100000;
    memcpy(buffer, (void *)address, size);
    printf("%d\n", buffer[3]);
}
__attribute__((noinline)) static int recurse(int n) {
    // Keeps no array, so that the machine's stack ends and not the one in linear memory.
    return zero == 0 ? recurse(n + 1) * 3 + n : n;
}
__attribute__((noinline)) static int overflow_array(int n) {
    volatile char frame[4096];
    frame[0] = (char)n;
    return zero == 0 ? overflow_array(n + 1) + frame[0] : frame[0];
}
static int takes_pointer(const char *text) { return (int)strlen(text); }

int main(int argc, char **argv) {
    const char *kind = argc > 1 ? argv[1] : "";
    int result = 0;
    printf("about to: %s\n", kind);
    fflush(stdout);
    if (!strcmp(kind, "load"))
        result = load_wild();
    else if (!strcmp(kind, "store"))
        store_wild();
    else if (!strcmp(kind, "far"))
        result = load_far();
    else if (!strcmp(kind, "copy"))
        copy_wild();
    else if (!strcmp(kind, "divide"))
        result = argc / zero;
    else if (!strcmp(kind, "remainder"))
        result = argc % zero;
    else if (!strcmp(kind, "overflow"))
        result = (INT_MIN + zero) / minus_one;
    else if (!strcmp(kind, "convert"))
        result = __builtin_wasm_trunc_s_i32_f64(1e300 * argc);
    else if (!strcmp(kind, "recursion"))
        result = recurse(argc);
    else if (!strcmp(kind, "stack"))
        result = overflow_array(argc);
    else if (!strcmp(kind, "unreachable"))
        __builtin_trap();
    else if (!strcmp(kind, "abort"))
        abort();
    else if (!strcmp(kind, "null")) {
        void (*volatile call)(void) = NULL;
        call();
    } else if (!strcmp(kind, "type")) {
        int (*volatile known)(const char *) = takes_pointer;
        double (*volatile other)(double) = (double (*)(double))(void (*)(void))known;
        result = (int)other(1.5);
    } else if (!strcmp(kind, "table")) {
        volatile uintptr_t index = 123456;
        void (*volatile call)(void) = (void (*)(void))index;
        call();
    } else {
        return 2;
    }
    printf("went on with %d\n", result);
    return 0;
}
