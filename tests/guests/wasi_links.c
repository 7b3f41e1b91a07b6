// Names, links and times in the folder named by the first argument (it must be empty).
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int folder;

static void must(int good, const char *what) {
    if (!good) {
        printf("%s: %s\n", what, strerror(errno));
        exit(1);
    }
}

static void refused(int result, const char *what) {
    printf("%s: %s\n", what, result != -1 ? "done" : strerror(errno));
}

static void make(const char *name, const char *contents) {
    int fd = openat(folder, name, O_CREAT | O_TRUNC | O_WRONLY, 0666);
    must(fd >= 0 && write(fd, contents, strlen(contents)) >= 0 && close(fd) == 0, name);
}

static void show(const char *name) {
    struct stat own, followed;
    char text[64] = {0};
    must(fstatat(folder, name, &own, AT_SYMLINK_NOFOLLOW) == 0, name);
    int leads = fstatat(folder, name, &followed, 0) == 0;
    const char *kind = S_ISREG(own.st_mode) ? "file" : S_ISDIR(own.st_mode) ? "folder" : S_ISLNK(own.st_mode) ? "link" : "?";
    printf("%s: %s, %d links", name, kind, (int)own.st_nlink);
    if (S_ISLNK(own.st_mode)) {
        ssize_t size = readlinkat(folder, name, text, sizeof text);
        must(size == own.st_size, "readlinkat");
        printf(", says %.*s, leads %s", (int)size, text, leads ? "somewhere" : "nowhere");
    } else if (S_ISREG(own.st_mode)) {
        int fd = openat(folder, name, O_RDONLY);
        ssize_t size = read(fd, text, sizeof text);
        must(size >= 0 && close(fd) == 0, "read");
        printf(", contains %.*s", (int)size, text);
    }
    printf("\n");
}

static void times(const char *name, int flags) {
    struct stat status;
    must(fstatat(folder, name, &status, flags) == 0, name);
    printf("%s: %lld.%09ld %lld.%09ld\n", name, (long long)status.st_atim.tv_sec, status.st_atim.tv_nsec,
           (long long)status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
}

int main(int argc, char **argv) {
    char text[8];
    if (argc != 2)
        return 2;
    folder = open(argv[1], O_RDONLY | O_DIRECTORY);
    must(folder >= 0, "open the folder");
    make("one", "1");
    make("two", "2");

    must(linkat(folder, "one", folder, "hard", 0) == 0, "linkat");
    show("hard");
    refused(linkat(folder, "one", folder, "two", 0), "link over a file");
    refused(linkat(folder, ".", folder, "self", 0), "link a folder");
    must(symlinkat("one", folder, "soft") == 0 && symlinkat("nothing", folder, "dangling") == 0, "symlinkat");
    show("soft");
    show("dangling");
    refused(symlinkat("x", folder, "soft"), "symlink over a link");
    refused(symlinkat("/etc/passwd", folder, "absolute"), "an absolute link");
    must(readlinkat(folder, "dangling", text, 4) == 4 && !memcmp(text, "noth", 4), "readlinkat in a small buffer");
    refused(readlinkat(folder, "one", text, sizeof text), "readlink of a file");
    refused(openat(folder, "soft", O_RDONLY | O_NOFOLLOW), "open a link itself");
    make("soft", "through");
    show("one");

    must(renameat(folder, "two", folder, "one") == 0, "rename over a file");
    show("one");
    show("hard");
    refused(renameat(folder, "two", folder, "three"), "rename what is gone");
    must(mkdirat(folder, "folder", 0777) == 0 && mkdirat(folder, "full", 0777) == 0, "mkdirat");
    make("full/inner", "i");
    refused(renameat(folder, "one", folder, "folder"), "rename a file over a folder");
    refused(renameat(folder, "folder", folder, "one"), "rename a folder over a file");
    refused(renameat(folder, "folder", folder, "full"), "rename over a full folder");
    refused(renameat(folder, "full", folder, "full/below"), "rename into itself");
    must(renameat(folder, "full", folder, "folder") == 0, "rename over an empty folder");
    show("folder/inner");
    must(renameat(folder, "soft", folder, "moved") == 0, "rename a link");
    show("moved");

    struct timespec both[2] = {{1000000000, 123456789}, {1100000000, 987654321}};
    must(utimensat(folder, "one", both, 0) == 0, "utimensat");
    times("one", 0);
    both[0].tv_nsec = UTIME_OMIT;
    both[1] = (struct timespec){1200000000, 1};
    must(utimensat(folder, "moved", both, 0) == 0, "utimensat through a link");
    times("one", 0);
    both[0] = (struct timespec){5, 6};
    both[1] = (struct timespec){7, 8};
    must(utimensat(folder, "moved", both, AT_SYMLINK_NOFOLLOW) == 0, "utimensat of a link");
    times("moved", AT_SYMLINK_NOFOLLOW);
    times("one", 0);
    // Not "now": wasi-libc of 2022 refuses UTIME_NOW, and takes NULL for 1970, by itself.
    int fd = openat(folder, "one", O_RDONLY);
    both[0] = (struct timespec){1300000000, 1};
    both[1] = (struct timespec){1400000000, 2};
    must(fd >= 0 && futimens(fd, both) == 0 && close(fd) == 0, "futimens");
    times("one", 0);

    refused(unlinkat(folder, "folder", 0), "unlink a folder");
    refused(unlinkat(folder, "one", AT_REMOVEDIR), "rmdir a file");
    refused(unlinkat(folder, "folder", AT_REMOVEDIR), "rmdir a full folder");
    must(unlinkat(folder, "folder/inner", 0) == 0 && unlinkat(folder, "folder", AT_REMOVEDIR) == 0, "rmdir");
    must(unlinkat(folder, "moved", 0) == 0 && unlinkat(folder, "dangling", 0) == 0, "unlink links");
    must(unlinkat(folder, "hard", 0) == 0, "unlink");
    show("one");
    refused(faccessat(folder, "one", R_OK | W_OK, 0), "access");
    refused(faccessat(folder, "two", F_OK, 0), "access to what is gone");
    return 0;
}
