// Files and folders below the folder named by the first argument (it must be empty).
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *folder;
static char paths[2][512];

static const char *in(int slot, const char *name) {
    snprintf(paths[slot], sizeof paths[slot], "%s/%s", folder, name);
    return paths[slot];
}

static void must(int good, const char *what) {
    if (!good) {
        printf("%s: %s\n", what, strerror(errno));
        exit(1);
    }
}

static void refused(int result, int wanted, const char *what) {
    printf("%s: %s\n", what, result != -1 ? "done" : errno == wanted ? "refused" : strerror(errno));
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static void list(const char *name) {
    char *names[32];
    int count = 0;
    DIR *open = opendir(name);
    must(open != NULL, "opendir");
    for (struct dirent *entry; count < 32 && (entry = readdir(open));)
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
            names[count++] = strdup(entry->d_name);
    must(closedir(open) == 0, "closedir");
    qsort(names, count, sizeof names[0], by_name);
    printf("list:");
    for (int i = 0; i < count; i++)
        printf(" %s", names[i]);
    printf("\n");
}

int main(int argc, char **argv) {
    struct stat status;
    char buffer[64] = {0};
    if (argc != 2)
        return 2;
    folder = argv[1];

    FILE *file = fopen(in(0, "first"), "w+");
    must(file != NULL, "fopen");
    for (int i = 0; i < 1000; i++)
        fprintf(file, "%04d\n", i);
    must(fseek(file, 5 * 500, SEEK_SET) == 0 && fread(buffer, 1, 4, file) == 4, "read in the middle");
    printf("at 2500: %s, now at %ld\n", buffer, ftell(file));
    must(fseek(file, -5, SEEK_END) == 0 && fgets(buffer, sizeof buffer, file) != NULL, "read at the end");
    printf("last line: %s", buffer);
    must(fseek(file, 10, SEEK_SET) == 0 && fputs("ABCD", file) >= 0 && fclose(file) == 0, "write in the middle");

    int fd = open(in(0, "first"), O_WRONLY | O_APPEND);
    must(fd >= 0 && write(fd, "tail", 4) == 4 && close(fd) == 0, "append");
    must(stat(in(0, "first"), &status) == 0, "stat");
    printf("size %lld, file %d, folder %d\n", (long long)status.st_size, S_ISREG(status.st_mode), S_ISDIR(status.st_mode));
    fd = open(in(0, "first"), O_RDWR);
    must(fd >= 0 && pread(fd, buffer, 10, 8) == 10, "pread");
    printf("pread: %.4s\n", buffer + 2);
    must(pwrite(fd, "xyz", 3, 20000) == 3 && fstat(fd, &status) == 0, "write past the end");
    printf("size with a hole %lld, ", (long long)status.st_size);
    must(lseek(fd, 15000, SEEK_SET) == 15000 && read(fd, buffer, 1) == 1, "read the hole");
    must(ftruncate(fd, 14) == 0 && fstat(fd, &status) == 0 && close(fd) == 0, "truncate");
    printf("byte in it %d, truncated to %lld\n", buffer[0], (long long)status.st_size);

    must(mkdir(in(0, "sub"), 0777) == 0 && mkdir(in(0, "sub/deep"), 0777) == 0, "mkdir");
    must(rename(in(0, "first"), in(1, "sub/deep/moved")) == 0, "rename");
    must((file = fopen(in(0, "second"), "wx")) != NULL && fputs("two", file) >= 0 && fclose(file) == 0, "second");
    list(folder);
    list(in(0, "sub/deep"));
    must((file = fopen(in(0, "sub/../sub/./deep/moved"), "r")) != NULL, "open through ..");
    printf("moved: %s", fgets(buffer, sizeof buffer, file));
    printf("then: %s", fgets(buffer, sizeof buffer, file));
    must(fclose(file) == 0, "close");

    refused(open(in(0, "missing"), O_RDONLY), ENOENT, "open a missing file");
    refused(open(in(0, "second"), O_WRONLY | O_CREAT | O_EXCL, 0666), EEXIST, "create what exists");
    refused(mkdir(in(0, "sub"), 0777), EEXIST, "make a folder that exists");
    refused(rmdir(in(0, "sub")), ENOTEMPTY, "remove a full folder");
    refused(open(in(0, "second/below"), O_RDONLY), ENOTDIR, "open below a file");
    refused(open(in(0, "sub"), O_WRONLY), EISDIR, "write to a folder");
    refused(close(99), EBADF, "close what is not open");

    must(unlink(in(0, "sub/deep/moved")) == 0 && rmdir(in(0, "sub/deep")) == 0 && rmdir(in(0, "sub")) == 0, "clean");
    list(folder);
    must(remove(in(0, "second")) == 0, "remove");
    list(folder);
    return 0;
}
