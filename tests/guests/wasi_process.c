// Arguments and environment byte by byte, random bytes, clocks, and the ways to end: `return N`, `exit N`, `_exit N`,
// `abort`, as the last two arguments.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static void hex(const char *what, const char *text) {
    printf("%s", what);
    for (; *text; text++)
        printf(*text > 32 && *text < 127 ? "%c" : "<%02x>", (unsigned char)*text);
    printf("\n");
}

static void at_exit(void) { printf("at exit\n"); }

int main(int argc, char **argv) {
    for (int i = 0; i < argc; i++)
        hex("argument ", argv[i]);
    printf("then %s\n", argv[argc] ? "more" : "none");
    for (char **variable = environ; *variable; variable++)
        hex("variable ", *variable);
    hex("TWICE is ", getenv("TWICE") ? getenv("TWICE") : "(not set)");
    hex("ODD is ", getenv("ODD") ? getenv("ODD") : "(not set)");

    unsigned char bytes[256] = {0}, other[256] = {0};
    printf("getentropy: %d", getentropy(bytes, sizeof bytes));
    printf(" %d", getentropy(other, sizeof other));
    printf(", %s\n", memcmp(bytes, other, sizeof bytes) ? "different" : "the same");
    unsigned char many[257];
    printf("too much: %s\n", getentropy(many, sizeof many) ? strerror(errno) : "done");

    struct timespec time, resolution;
    printf("clocks: %d %d", clock_gettime(CLOCK_REALTIME, &time), clock_getres(CLOCK_REALTIME, &resolution));
    printf(" %d %d", clock_gettime(CLOCK_MONOTONIC, &time), clock_getres(CLOCK_MONOTONIC, &resolution));
    printf(", %s\n", resolution.tv_sec == 0 && resolution.tv_nsec > 0 ? "fine" : "not fine");

    atexit(at_exit);
    const char *how = argc > 2 ? argv[argc - 2] : "";
    int status = argc > 2 ? atoi(argv[argc - 1]) : 0;
    fflush(stdout);
    if (!strcmp(how, "exit"))
        exit(status);
    if (!strcmp(how, "_exit"))
        _exit(status);
    if (!strcmp(how, "abort"))
        abort();
    return status;
}
