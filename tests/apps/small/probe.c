// Tries everything that the system interface has, and says what of it worked.

#include "../wallet/abi.h"
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <wasi/api.h>

static char *below(const char *folder, const char *name) {
    static char paths[2][256];
    static unsigned turn;
    char *path = paths[turn++ % 2];
    snprintf(path, 256, "%s/%s", folder, name);
    return path;
}

static bool opens(const char *path, int flags) {
    int file = open(path, flags, 0666);
    return file >= 0 && close(file) == 0;
}

// Each right by the one thing that takes it alone. The folder has files for that, named like the rights.
static void try(const char *folder, char *said) {
    DIR *listing = opendir(folder);
    bool listed = listing != NULL && readdir(listing) != NULL;
    if (listing != NULL) closedir(listing);
    struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
    struct stat stat_of;
    const struct {
        const char *name;
        bool can;
    } tried[] = {
        {"list", listed},
        {"read", opens(below(folder, "read"), O_RDONLY)},
        {"write", opens(below(folder, "write"), O_WRONLY)},
        {"create", mkdir(below(folder, "made"), 0777) == 0},
        {"delete", unlink(below(folder, "delete")) == 0},
        {"rename", rename(below(folder, "rename"), below(folder, "renamed")) == 0},
        {"link", link(below(folder, "link"), below(folder, "linked")) == 0},
        {"symlink", symlink("read", below(folder, "symlinked")) == 0},
        {"times", utimensat(AT_FDCWD, below(folder, "times"), times, 0) == 0},
        {"stat", stat(below(folder, "read"), &stat_of) == 0},
    };
    *said = '\0';
    for (size_t i = 0; i < sizeof tried / sizeof tried[0]; i++)
        if (tried[i].can) strcat(strcat(said, *said != '\0' ? " " : ""), tried[i].name);
}

static void look(char *said, size_t room) {
    size_t arguments = 0, variables = 0, size = 0;
    (void)!__wasi_args_sizes_get(&arguments, &size);
    (void)!__wasi_environ_sizes_get(&variables, &size);
    bool told = write(STDOUT_FILENO, "", 0) == 0, warned = write(STDERR_FILENO, "", 0) == 0;
    char byte;
    bool asked = read(STDIN_FILENO, &byte, 1) >= 0;
    bool files = opens("/etc/passwd", O_RDONLY) || opens("seed.txt", O_RDONLY);
    __wasi_prestat_t folder;
    for (__wasi_fd_t fd = 3; fd < 16; fd++) files |= __wasi_fd_prestat_get(fd, &folder) == 0;
    snprintf(said, room, "%zu arguments, %zu variables, %s, in %s, out %s, error %s, year %lld", arguments, variables,
             files ? "files" : "no files", asked ? "yes" : "no", told ? "yes" : "no", warned ? "yes" : "no",
             1970 + (long long)time(NULL) / 31556952);
}

static struct text result;

EXPORT("test:probe/probe#rights") struct text *rights(char *at, size_t len) {
    struct text folder = {at, len};
    char path[128], *said = malloc(256);
    snprintf(path, sizeof path, "%.*s", SHOWN(folder));
    drop(folder);
    try(path, said);
    result = borrowed(said);
    return &result;
}

EXPORT("test:probe/probe#sight") struct text *sight(void) {
    char *said = malloc(256);
    look(said, 256);
    result = borrowed(said);
    return &result;
}
