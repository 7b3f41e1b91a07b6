// Listing the folder named by the first argument (it must be empty) in the ways that programs do.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES = 400 };

static void must(int good, const char *what) {
    if (!good) {
        printf("%s: %s\n", what, strerror(errno));
        exit(1);
    }
}

static int is_dots(const struct dirent *entry) {
    return !strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..");
}

static int no_dots(const struct dirent *entry) { return !is_dots(entry); }

static void make(int folder, const char *name) {
    int fd = openat(folder, name, O_CREAT | O_EXCL | O_WRONLY, 0666);
    must(fd >= 0 && close(fd) == 0, name);
}

static int count(DIR *open) {
    int entries = 0;
    rewinddir(open);
    errno = 0;
    for (struct dirent *entry; (entry = readdir(open));)
        entries += !is_dots(entry);
    must(errno == 0, "readdir");
    return entries;
}

int main(int argc, char **argv) {
    static char names[FILES + 2][32];
    static long places[FILES + 2];
    char name[32];
    if (argc != 2)
        return 2;
    DIR *open = opendir(argv[1]);
    must(open != NULL, "opendir");
    printf("at first: %d\n", count(open));
    for (int i = 0; i < FILES; i++) {
        snprintf(name, sizeof name, "entry-%03d", i);
        make(dirfd(open), name);
    }
    printf("files: %d\n", count(open));

    int entries = 0, wrong = 0;
    rewinddir(open);
    for (struct dirent *entry; entries < FILES + 2; entries++) {
        places[entries] = telldir(open);
        must((entry = readdir(open)) != NULL, "readdir");
        strcpy(names[entries], entry->d_name);
    }
    must(readdir(open) == NULL, "the end");
    for (int i = FILES + 1; i >= 0; i -= 7) {
        seekdir(open, places[i]);
        for (int next = i; next < i + 3 && next < entries; next++) {
            struct dirent *entry = readdir(open);
            wrong += !entry || strcmp(entry->d_name, names[next]);
        }
    }
    printf("seekdir: %d wrong\n", wrong);

    struct stat status;
    must(mkdirat(dirfd(open), "folder", 0777) == 0 && symlinkat("entry-000", dirfd(open), "link") == 0, "mkdirat");
    rewinddir(open);
    int inodes = 0;
    for (struct dirent *entry; (entry = readdir(open));) {
        if (is_dots(entry))
            continue;
        must(fstatat(dirfd(open), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0, "fstatat");
        inodes += entry->d_ino == status.st_ino;
        int type = S_ISDIR(status.st_mode) ? DT_DIR : S_ISLNK(status.st_mode) ? DT_LNK : DT_REG;
        must(entry->d_type == type, entry->d_name);
    }
    printf("inodes: %d right\n", inodes);

    int folder = openat(dirfd(open), "folder", O_RDONLY | O_DIRECTORY);
    must(folder >= 0, "openat");
    make(folder, "b");
    make(folder, "a");
    make(folder, "c");
    DIR *inner = fdopendir(folder);
    must(inner != NULL, "fdopendir");
    printf("inner: %d\n", count(inner));
    must(closedir(inner) == 0 && close(folder) == -1 && errno == EBADF, "closedir closes");
    snprintf(name, sizeof name, "%.20s/folder", argv[1]);
    struct dirent **sorted;
    int found = scandir(name, &sorted, no_dots, alphasort);
    must(found == 3, "scandir");
    printf("sorted: %s %s %s\n", sorted[0]->d_name, sorted[1]->d_name, sorted[2]->d_name);

    // As rm -r does it: what was listed is removed while the rest is still to come.
    rewinddir(open);
    for (struct dirent *entry; (entry = readdir(open));)
        if (entry->d_type == DT_REG)
            must(unlinkat(dirfd(open), entry->d_name, 0) == 0, "unlinkat");
    printf("left: %d\n", count(open));

    int file = openat(dirfd(open), "file", O_CREAT | O_RDWR, 0666);
    must(file >= 0 && fdopendir(file) == NULL, "fdopendir of a file");
    printf("of a file: %s\n", strerror(errno));
    snprintf(name, sizeof name, "%.20s/gone", argv[1]);
    must(opendir(name) == NULL, "opendir of nothing");
    printf("of nothing: %s\n", strerror(errno));
    return closedir(open);
}
