// Ends in the way that the first argument names: return N, exit N, quick N, or closed.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void at_end(void) { puts("at end"); }

int main(int argc, char **argv) {
    if (argc < 2)
        return 0;
    int status = argc > 2 ? atoi(argv[2]) : 0;
    atexit(at_end);
    printf("before");
    if (strcmp(argv[1], "return") == 0)
        return status;
    if (strcmp(argv[1], "exit") == 0)
        exit(status);
    if (strcmp(argv[1], "quick") == 0)
        _Exit(status); // neither at_end nor a flush
    if (strcmp(argv[1], "closed") == 0) {
        // Writing where nothing is open fails, and is no reason to stop.
        fflush(stdout);
        close(STDOUT_FILENO);
        fprintf(stderr, "write %s\n", write(STDOUT_FILENO, "x", 1) < 0 ? "failed" : "worked");
    }
    return 0;
}
