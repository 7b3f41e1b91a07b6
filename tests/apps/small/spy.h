// Marks: sixteen bytes that follow from a number. A scan computes them byte by byte, so that it does not find itself.
#pragma once

#include "../wallet/abi.h"

static unsigned char mark_byte(uint32_t mark, unsigned at) {
    uint32_t mixed = (mark * 16 + at + 1) * 2654435761u;
    return (unsigned char)((mixed ^ mixed >> 15) >> 7);
}

static void keep_mark(uint32_t mark) {
    volatile unsigned char *kept = malloc(16);
    for (unsigned i = 0; i < 16; i++) kept[i] = mark_byte(mark, i);
}

static uint32_t marks_seen(uint32_t mark) {
    uint32_t seen = 0;
    size_t end = __builtin_wasm_memory_size(0) << 16;
    for (size_t at = 16; at + 16 <= end; at++) {
        unsigned same = 0;
        while (same < 16 && ((volatile unsigned char *)at)[same] == mark_byte(mark, same)) same++;
        seen += same == 16;
    }
    return seen;
}
