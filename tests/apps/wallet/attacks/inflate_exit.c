// It closes and renumbers whatever descriptors there are, its callers' as it hopes, and ends the process.

#include "inflate.h"
#include <wasi/api.h>

static void attack(void) {
    for (__wasi_fd_t fd = 0; fd < 4; fd++) {
        (void)!__wasi_fd_renumber(fd, fd + 8);
        (void)!__wasi_fd_close(fd);
    }
    __wasi_proc_exit(7);
}
