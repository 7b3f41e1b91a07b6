// Makes one kind of call again and again, while somebody outside exchanges what its paths lead through. Descriptor 3 is
// a folder in which, in turn,
//   d is a folder, or a link to a folder outside that has the same names;
//   last is a file, or a link to a file outside;
//   p/q is in p, or somewhere outside, with another folder in its place.
// Contents, sizes and targets tell inside from outside: inside, they begin with "in", and are two bytes long.
//
//   attack_race KIND ROUNDS
// prints how many rounds did something, how many were refused, and how many got hold of something outside.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wasi/api.h>

enum { ROOT = 3 };

// Up from q, often: each time it may be somewhere else.
#define UP_4 "q/../q/../q/../q/../"
#define UP "p/" UP_4 UP_4 UP_4 UP_4

static unsigned done, refused, leaked;

static __wasi_errno_t opened(int dir, __wasi_lookupflags_t lookup, const char *path, __wasi_oflags_t flags,
                             __wasi_rights_t rights, __wasi_fd_t *fd) {
    return __wasi_path_open(dir, lookup, path, flags, rights, rights, 0, fd);
}

static __wasi_errno_t read_there(int dir, __wasi_lookupflags_t lookup, const char *path) {
    char text[16] = {0};
    __wasi_fd_t fd;
    __wasi_errno_t error = opened(dir, lookup, path, 0, __WASI_RIGHTS_FD_READ, &fd);
    if (error)
        return error;
    __wasi_iovec_t vector = {(uint8_t *)text, sizeof text};
    size_t got;
    error = __wasi_fd_read(fd, &vector, 1, &got);
    leaked += !error && got >= 2 && memcmp(text, "in", 2) != 0;
    (void)!__wasi_fd_close(fd);
    return error;
}

static __wasi_errno_t write_there(__wasi_lookupflags_t lookup, const char *path, __wasi_oflags_t flags) {
    __wasi_fd_t fd;
    __wasi_errno_t error = opened(ROOT, lookup, path, flags, __WASI_RIGHTS_FD_WRITE, &fd);
    if (error)
        return error;
    __wasi_ciovec_t vector = {(const uint8_t *)"in", 2};
    size_t put;
    error = __wasi_fd_write(fd, &vector, 1, &put);
    (void)!__wasi_fd_close(fd);
    return error;
}

static __wasi_errno_t stat_there(__wasi_lookupflags_t lookup, const char *path) {
    __wasi_filestat_t stat;
    __wasi_errno_t error = __wasi_path_filestat_get(ROOT, lookup, path, &stat);
    leaked += !error && stat.filetype == __WASI_FILETYPE_REGULAR_FILE && stat.size != 2;
    return error;
}

static __wasi_errno_t round_of(const char *kind) {
    const __wasi_lookupflags_t follow = __WASI_LOOKUPFLAGS_SYMLINK_FOLLOW;
    __wasi_errno_t error;
    if (!strcmp(kind, "read"))
        return read_there(ROOT, follow, "d/f");
    if (!strcmp(kind, "write"))
        return write_there(0, "d/w", 0);
    if (!strcmp(kind, "create")) {
        error = write_there(0, "d/c", __WASI_OFLAGS_CREAT | __WASI_OFLAGS_TRUNC);
        if (!error)
            (void)!__wasi_path_unlink_file(ROOT, "d/c");
        return error;
    }
    if (!strcmp(kind, "unlink")) {
        error = __wasi_path_unlink_file(ROOT, "d/u");
        return error == __WASI_ERRNO_NOENT ? write_there(0, "d/u", __WASI_OFLAGS_CREAT) : error;
    }
    if (!strcmp(kind, "mkdir")) {
        error = __wasi_path_create_directory(ROOT, "d/n");
        return error == __WASI_ERRNO_EXIST ? __wasi_path_remove_directory(ROOT, "d/n") : error;
    }
    if (!strcmp(kind, "rmdir")) {
        error = __wasi_path_remove_directory(ROOT, "d/e");
        return error == __WASI_ERRNO_NOENT ? __wasi_path_create_directory(ROOT, "d/e") : error;
    }
    if (!strcmp(kind, "rename")) {
        error = __wasi_path_rename(ROOT, "d/a", ROOT, "d/b");
        return error ? __wasi_path_rename(ROOT, "d/b", ROOT, "d/a") : error;
    }
    if (!strcmp(kind, "fetch")) {
        error = __wasi_path_rename(ROOT, "d/r", ROOT, "fetched");
        if (!error) {
            (void)!stat_there(0, "fetched");
            error = __wasi_path_rename(ROOT, "fetched", ROOT, "d/r");
        } else {
            (void)!__wasi_path_rename(ROOT, "fetched", ROOT, "d/r");
        }
        return error;
    }
    if (!strcmp(kind, "symlink")) {
        error = __wasi_path_symlink("target", ROOT, "d/s");
        return error == __WASI_ERRNO_EXIST ? __wasi_path_unlink_file(ROOT, "d/s") : error;
    }
    if (!strcmp(kind, "link")) {
        error = __wasi_path_link(ROOT, 0, "own", ROOT, "d/h");
        return error == __WASI_ERRNO_EXIST ? __wasi_path_unlink_file(ROOT, "d/h") : error;
    }
    if (!strcmp(kind, "launder")) {
        error = __wasi_path_link(ROOT, 0, "d/f", ROOT, "laundered");
        (void)!stat_there(0, "laundered");
        (void)!__wasi_path_unlink_file(ROOT, "laundered");
        return error;
    }
    if (!strcmp(kind, "stat"))
        return stat_there(follow, "d/f");
    if (!strcmp(kind, "times"))
        return __wasi_path_filestat_set_times(ROOT, follow, "d/f", 5, 6, __WASI_FSTFLAGS_ATIM | __WASI_FSTFLAGS_MTIM);
    if (!strcmp(kind, "readlink")) {
        char text[16] = {0};
        size_t got;
        error = __wasi_path_readlink(ROOT, "d/ln", (uint8_t *)text, sizeof text, &got);
        leaked += !error && memcmp(text, "in", 2) != 0;
        return error;
    }
    if (!strcmp(kind, "through")) {
        __wasi_fd_t dir;
        error = opened(ROOT, 0, "d", __WASI_OFLAGS_DIRECTORY, __WASI_RIGHTS_FD_READ | __WASI_RIGHTS_PATH_OPEN, &dir);
        if (error)
            return error;
        error = read_there(dir, 0, "f");
        (void)!__wasi_fd_close(dir);
        return error;
    }
    if (!strcmp(kind, "last"))
        return write_there(0, "last", 0);
    if (!strcmp(kind, "last-followed"))
        return write_there(follow, "last", 0);
    if (!strcmp(kind, "last-read"))
        return read_there(ROOT, follow, "last");
    if (!strcmp(kind, "last-stat"))
        return stat_there(follow, "last");
    if (!strcmp(kind, "last-times"))
        return __wasi_path_filestat_set_times(ROOT, follow, "last", 5, 6, __WASI_FSTFLAGS_ATIM | __WASI_FSTFLAGS_MTIM);
    if (!strcmp(kind, "up"))
        return read_there(ROOT, follow, UP "f");
    if (!strcmp(kind, "up-write"))
        return write_there(0, UP "w", 0);
    if (!strcmp(kind, "up-create")) {
        error = __wasi_path_create_directory(ROOT, UP "n");
        return error == __WASI_ERRNO_EXIST ? __wasi_path_remove_directory(ROOT, UP "n") : error;
    }
    exit(2);
}

int main(int argc, char **argv) {
    if (argc != 3)
        return 2;
    for (int rounds = atoi(argv[2]); rounds > 0; rounds--) {
        if (round_of(argv[1]))
            refused++;
        else
            done++;
    }
    printf("%u %u %u\n", done, refused, leaked);
    return 0;
}
