// What the shipped virtualizers share: memory that ends with an error instead of a trap, and settings.
//
// A page is 4 KiB. Pages come from the linear memory's growth, and are used again when they are given back; small things
// are cut from pages. Parameters and results of one call lie in the arena, which is reset with the next call.
#pragma once

#include "virt.h"
#include "wasi.h"

#define PAGE 4096u

// A page of zeros, or NULL.
void *page_new(void);
void page_free(void *page);

// The most bytes that `small_new` makes.
#define SMALL_MAX 4064u

// At least so many bytes, aligned to 8, not cleared; or NULL.
void *small_new(uint32_t size);
void small_free(void *at);

// Every exported function calls it first: what the arena holds belongs to this call now, and goes with the next.
void call_begins(void);

// From the arena, aligned to 8: until the next call; or NULL.
void *arena_new(uint32_t size);

// At most so many bytes that the arena still has without growing, and how many.
void *arena_rest(uint32_t most, uint32_t *len);

// The arguments of the running call, and what calls that it makes return, are all kept while `keep` is true.
void arena_keep(bool keep);

static inline void copy(void *to, const void *from, uint32_t len) {
    __builtin_memmove(to, from, len);
}

static inline void clear(void *at, uint32_t len) {
    __builtin_memset(at, 0, len);
}

static inline bool same(const char *a, const char *b, uint32_t len) {
    for (uint32_t i = 0; i < len; i++) {
        if (a[i] != b[i]) return false;
    }
    return true;
}

static inline uint32_t length(const char *text) {
    uint32_t len = 0;
    while (text[len] != 0) len++;
    return len;
}

static inline uint32_t least(uint64_t a, uint32_t b) {
    return a < b ? (uint32_t)a : b;
}

// Whether it is UTF-8, without NUL: whatever is returned as a string has to be.
bool is_text(const char *at, uint32_t len);

// The module's own environment, read once: NULL-terminated "NAME=value", none if there is no memory for it.
char **environment(void);

// The value of a variable of it, or NULL.
const char *setting(const char *name);

// The module's own real time, in nanoseconds since 1970.
uint64_t real_time(void);

// Writes a line to the module's own standard error, and ends the module: for settings that make no sense.
_Noreturn void give_up(const char *who, const char *why);
