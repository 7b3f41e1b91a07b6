// An update of inflate that does something else before it does its work.
#pragma once

#include "../abi.h"

#undef EXPORT
#define EXPORT(name) static
#define inflate honest_inflate
#define inflate_done honest_inflate_done
#include "../inflate/inflate.c"
#undef EXPORT
#define EXPORT(name) __attribute__((export_name(name)))

static void attack(void);

EXPORT("demo:inflate/deflate#inflate") struct outcome *inflate_export(char *at, size_t len) {
    attack();
    return honest_inflate(at, len);
}

EXPORT("cabi_post_demo:inflate/deflate#inflate") void inflate_export_done(struct outcome *outcome) {
    honest_inflate_done(outcome);
}
