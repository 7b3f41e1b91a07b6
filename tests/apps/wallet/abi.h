// What every module of this example shares: the core names of WIT's canonical ABI, written by hand.
//
// A string and a list<u8> are a pointer and a length. What a module is passed lies in memory that its own cabi_realloc
// allocated, and is its own to free; what it returns stays until its post-return function has run.
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IMPORT(interface, function) __attribute__((import_module(interface), import_name(function)))
#define EXPORT(name) __attribute__((export_name(name)))

// string, list<u8>
struct text {
    char *at;
    size_t len;
};

// result<_, string>, result<u32, string> and result<list<u8>, string> lie in memory like this.
struct outcome {
    bool failed;
    union {
        uint32_t number;
        struct text text;
    };
};

#ifndef OWN_REALLOC
EXPORT("cabi_realloc") void *cabi_realloc(void *old, size_t old_size, size_t align, size_t size) {
    (void)old_size; // malloc's alignment is enough for any type
    if (size == 0) return (void *)align;
    void *at = realloc(old, size);
    if (at == NULL) __builtin_trap();
    return at;
}
#endif

// Frees what cabi_realloc or a `failed` allocated.
static inline void drop(struct text text) {
    if (text.len != 0) free(text.at);
}

// An error with a sentence.
__attribute__((format(printf, 1, 2))) static inline struct outcome failed(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    char *at = NULL;
    int len = vasprintf(&at, format, arguments);
    va_end(arguments);
    if (len < 0) __builtin_trap();
    return (struct outcome){.failed = true, .text = {at, (size_t)len}};
}

// Text that somebody else owns.
static inline struct text borrowed(const char *at) {
    return (struct text){(char *)at, strlen(at)};
}

// What printf's %.*s wants.
#define SHOWN(text) (int)(text).len, (text).at
