// Tries all 46 functions of preview 1 on everything that a guest might find, without having been granted anything:
// first each with plausible arguments, then with any. Two calls for randomness, of 7001 and 7002 bytes, mark the
// beginning and the end in a trace of system calls. Then it prints how many calls it made, how many on files, folders
// and sockets succeeded, and how many arguments and variables there are.
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { BEGIN = 7001, END = 7002 };

// Declared anew, with numbers only, so that anything can be passed.
#define PREVIEW_1(name, ...) \
    int32_t name(__VA_ARGS__) __attribute__((import_module("wasi_snapshot_preview1"), import_name(#name)))
typedef int32_t i;
typedef int64_t l;
PREVIEW_1(args_get, i, i);
PREVIEW_1(args_sizes_get, i, i);
PREVIEW_1(clock_res_get, i, i);
PREVIEW_1(clock_time_get, i, l, i);
PREVIEW_1(environ_get, i, i);
PREVIEW_1(environ_sizes_get, i, i);
PREVIEW_1(fd_advise, i, l, l, i);
PREVIEW_1(fd_allocate, i, l, l);
PREVIEW_1(fd_close, i);
PREVIEW_1(fd_datasync, i);
PREVIEW_1(fd_fdstat_get, i, i);
PREVIEW_1(fd_fdstat_set_flags, i, i);
PREVIEW_1(fd_fdstat_set_rights, i, l, l);
PREVIEW_1(fd_filestat_get, i, i);
PREVIEW_1(fd_filestat_set_size, i, l);
PREVIEW_1(fd_filestat_set_times, i, l, l, i);
PREVIEW_1(fd_pread, i, i, i, l, i);
PREVIEW_1(fd_prestat_dir_name, i, i, i);
PREVIEW_1(fd_prestat_get, i, i);
PREVIEW_1(fd_pwrite, i, i, i, l, i);
PREVIEW_1(fd_read, i, i, i, i);
PREVIEW_1(fd_readdir, i, i, i, l, i);
PREVIEW_1(fd_renumber, i, i);
PREVIEW_1(fd_seek, i, l, i, i);
PREVIEW_1(fd_sync, i);
PREVIEW_1(fd_tell, i, i);
PREVIEW_1(fd_write, i, i, i, i);
PREVIEW_1(path_create_directory, i, i, i);
PREVIEW_1(path_filestat_get, i, i, i, i, i);
PREVIEW_1(path_filestat_set_times, i, i, i, i, l, l, i);
PREVIEW_1(path_link, i, i, i, i, i, i, i);
PREVIEW_1(path_open, i, i, i, i, i, l, l, i, i);
PREVIEW_1(path_readlink, i, i, i, i, i, i);
PREVIEW_1(path_remove_directory, i, i, i);
PREVIEW_1(path_rename, i, i, i, i, i, i);
PREVIEW_1(path_symlink, i, i, i, i, i);
PREVIEW_1(path_unlink_file, i, i, i);
PREVIEW_1(poll_oneoff, i, i, i, i);
void proc_exit(i) __attribute__((import_module("wasi_snapshot_preview1"), import_name("proc_exit"), noreturn));
PREVIEW_1(proc_raise, i);
PREVIEW_1(random_get, i, i);
PREVIEW_1(sched_yield);
PREVIEW_1(sock_accept, i, i, i);
PREVIEW_1(sock_recv, i, i, i, i, i, i);
PREVIEW_1(sock_send, i, i, i, i, i);
PREVIEW_1(sock_shutdown, i, i);

static uint8_t buffer[1 << 16], out[4096];
static uint32_t vector[2];
static unsigned calls, granted;

static void *const memory[] = {buffer, out, vector};
#define AT(pointer) ((i)(intptr_t)(pointer))

static const char *const paths[] = {
    "/etc/passwd", "etc/passwd", ".", "..", "/", "/proc/self/environ", "/proc/self/mem", "proc/self/fd/1", "/dev/tty",
    "/tmp/attack_sweep", "attack_sweep", "../attack_sweep", "", "\xff", "/dev/stdin", "/run", "//", "a/../../b",
};

// A call on a file, folder or socket: none is there, so none succeeds.
static void none(i error) {
    calls++;
    granted += error == 0;
}

// A call that may succeed, since it asks for nothing, or for a standard stream.
static void any(i error) {
    calls++;
    (void)error;
}

static void with_path(i fd, const char *text) {
    i path = AT(text), length = strlen(text);
    static const i lookups[] = {0, 1};
    for (unsigned at = 0; at < 2; at++) {
        for (i flags = 0; flags < 16; flags++) {
            none(path_open(fd, lookups[at], path, length, flags, -1, -1, 0, AT(out)));
            none(path_open(fd, lookups[at], path, length, flags, 2, 0, 1, AT(out)));
        }
        none(path_filestat_get(fd, lookups[at], path, length, AT(out)));
        none(path_filestat_set_times(fd, lookups[at], path, length, 1, 2, 5));
        none(path_link(fd, lookups[at], path, length, fd, AT("new"), 3));
    }
    none(path_create_directory(fd, path, length));
    none(path_readlink(fd, path, length, AT(buffer), sizeof buffer, AT(out)));
    none(path_remove_directory(fd, path, length));
    none(path_rename(fd, path, length, fd, AT("new"), 3));
    none(path_symlink(AT("/etc/passwd"), 11, fd, path, length));
    none(path_unlink_file(fd, path, length));
}

static void with_descriptor(i fd) {
    // On a stream these may do something, to the stream.
    void (*tell)(i) = fd >= 0 && fd < 3 ? any : none;
    vector[0] = AT(buffer);
    vector[1] = 4;
    tell(fd_advise(fd, 0, 10, 3));
    none(fd_allocate(fd, 0, 10));
    tell(fd_datasync(fd));
    tell(fd_sync(fd));
    tell(fd_fdstat_get(fd, AT(out)));
    tell(fd_fdstat_set_flags(fd, 4));
    tell(fd_fdstat_set_flags(fd, 0));
    none(fd_fdstat_set_rights(fd, -1, -1));
    tell(fd_filestat_get(fd, AT(out)));
    none(fd_filestat_set_size(fd, 0));
    none(fd_filestat_set_times(fd, 1, 2, 5));
    none(fd_pread(fd, AT(vector), 1, 0, AT(out)));
    none(fd_pwrite(fd, AT(vector), 1, 0, AT(out)));
    none(fd_prestat_get(fd, AT(out)));
    none(fd_prestat_dir_name(fd, AT(buffer), sizeof buffer));
    tell(fd_read(fd, AT(vector), 1, AT(out)));
    vector[1] = 0;
    tell(fd_write(fd, AT(vector), 1, AT(out)));
    none(fd_readdir(fd, AT(buffer), sizeof buffer, 0, AT(out)));
    none(fd_seek(fd, 1, 0, AT(out)));
    none(fd_tell(fd, AT(out)));
    none(sock_accept(fd, 0, AT(out)));
    none(sock_recv(fd, AT(vector), 1, 0, AT(out), AT(out + 8)));
    none(sock_send(fd, AT(vector), 1, 0, AT(out)));
    none(sock_shutdown(fd, 3));
    for (unsigned at = 0; at < sizeof paths / sizeof *paths; at++)
        with_path(fd, paths[at]);
}

static void without_descriptor(void) {
    for (i clock = -1; clock < 6; clock++) {
        any(clock_res_get(clock, AT(out)));
        any(clock_time_get(clock, 1, AT(out)));
    }
    any(proc_raise(9));
    any(proc_raise(15));
    any(sched_yield());
    any(random_get(AT(buffer), sizeof buffer));
    any(random_get(AT(buffer), -1));
    // Two subscriptions: a millisecond, and a stream.
    memset(buffer, 0, 96);
    buffer[16] = 1;
    buffer[26] = 15;
    buffer[56] = 1;
    any(poll_oneoff(AT(buffer), AT(out), 2, AT(out + 2048)));
    for (i fd = 3; fd < 40; fd++) {
        buffer[56] = 1 + fd % 2;
        buffer[64] = fd;
        any(poll_oneoff(AT(buffer), AT(out), 2, AT(out + 2048)));
    }
}

static uint64_t state = 0x9e3779b97f4a7c15;

// A number that may mean something: small, a place in memory, or any.
static int64_t something(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    switch (state >> 60) {
    case 0: return (int64_t)state;
    case 1: return (int32_t)state;
    case 2: case 3: case 4: case 5: return AT(memory[state % 3]);
    case 6: case 7: return AT(paths[state % (sizeof paths / sizeof *paths)]);
    default: return state % 40;
    }
}

// Any function on a number that is none of the streams', with anything.
static void anything(void) {
    i fd = something();
    if (fd >= 0 && fd < 3)
        fd += 3;
#define S something()
    switch ((uint64_t)S % 32) {
    case 0: none(fd_advise(fd, S, S, S)); break;
    case 1: none(fd_allocate(fd, S, S)); break;
    case 2: none(fd_datasync(fd)); break;
    case 3: none(fd_sync(fd)); break;
    case 4: none(fd_fdstat_get(fd, S)); break;
    case 5: none(fd_fdstat_set_flags(fd, S)); break;
    case 6: none(fd_fdstat_set_rights(fd, S, S)); break;
    case 7: none(fd_filestat_get(fd, S)); break;
    case 8: none(fd_filestat_set_size(fd, S)); break;
    case 9: none(fd_filestat_set_times(fd, S, S, S)); break;
    case 10: none(fd_pread(fd, S, S, S, S)); break;
    case 11: none(fd_pwrite(fd, S, S, S, S)); break;
    case 12: none(fd_prestat_get(fd, S)); break;
    case 13: none(fd_prestat_dir_name(fd, S, S)); break;
    case 14: none(fd_read(fd, S, S, S)); break;
    case 15: none(fd_write(fd, S, S, S)); break;
    case 16: none(fd_readdir(fd, S, S, S, S)); break;
    case 17: none(fd_seek(fd, S, S, S)); break;
    case 18: none(fd_tell(fd, S)); break;
    case 19: none(sock_accept(fd, S, S)); break;
    case 20: none(sock_recv(fd, S, S, S, S, S)); break;
    case 21: none(sock_send(fd, S, S, S, S)); break;
    case 22: none(sock_shutdown(fd, S)); break;
    case 23: none(path_create_directory(fd, S, S)); break;
    case 24: none(path_filestat_get(fd, S, S, S, S)); break;
    case 25: none(path_filestat_set_times(fd, S, S, S, S, S, S)); break;
    case 26: none(path_link(fd, S, S, S, S, S, S)); break;
    case 27: none(path_open(fd, S, S, S, S, S, S, S, S)); break;
    case 28: none(path_readlink(fd, S, S, S, S, S)); break;
    case 29: none(path_rename(fd, S, S, S, S, S)); break;
    case 30: none(path_symlink(S, S, fd, S, S)); break;
    default: none(path_unlink_file(fd, S, S)); break;
    }
}

int main(int argc, char **argv) {
    if (argc > 1)
        return strcmp(argv[1], "nothing") != 0;
    (void)!random_get(AT(buffer), BEGIN);
    without_descriptor();
    static const i descriptors[] = {0,  1,    2,    3,          4,  5,    6,  7, 8, 9, 10,
                                    63, 1023, 1024, 0x7fffffff, -1, -100, -2147483647 - 1};
    for (unsigned at = 0; at < sizeof descriptors / sizeof *descriptors; at++)
        with_descriptor(descriptors[at]);
    for (unsigned at = 0; at < sizeof descriptors / sizeof *descriptors; at++) {
        none(fd_renumber(descriptors[at], 3));
        none(fd_renumber(3, descriptors[at]));
    }
    for (int round = 0; round < 20000; round++)
        anything();
    uint32_t arguments[2], variables[2];
    any(args_sizes_get(AT(&arguments[0]), AT(&arguments[1])));
    any(environ_sizes_get(AT(&variables[0]), AT(&variables[1])));
    if (arguments[1] <= sizeof buffer)
        any(args_get(AT(out), AT(buffer)));
    if (variables[1] <= sizeof buffer)
        any(environ_get(AT(out), AT(buffer)));
    any(fd_close(0));
    any(fd_close(3));
    (void)!random_get(AT(buffer), END);
    printf("calls %u granted %u arguments %u variables %u\n", calls, granted, arguments[0], variables[0]);
    fflush(stdout);
    proc_exit(granted ? 1 : 0);
}
