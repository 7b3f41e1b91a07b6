// Unpacks an archive from standard input into descriptor 3, and believes every name in it, as in "Zip Slip". It asks
// the system interface directly, so that no C library stands between a name and the host.
//
// The archive is a row of entries, numbers little-endian:
//   kind: u8    f file, d directory, s symbolic link, h hard link, H hard link to where a link leads, e the end
//   length: u16, name    length: u16, target of a link    length: u32, piece of the contents    how often it comes: u32
//
// For each entry it prints a line: the kind, the error number, and how many bytes were written.
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <wasi/api.h>

enum { OUT = 3 };

static uint8_t archive[1 << 20], *at = archive;

static uint32_t number(int bytes) {
    uint32_t value = 0;
    for (int i = 0; i < bytes; i++)
        value |= (uint32_t)*at++ << 8 * i;
    return value;
}

static uint8_t *bytes(uint32_t length) {
    uint8_t *here = at;
    at += length;
    return here;
}

// A name as the declarations for C want it: it ends at its first NUL.
static const char *text(const uint8_t *name, uint32_t length, char *room) {
    memcpy(room, name, length);
    room[length] = 0;
    return room;
}

// Declared anew, because a file's name is handed over whole, whatever is in it.
int32_t path_open_bytes(int32_t, int32_t, const void *, int32_t, int32_t, int64_t, int64_t, int32_t, int32_t *)
    __attribute__((import_module("wasi_snapshot_preview1"), import_name("path_open")));

static uint16_t file(const uint8_t *name, uint32_t length, const uint8_t *piece, uint32_t piece_length, uint32_t times,
                     uint64_t *written) {
    int32_t opened;
    int32_t error = path_open_bytes(OUT, __WASI_LOOKUPFLAGS_SYMLINK_FOLLOW, name, length,
                                    __WASI_OFLAGS_CREAT | __WASI_OFLAGS_TRUNC, __WASI_RIGHTS_FD_WRITE, 0, 0, &opened);
    if (error)
        return error;
    while (!error && times--) {
        for (size_t done = 0, now; !error && done < piece_length; done += now) {
            __wasi_ciovec_t vector = {piece + done, piece_length - done};
            now = 0;
            error = __wasi_fd_write(opened, &vector, 1, &now);
            *written += now;
        }
    }
    uint16_t closed = __wasi_fd_close(opened);
    return error ? error : closed;
}

int main(void) {
    static char name_room[1 << 16], target_room[1 << 16], parent_room[1 << 16];
    for (size_t used = 0;;) {
        ssize_t got = read(0, archive + used, sizeof archive - used);
        if (got <= 0)
            break;
        used += got;
    }
    for (;;) {
        char kind = *at++;
        if (kind == 'e' || kind == 0)
            return 0;
        uint32_t name_length = number(2);
        uint8_t *name = bytes(name_length);
        uint32_t target_length = number(2);
        uint8_t *target = bytes(target_length);
        uint32_t piece_length = number(4);
        uint8_t *piece = bytes(piece_length);
        uint32_t times = number(4);
        const char *path = text(name, name_length, name_room), *to = text(target, target_length, target_room);
        // The folders that the name is in, where they are not there yet.
        for (uint32_t end = 1; end < name_length; end++)
            if (name[end] == '/' && !memchr(name, 0, end))
                (void)!__wasi_path_create_directory(OUT, text(name, end, parent_room));
        uint16_t error = 0;
        uint64_t written = 0;
        switch (kind) {
        case 'f': error = file(name, name_length, piece, piece_length, times, &written); break;
        case 'd': error = __wasi_path_create_directory(OUT, path); break;
        case 's': error = __wasi_path_symlink(to, OUT, path); break;
        case 'h': error = __wasi_path_link(OUT, 0, to, OUT, path); break;
        case 'H': error = __wasi_path_link(OUT, __WASI_LOOKUPFLAGS_SYMLINK_FOLLOW, to, OUT, path); break;
        default: return 1;
        }
        printf("%c %d %llu\n", kind, error, (unsigned long long)written);
    }
}
