// Does at random, from a seed, what can be done with files, and prints what came of it: by typed calls (-DTYPED), over
// whatever answers bailiwick:virt/fs, or by preview 1. Two file systems that behave alike print the same.
//
// usage: walk SEED STEPS [PREOPEN]

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../../loader/virt/virt.h"
#include "../../../loader/virt/wasi.h"

static uint64_t state;

static uint32_t random_below(uint32_t n) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((state >> 33) % n);
}

// ---- The two ways ----------------------------------------------------------------------------------------------------

#ifdef TYPED
// What calls return lies in this until the next one.
static char returned[4 << 20];
static size_t returned_len;

VIRT_EXPORT("cabi_realloc") void *cabi_realloc(void *old, size_t old_size, size_t align, size_t size) {
    (void)old, (void)old_size, (void)align;
    char *at = returned + returned_len;
    returned_len += (size + 15) & ~(size_t)15;
    if (returned_len > sizeof returned) abort();
    return at;
}

#define CALL(function, ...) (returned_len = 0, virt_import_fs_##function(__VA_ARGS__, &r))
#define FAILED(r) ((r).failed ? (r).error : 0)

static int do_open(uint32_t folder, const char *path, bool follow, uint32_t how, uint32_t access, uint32_t *node) {
    virt_u32_result r;
    CALL(open, folder, path, strlen(path), follow, how, access);
    if (!r.failed) *node = r.value;
    return FAILED(r);
}

static void do_close(uint32_t node) {
    virt_import_fs_close(node);
}

static int do_read(uint32_t node, uint64_t offset, uint32_t len, const uint8_t **at, uint32_t *read) {
    virt_bytes_result r;
    CALL(read, node, offset, len);
    *at = r.value.at, *read = r.value.len;
    return FAILED(r);
}

static int do_write(uint32_t node, uint64_t offset, const uint8_t *at, uint32_t len, uint32_t *written) {
    virt_u32_result r;
    CALL(write, node, offset, at, len);
    *written = r.value;
    return FAILED(r);
}

static int do_size(uint32_t node, uint64_t size) {
    virt_result r;
    CALL(set_size, node, size);
    return FAILED(r);
}

static int do_stat(uint32_t folder, const char *path, bool follow, virt_stat *stat) {
    virt_stat_result r;
    CALL(get_stat_at, folder, path, strlen(path), follow);
    *stat = r.value;
    return FAILED(r);
}

static int do_times(uint32_t folder, const char *path, bool follow, uint64_t accessed, uint64_t modified) {
    virt_result r;
    CALL(set_times_at, folder, path, strlen(path), follow, VIRT_AT, accessed, VIRT_AT, modified);
    return FAILED(r);
}

static int do_mkdir(uint32_t folder, const char *path) {
    virt_result r;
    CALL(create_directory_at, folder, path, strlen(path));
    return FAILED(r);
}

static int do_rmdir(uint32_t folder, const char *path) {
    virt_result r;
    CALL(remove_directory_at, folder, path, strlen(path));
    return FAILED(r);
}

static int do_unlink(uint32_t folder, const char *path) {
    virt_result r;
    CALL(unlink_at, folder, path, strlen(path));
    return FAILED(r);
}

static int do_rename(uint32_t folder, const char *path, uint32_t to, const char *new_path) {
    virt_result r;
    CALL(rename_at, folder, path, strlen(path), to, new_path, strlen(new_path));
    return FAILED(r);
}

static int do_link(uint32_t folder, const char *path, uint32_t to, const char *new_path) {
    virt_result r;
    CALL(link_at, folder, path, strlen(path), false, to, new_path, strlen(new_path));
    return FAILED(r);
}

static int do_symlink(const char *target, uint32_t folder, const char *path) {
    virt_result r;
    CALL(symlink_at, target, strlen(target), folder, path, strlen(path));
    return FAILED(r);
}

static int do_readlink(uint32_t folder, const char *path, char *at, uint32_t *len) {
    virt_string_result r;
    CALL(readlink_at, folder, path, strlen(path));
    if (r.failed) return r.error;
    *len = r.value.len;
    memcpy(at, r.value.at, *len);
    return 0;
}

// Calls `each` for each name of a folder.
static int do_list(uint32_t folder, void each(const char *, uint32_t)) {
    for (uint64_t cursor = 0;;) {
        virt_entries_result r;
        CALL(entries, folder, cursor);
        if (r.failed) return r.error;
        if (r.value.len == 0) return 0;
        for (uint32_t i = 0; i < r.value.len; i++) {
            each(r.value.at[i].name.at, r.value.at[i].name.len);
            cursor = r.value.at[i].next;
        }
    }
}

static uint32_t first_folder(const char *name) {
    virt_preopens r;
    returned_len = 0;
    virt_import_fs_preopens(&r);
    for (uint32_t i = 0; i < r.len; i++) {
        if (r.at[i].name.len == strlen(name) && memcmp(r.at[i].name.at, name, r.at[i].name.len) == 0) {
            return r.at[i].folder;
        }
    }
    fprintf(stderr, "no folder %s\n", name);
    exit(1);
}
#else
static int do_open(uint32_t folder, const char *path, bool follow, uint32_t how, uint32_t access, uint32_t *node) {
    uint64_t rights = 0x0fffffff & ~(uint64_t)(WASI_RIGHT_READ | WASI_RIGHT_WRITE);
    if (access & VIRT_READ) rights |= WASI_RIGHT_READ;
    if (access & VIRT_WRITE) rights |= WASI_RIGHT_WRITE;
    return wasi_path_open(folder, follow, path, strlen(path), how, rights, 0x0fffffff, 0, node);
}

static void do_close(uint32_t node) {
    wasi_fd_close(node);
}

static int do_read(uint32_t node, uint64_t offset, uint32_t len, const uint8_t **at, uint32_t *read) {
    static uint8_t bytes[1 << 20];
    wasi_iovec part = {bytes, len};
    *at = bytes;
    return wasi_fd_pread(node, &part, 1, offset, read);
}

static int do_write(uint32_t node, uint64_t offset, const uint8_t *at, uint32_t len, uint32_t *written) {
    wasi_ciovec part = {at, len};
    return wasi_fd_pwrite(node, &part, 1, offset, written);
}

static int do_size(uint32_t node, uint64_t size) {
    return wasi_fd_filestat_set_size(node, size);
}

static int do_stat(uint32_t folder, const char *path, bool follow, virt_stat *stat) {
    wasi_filestat found;
    int error = wasi_path_filestat_get(folder, follow, path, strlen(path), &found);
    *stat = (virt_stat){found.kind, found.device, found.inode, found.links, found.size,
                        found.accessed, found.modified, found.changed};
    return error;
}

static int do_times(uint32_t folder, const char *path, bool follow, uint64_t accessed, uint64_t modified) {
    return wasi_path_filestat_set_times(folder, follow, path, strlen(path), accessed, modified,
                                        WASI_STAT_ATIM | WASI_STAT_MTIM);
}

static int do_mkdir(uint32_t folder, const char *path) {
    return wasi_path_create_directory(folder, path, strlen(path));
}

static int do_rmdir(uint32_t folder, const char *path) {
    return wasi_path_remove_directory(folder, path, strlen(path));
}

static int do_unlink(uint32_t folder, const char *path) {
    return wasi_path_unlink_file(folder, path, strlen(path));
}

static int do_rename(uint32_t folder, const char *path, uint32_t to, const char *new_path) {
    return wasi_path_rename(folder, path, strlen(path), to, new_path, strlen(new_path));
}

static int do_link(uint32_t folder, const char *path, uint32_t to, const char *new_path) {
    return wasi_path_link(folder, 0, path, strlen(path), to, new_path, strlen(new_path));
}

static int do_symlink(const char *target, uint32_t folder, const char *path) {
    return wasi_path_symlink(target, strlen(target), folder, path, strlen(path));
}

static int do_readlink(uint32_t folder, const char *path, char *at, uint32_t *len) {
    return wasi_path_readlink(folder, path, strlen(path), at, 4096, len);
}

static int do_list(uint32_t folder, void each(const char *, uint32_t)) {
    static char batch[600];
    for (uint64_t cookie = 0;;) {
        uint32_t used, at = 0;
        int error = wasi_fd_readdir(folder, batch, sizeof batch, cookie, &used);
        if (error != 0) return error;
        wasi_dirent entry;
        while (at + sizeof entry <= used) {
            memcpy(&entry, batch + at, sizeof entry);
            if (at + sizeof entry + entry.name_len > used) break;
            each(batch + at + sizeof entry, entry.name_len);
            at += sizeof entry + entry.name_len;
            cookie = entry.next;
        }
        if (used < sizeof batch) return 0;
    }
}

static uint32_t first_folder(const char *name) {
    for (uint32_t fd = 3;; fd++) {
        wasi_prestat prestat;
        char there[256] = "";
        if (wasi_fd_prestat_get(fd, &prestat) != 0) break;
        wasi_fd_prestat_dir_name(fd, there, prestat.name_len);
        if (strcmp(there, name) == 0) return fd;
    }
    fprintf(stderr, "no folder %s\n", name);
    exit(1);
}
#endif

// ---- The walk --------------------------------------------------------------------------------------------------------

static uint32_t root;
static struct {
    uint32_t node, access;
    bool folder, used;
} open_files[12];

#define OPEN (sizeof open_files / sizeof open_files[0])

static const char *some_path(char *at) {
    static const char *const names[] = {"a", "b", "c", "d", "name that is longer", "\xc3\xa9", ".", ".."};
    uint32_t depth = 1 + random_below(3);
    at[0] = 0;
    for (uint32_t i = 0; i < depth; i++) {
        uint32_t which = random_below(40);
        if (i != 0) strcat(at, random_below(20) == 0 ? "//" : "/");
        strcat(at, names[which < 36 ? which % 6 : 6 + which % 2]);
    }
    if (random_below(12) == 0) strcat(at, "/");
    return at;
}

// A folder to begin at: mostly the one that was there from the beginning.
static uint32_t some_folder(void) {
    uint32_t which = random_below(3 * OPEN);
    return which < OPEN && open_files[which].used && open_files[which].folder ? open_files[which].node : root;
}

static uint32_t digest(const uint8_t *at, uint32_t len) {
    uint32_t hash = 2166136261u;
    for (uint32_t i = 0; i < len; i++) hash = (hash ^ at[i]) * 16777619u;
    return hash;
}

static char listed[4096][64];
static uint32_t listed_count;

static void list_one(const char *name, uint32_t len) {
    if (listed_count < 4096 && len < 64) snprintf(listed[listed_count++], 64, "%.*s", (int)len, name);
}

static int by_name(const void *a, const void *b) {
    return strcmp(a, b);
}

static void show_stat(const virt_stat *stat) {
    printf(" kind %u", stat->kind);
    // How large a folder is, and how many links it has, each file system has its own mind about.
    if (stat->kind != VIRT_DIRECTORY) printf(" links %llu size %llu", stat->links, stat->size);
}

// The whole tree below a folder, with what files hold.
static void dump(uint32_t folder, const char *path, int depth) {
    listed_count = 0;
    uint32_t node;
    if (do_open(folder, path, false, VIRT_OPEN_DIRECTORY, VIRT_READ, &node) != 0) return;
    do_list(node, list_one);
    do_close(node);
    uint32_t count = listed_count;
    char(*names)[64] = malloc(count * 64 + 1);
    memcpy(names, listed, count * 64);
    qsort(names, count, 64, by_name);
    for (uint32_t i = 0; i < count; i++) {
        char below[600], target[4096];
        virt_stat stat;
        if (strcmp(names[i], ".") == 0 || strcmp(names[i], "..") == 0) continue;
        snprintf(below, sizeof below, "%s/%s", path, names[i]);
        if (do_stat(folder, below, false, &stat) != 0) abort();
        printf("%s:", below);
        show_stat(&stat);
        uint32_t len;
        if (stat.kind == VIRT_SYMBOLIC_LINK && do_readlink(folder, below, target, &len) == 0) {
            printf(" -> %.*s", (int)len, target);
        }
        if (stat.kind == VIRT_REGULAR_FILE && do_open(folder, below, false, 0, VIRT_READ, &node) == 0) {
            uint32_t hash = 0;
            for (uint64_t offset = 0; offset < stat.size;) {
                const uint8_t *at;
                uint32_t read = 0;
                if (do_read(node, offset, 70000, &at, &read) != 0 || read == 0) break;
                hash = hash * 31 + digest(at, read);
                offset += read;
            }
            printf(" %08x", hash);
            do_close(node);
        }
        putchar('\n');
        if (stat.kind == VIRT_DIRECTORY && depth < 8) dump(folder, below, depth + 1);
    }
    free(names);
}

static void step(void) {
    static uint8_t data[300000];
    char path[256], other[256], target[4096];
    uint32_t folder = some_folder(), slot = random_below(OPEN), len, node;
    bool follow = random_below(4) != 0;
    virt_stat stat;
    int error = -1;
    switch (random_below(20)) {
    case 0 ... 4: {
        uint32_t how = random_below(3) == 0 ? 0 : VIRT_CREATE;
        if (random_below(6) == 0) how = VIRT_OPEN_DIRECTORY;
        else if (random_below(6) == 0) how |= VIRT_TRUNCATE;
        if (how & VIRT_CREATE && random_below(8) == 0) how |= VIRT_EXCLUSIVE;
        uint32_t access = how & VIRT_OPEN_DIRECTORY ? VIRT_READ : 1 + random_below(3);
        if (how & VIRT_TRUNCATE) access |= VIRT_WRITE;
        error = do_open(folder, some_path(path), follow, how, access, &node);
        printf("open %s %d %u %u: %d", path, follow, how, access, error);
        if (error != 0) break;
        if (open_files[slot].used) do_close(open_files[slot].node);
        open_files[slot].node = node;
        open_files[slot].access = access;
        open_files[slot].used = true;
        open_files[slot].folder = do_stat(node, ".", false, &stat) == 0;
        break;
    }
    case 5 ... 7:
        len = random_below(20) == 0 ? random_below(sizeof data) : random_below(6000);
        for (uint32_t i = 0; i < len; i++) data[i] = (uint8_t)(i * 7 + len);
        if (!open_files[slot].used || open_files[slot].folder || !(open_files[slot].access & VIRT_WRITE)) return;
        uint64_t offset = random_below(30) == 0 ? (uint64_t)random_below(1000) << 22 : random_below(30000);
        uint32_t written = 0;
        error = do_write(open_files[slot].node, offset, data, len, &written);
        printf("write %u %llu %u: %d %u", slot, offset, len, error, written);
        break;
    case 8 ... 9: {
        const uint8_t *at = NULL;
        if (!open_files[slot].used || open_files[slot].folder || !(open_files[slot].access & VIRT_READ)) return;
        uint64_t from = random_below(40000);
        uint32_t read = 0, wanted = random_below(200000);
        error = do_read(open_files[slot].node, from, wanted, &at, &read);
        printf("read %u %llu %u: %d %u %08x", slot, from, wanted, error, read, error == 0 ? digest(at, read) : 0);
        break;
    }
    case 10:
        if (!open_files[slot].used || open_files[slot].folder || !(open_files[slot].access & VIRT_WRITE)) return;
        len = random_below(60000);
        error = do_size(open_files[slot].node, len);
        printf("size %u %u: %d", slot, len, error);
        break;
    case 11:
        error = do_stat(folder, some_path(path), follow, &stat);
        printf("stat %s %d: %d", path, follow, error);
        if (error == 0) show_stat(&stat);
        break;
    case 12:
        len = random_below(1000000);
        error = do_times(folder, some_path(path), follow, len * 1000000000ull, 7000000000ull + len);
        printf("times %s %d: %d", path, follow, error);
        if (error == 0 && do_stat(folder, path, follow, &stat) == 0 && stat.kind != VIRT_DIRECTORY) {
            printf(" %llu %llu", stat.accessed, stat.modified);
        }
        break;
    case 13 ... 14:
        error = do_mkdir(folder, some_path(path));
        printf("mkdir %s: %d", path, error);
        break;
    case 15:
        error = random_below(2) ? do_rmdir(folder, some_path(path)) : do_unlink(folder, some_path(path));
        printf("remove %s: %d", path, error);
        break;
    case 16 ... 17: {
        uint32_t to = some_folder();
        error = do_rename(folder, some_path(path), to, some_path(other));
        printf("rename %s %s: %d", path, other, error);
        break;
    }
    case 18:
        if (random_below(2)) {
            uint32_t to = some_folder();
            error = do_link(folder, some_path(path), to, some_path(other));
            printf("link %s %s: %d", path, other, error);
        } else {
            some_path(other);
            error = do_symlink(other, folder, some_path(path));
            printf("symlink %s %s: %d", other, path, error);
        }
        break;
    default:
        len = 0;
        error = do_readlink(folder, some_path(path), target, &len);
        printf("readlink %s: %d %.*s", path, error, error == 0 ? (int)len : 0, target);
    }
    putchar('\n');
}

int main(int argc, char **argv) {
    if (argc < 3) return 2;
    state = strtoull(argv[1], NULL, 10) * 2654435761u + 1;
    root = first_folder(argc > 3 ? argv[3] : "/");
    for (long steps = strtol(argv[2], NULL, 10); steps > 0; steps--) step();
    for (uint32_t i = 0; i < OPEN; i++) {
        if (open_files[i].used) do_close(open_files[i].node);
    }
    dump(root, ".", 0);
    return 0;
}
