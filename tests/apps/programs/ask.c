// Says what it sees of the world: an unmodified program, with what a C library makes of preview 1.
//
// usage: ask time | sleep | random | env | write PATH TEXT | read PATH | fill PATH | say TEXT

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static void show_time(const char *name, clockid_t clock) {
    struct timespec time;
    if (clock_gettime(clock, &time) != 0) perror(name);
    else printf("%s %lld.%09ld\n", name, (long long)time.tv_sec, time.tv_nsec);
}

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        const char *what = argv[i];
        if (strcmp(what, "time") == 0) {
            show_time("real", CLOCK_REALTIME);
            show_time("monotonic", CLOCK_MONOTONIC);
        } else if (strcmp(what, "sleep") == 0) {
            struct timespec day = {.tv_sec = 86400};
            if (nanosleep(&day, NULL) != 0) perror("sleep");
        } else if (strcmp(what, "random") == 0) {
            unsigned char bytes[32];
            if (getentropy(bytes, sizeof bytes) != 0) perror("random");
            for (size_t j = 0; j < sizeof bytes; j++) printf("%02x", bytes[j]);
            putchar('\n');
        } else if (strcmp(what, "env") == 0) {
            for (char **variable = environ; *variable != NULL; variable++) puts(*variable);
        } else if (strcmp(what, "write") == 0 && i + 2 < argc) {
            FILE *file = fopen(argv[i + 1], "w");
            if (file == NULL || fputs(argv[i + 2], file) < 0 || fclose(file) != 0) perror(argv[i + 1]);
            i += 2;
        } else if (strcmp(what, "read") == 0 && i + 1 < argc) {
            char bytes[1000];
            FILE *file = fopen(argv[++i], "r");
            if (file == NULL) {
                perror(argv[i]);
                continue;
            }
            size_t len = fread(bytes, 1, sizeof bytes, file);
            printf("%.*s\n", (int)len, bytes);
            fclose(file);
        } else if (strcmp(what, "fill") == 0 && i + 1 < argc) {
            // Until there is no space, and again when what was written is gone.
            for (int round = 0; round < 2; round++) {
                static char block[65536];
                memset(block, 'x', sizeof block);
                FILE *file = fopen(argv[i + 1], "w");
                if (file == NULL) {
                    perror(argv[i + 1]);
                    break;
                }
                setbuf(file, NULL);
                long blocks = 0;
                while (blocks < 100000 && fwrite(block, 1, sizeof block, file) == sizeof block) blocks++;
                printf("%s: %s\n", blocks > 16 ? "much" : "little", strerror(errno));
                fclose(file);
                remove(argv[i + 1]);
            }
            i++;
        } else if (strcmp(what, "say") == 0 && i + 1 < argc) {
            puts(argv[++i]);
        }
    }
    return 0;
}
