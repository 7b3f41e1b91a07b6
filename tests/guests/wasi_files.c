// Reading and writing a file in the folder named by the first argument (it must be empty), by descriptors.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static int folder;

static void must(int good, const char *what) {
    if (!good) {
        printf("%s: %s\n", what, strerror(errno));
        exit(1);
    }
}

static void refused(long long result, const char *what) {
    printf("%s: %s\n", what, result != -1 ? "done" : strerror(errno));
}

static void show(const char *what) {
    char buffer[64] = {0};
    int fd = openat(folder, "file", O_RDONLY);
    ssize_t size = read(fd, buffer, sizeof buffer - 1);
    must(fd >= 0 && size >= 0 && close(fd) == 0, "show");
    for (ssize_t i = 0; i < size; i++)
        if (buffer[i] == 0)
            buffer[i] = '.';
    printf("%s: %s\n", what, buffer);
}

int main(int argc, char **argv) {
    struct stat status;
    char buffer[64] = {0};
    if (argc != 2)
        return 2;
    folder = open(argv[1], O_RDONLY | O_DIRECTORY);
    must(folder >= 0, "open the folder");

    int fd = openat(folder, "file", O_CREAT | O_EXCL | O_RDWR, 0666);
    must(fd >= 0 && write(fd, "0123456789", 10) == 10, "create");
    refused(openat(folder, "file", O_CREAT | O_EXCL | O_RDWR, 0666), "create again");
    must(lseek(fd, 4, SEEK_SET) == 4 && read(fd, buffer, 3) == 3 && !memcmp(buffer, "456", 3), "seek and read");
    must(pread(fd, buffer, 2, 8) == 2 && !memcmp(buffer, "89", 2) && lseek(fd, 0, SEEK_CUR) == 7, "pread");
    must(pwrite(fd, "AB", 2, 1) == 2 && lseek(fd, 0, SEEK_CUR) == 7, "pwrite");
    show("pwrite");
    struct iovec out[3] = {{"x", 1}, {"", 0}, {"yz", 2}};
    must(writev(fd, out, 3) == 3, "writev");
    show("writev");
    struct iovec in[2] = {{buffer, 2}, {buffer + 10, 20}};
    must(lseek(fd, 0, SEEK_SET) == 0 && readv(fd, in, 2) == 10, "readv");
    printf("readv: %.2s %.8s\n", buffer, buffer + 10);
    must(lseek(fd, 3, SEEK_END) == 13 && write(fd, "end", 3) == 3, "beyond the end");
    show("a hole");
    refused(lseek(fd, -1, SEEK_SET), "seek before the beginning");
    refused(lseek(fd, 0, 77), "seek from nowhere");

    must(ftruncate(fd, 5) == 0, "ftruncate");
    show("cut");
    must(ftruncate(fd, 8) == 0 && lseek(fd, 0, SEEK_CUR) == 16, "ftruncate");
    show("extended");
    refused(ftruncate(fd, -1), "a negative size");
    must(posix_fallocate(fd, 6, 6) == 0 && fstat(fd, &status) == 0, "posix_fallocate");
    printf("allocated: %lld\n", (long long)status.st_size);
    for (int advice = POSIX_FADV_NORMAL; advice <= POSIX_FADV_NOREUSE; advice++)
        must(posix_fadvise(fd, 0, 100, advice) == 0, "posix_fadvise");
    printf("bad advice: %s\n", strerror(posix_fadvise(fd, 0, 0, 99)));
    must(fsync(fd) == 0 && fdatasync(fd) == 0 && close(fd) == 0, "sync");

    fd = openat(folder, "file", O_WRONLY | O_TRUNC);
    must(fd >= 0 && fstat(fd, &status) == 0 && status.st_size == 0, "truncate by opening");
    refused(read(fd, buffer, 1), "read what is open for writing");
    must((fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY, "mode");
    must(write(fd, "one", 3) == 3 && fcntl(fd, F_SETFL, O_APPEND) == 0 && fcntl(fd, F_GETFL) & O_APPEND, "F_SETFL");
    must(lseek(fd, 0, SEEK_SET) == 0 && write(fd, "-two", 4) == 4 && lseek(fd, 0, SEEK_CUR) == 7, "append");
    must(fcntl(fd, F_SETFL, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0 && write(fd, "ONE", 3) == 3, "no more");
    must(close(fd) == 0, "close");
    show("appended");
    fd = openat(folder, "file", O_WRONLY | O_APPEND);
    must(fd >= 0 && write(fd, "-three", 6) == 6 && close(fd) == 0, "O_APPEND");
    show("O_APPEND");

    fd = openat(folder, "file", O_RDONLY);
    must((fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY, "mode");
    refused(write(fd, "x", 1), "write what is open for reading");
    refused(ftruncate(fd, 0), "cut what is open for reading");
    must(unlinkat(folder, "file", 0) == 0 && read(fd, buffer, 3) == 3 && !memcmp(buffer, "ONE", 3), "unlinked");
    must(fstat(fd, &status) == 0, "fstat");
    printf("unlinked: %d links, %lld bytes\n", (int)status.st_nlink, (long long)status.st_size);
    must(close(fd) == 0, "close");
    refused(close(fd), "close again");
    refused(read(fd, buffer, 1), "read what is closed");
    refused(openat(folder, "file", O_RDONLY), "open what is gone");
    refused(openat(folder, "", O_RDONLY), "open nothing");
    refused(openat(folder, ".", O_WRONLY), "write a folder");
    return 0;
}
