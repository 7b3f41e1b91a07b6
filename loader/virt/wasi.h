// The calls of WASI preview 1 that the shipped virtualizers make, by hand: they link with no C library.
#pragma once

#include <stdint.h>

#define WASI(function) __attribute__((import_module("wasi_snapshot_preview1"), import_name(function)))

typedef struct {
    const void *at;
    uint32_t len;
} wasi_ciovec;

typedef struct {
    void *at;
    uint32_t len;
} wasi_iovec;

typedef struct {
    uint64_t device, inode;
    uint8_t kind;
    uint64_t links, size, accessed, modified, changed;
} wasi_filestat;

typedef struct {
    uint64_t next, inode;
    uint32_t name_len;
    uint8_t kind;
} wasi_dirent;

typedef struct {
    uint8_t tag;
    uint32_t name_len;
} wasi_prestat;

typedef struct {
    uint64_t userdata;
    uint8_t tag;
    // A variant's case lies where the largest member of any case may: at a multiple of 8.
    _Alignas(8) uint32_t clock;
    uint64_t timeout, precision;
    uint16_t flags;
} wasi_clock_subscription;

_Static_assert(sizeof(wasi_clock_subscription) == 48, "wasi_clock_subscription");

typedef struct {
    uint64_t userdata;
    uint16_t error;
    uint8_t kind;
    uint64_t bytes;
    uint16_t flags;
} wasi_event;

enum { WASI_FDFLAG_APPEND = 1 };
enum { WASI_STAT_ATIM = 1, WASI_STAT_ATIM_NOW = 2, WASI_STAT_MTIM = 4, WASI_STAT_MTIM_NOW = 8 };
enum { WASI_RIGHT_READ = 1 << 1, WASI_RIGHT_WRITE = 1 << 6 };

WASI("args_sizes_get") uint16_t wasi_args_sizes_get(uint32_t *count, uint32_t *bytes);
WASI("environ_sizes_get") uint16_t wasi_environ_sizes_get(uint32_t *count, uint32_t *bytes);
WASI("environ_get") uint16_t wasi_environ_get(char **variables, char *bytes);
WASI("clock_time_get") uint16_t wasi_clock_time_get(uint32_t clock, uint64_t precision, uint64_t *time);
WASI("clock_res_get") uint16_t wasi_clock_res_get(uint32_t clock, uint64_t *resolution);
WASI("poll_oneoff") uint16_t wasi_poll_oneoff(const wasi_clock_subscription *in, wasi_event *out, uint32_t n,
                                              uint32_t *events);
WASI("random_get") uint16_t wasi_random_get(void *at, uint32_t len);
WASI("proc_exit") _Noreturn void wasi_proc_exit(uint32_t status);
WASI("fd_close") uint16_t wasi_fd_close(uint32_t fd);
WASI("fd_read") uint16_t wasi_fd_read(uint32_t fd, const wasi_iovec *parts, uint32_t n, uint32_t *read);
WASI("fd_write") uint16_t wasi_fd_write(uint32_t fd, const wasi_ciovec *parts, uint32_t n, uint32_t *written);
WASI("fd_pread") uint16_t wasi_fd_pread(uint32_t fd, const wasi_iovec *parts, uint32_t n, uint64_t offset,
                                        uint32_t *read);
WASI("fd_pwrite") uint16_t wasi_fd_pwrite(uint32_t fd, const wasi_ciovec *parts, uint32_t n, uint64_t offset,
                                          uint32_t *written);
WASI("fd_fdstat_set_flags") uint16_t wasi_fd_fdstat_set_flags(uint32_t fd, uint32_t flags);
WASI("fd_filestat_get") uint16_t wasi_fd_filestat_get(uint32_t fd, wasi_filestat *stat);
WASI("fd_filestat_set_size") uint16_t wasi_fd_filestat_set_size(uint32_t fd, uint64_t size);
WASI("fd_filestat_set_times") uint16_t wasi_fd_filestat_set_times(uint32_t fd, uint64_t accessed, uint64_t modified,
                                                                  uint32_t flags);
WASI("fd_sync") uint16_t wasi_fd_sync(uint32_t fd);
WASI("fd_datasync") uint16_t wasi_fd_datasync(uint32_t fd);
WASI("fd_prestat_get") uint16_t wasi_fd_prestat_get(uint32_t fd, wasi_prestat *prestat);
WASI("fd_prestat_dir_name") uint16_t wasi_fd_prestat_dir_name(uint32_t fd, char *at, uint32_t len);
WASI("fd_readdir") uint16_t wasi_fd_readdir(uint32_t fd, void *at, uint32_t len, uint64_t cookie, uint32_t *used);
WASI("path_open") uint16_t wasi_path_open(uint32_t fd, uint32_t lookup, const char *path, uint32_t path_len,
                                          uint32_t how, uint64_t rights, uint64_t inheriting, uint32_t flags,
                                          uint32_t *opened);
WASI("path_filestat_get") uint16_t wasi_path_filestat_get(uint32_t fd, uint32_t lookup, const char *path,
                                                          uint32_t path_len, wasi_filestat *stat);
WASI("path_filestat_set_times") uint16_t wasi_path_filestat_set_times(uint32_t fd, uint32_t lookup, const char *path,
                                                                      uint32_t path_len, uint64_t accessed,
                                                                      uint64_t modified, uint32_t flags);
WASI("path_create_directory") uint16_t wasi_path_create_directory(uint32_t fd, const char *path, uint32_t path_len);
WASI("path_remove_directory") uint16_t wasi_path_remove_directory(uint32_t fd, const char *path, uint32_t path_len);
WASI("path_unlink_file") uint16_t wasi_path_unlink_file(uint32_t fd, const char *path, uint32_t path_len);
WASI("path_rename") uint16_t wasi_path_rename(uint32_t fd, const char *path, uint32_t path_len, uint32_t new_fd,
                                              const char *new_path, uint32_t new_path_len);
WASI("path_link") uint16_t wasi_path_link(uint32_t fd, uint32_t lookup, const char *path, uint32_t path_len,
                                          uint32_t new_fd, const char *new_path, uint32_t new_path_len);
WASI("path_symlink") uint16_t wasi_path_symlink(const char *target, uint32_t target_len, uint32_t fd, const char *path,
                                                uint32_t path_len);
WASI("path_readlink") uint16_t wasi_path_readlink(uint32_t fd, const char *path, uint32_t path_len, char *at,
                                                  uint32_t len, uint32_t *used);
