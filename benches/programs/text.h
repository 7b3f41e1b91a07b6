/* A text like a server's log, the same everywhere: what compressors and searchers work on. */
#ifndef TEXT_H
#define TEXT_H

#include "kernel.h"

static inline size_t put(char *to, size_t at, size_t limit, const char *word) {
    while (*word && at < limit) to[at++] = *word++;
    return at;
}

static inline size_t put_number(char *to, size_t at, size_t limit, uint64_t number) {
    char digits[24];
    int count = 0;
    do digits[count++] = (char)('0' + number % 10);
    while (number /= 10);
    while (count && at < limit) to[at++] = digits[--count];
    return at;
}

/* Fills all of it. */
static inline void fill(char *to, size_t size) {
    static const char *const hosts[] = {"alpha.example.org", "beta.example.com", "gamma.example.net", "10.1.2.3", "::1"};
    static const char *const verbs[] = {"GET", "GET", "GET", "POST", "PUT", "HEAD"};
    static const char *const paths[] = {"/", "/index.html", "/static/app.js", "/api/v1/users/", "/api/v1/orders/",
                                        "/images/logo.png", "/search?q=", "/login"};
    static const char *const words[] = {"error", "timeout", "retry", "ok", "cached", "miss", "warning: slow", "refused"};
    seed(100);
    for (size_t at = 0; at < size;) {
        uint64_t x = next();
        at = put(to, at, size, "2026-");
        at = put_number(to, at, size, 10 + x % 3), at = put(to, at, size, "-"), x >>= 4;
        at = put_number(to, at, size, 10 + x % 20), at = put(to, at, size, "T"), x >>= 5;
        at = put_number(to, at, size, 10 + x % 14), at = put(to, at, size, ":"), x >>= 4;
        at = put_number(to, at, size, 10 + x % 50), at = put(to, at, size, " "), x >>= 6;
        at = put(to, at, size, hosts[x % 5]), at = put(to, at, size, " "), x >>= 4;
        at = put(to, at, size, verbs[x % 6]), at = put(to, at, size, " "), x >>= 4;
        at = put(to, at, size, paths[x & 7]), x >>= 3;
        if (x & 1) at = put_number(to, at, size, x >> 8 & 0xffff);
        at = put(to, at, size, " "), x >>= 1;
        at = put_number(to, at, size, 200 + 100 * (x & 3) + (x >> 2 & 3)), at = put(to, at, size, " "), x >>= 4;
        at = put(to, at, size, words[x & 7]), at = put(to, at, size, "\n");
    }
}

#endif
