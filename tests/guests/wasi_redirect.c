// Moving descriptors as a shell does it, in the folder named by the first argument: preview 1 has no dup, only renumbering.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wasi/api.h>
#include <wasi/libc.h>

static void must(int good, const char *what) {
    if (!good) {
        fprintf(stderr, "%s: %s\n", what, strerror(errno));
        exit(1);
    }
}

static void refused(int result, const char *what) {
    fprintf(stderr, "%s: %s\n", what, result != -1 ? "done" : strerror(errno));
}

int main(int argc, char **argv) {
    char buffer[32] = {0};
    if (argc != 2)
        return 2;
    printf("to the old standard output\n");
    fflush(stdout);
    int folder = open(argv[1], O_RDONLY | O_DIRECTORY);
    int log = openat(folder, "log", O_CREAT | O_RDWR | O_TRUNC, 0666);
    must(folder >= 0 && log > 2, "open");
    must(__wasilibc_fd_renumber(log, 1) == 0, "renumber over standard output");
    printf("to the file\n");
    must(fflush(stdout) == 0, "flush");
    refused(close(log), "close the old number");
    must(lseek(1, 7, SEEK_SET) == 7 && read(1, buffer, 4) == 4, "read what was written");
    fprintf(stderr, "standard output has a place now, and contains: %s\n", buffer);

    int input = openat(folder, "input", O_CREAT | O_RDWR, 0666);
    must(input >= 0 && write(input, "line 1\nline 2\n", 14) == 14 && lseek(input, 0, SEEK_SET) == 0, "input");
    must(__wasilibc_fd_renumber(input, 0) == 0, "renumber over standard input");
    must(fgets(buffer, sizeof buffer, stdin) != NULL, "read standard input");
    fprintf(stderr, "standard input: %s", buffer);

    refused(__wasilibc_fd_renumber(99, 1), "renumber what is closed");
    refused(__wasilibc_fd_renumber(1, 99), "renumber to what is closed");
    must(__wasilibc_fd_renumber(1, 1) == 0 && write(1, "still there\n", 12) == 12, "renumber to itself");

    // Descriptor 3 is what was granted; the program's own paths start there.
    int sub = openat(folder, "sub", O_RDONLY | O_DIRECTORY);
    must(sub == -1 && errno == ENOENT && mkdirat(folder, "sub", 0777) == 0, "sub");
    sub = openat(folder, "sub", O_RDONLY | O_DIRECTORY);
    must(sub > 3 && __wasilibc_fd_renumber(sub, 3) == 0, "renumber over what was granted");
    int made = openat(3, "made", O_CREAT | O_WRONLY, 0666);
    must(made >= 0, "make a file there");
    __wasi_prestat_t prestat;
    fprintf(stderr, "granted: %s\n", __wasi_fd_prestat_get(3, &prestat) == __WASI_ERRNO_BADF ? "no more" : "still");
    return 0;
}
