// A module that stands between another and the world: one folder of a few files, held in memory. With LIE it does, in one
// place, what it should not.

#ifndef LIE
#define LIE 0
#endif
#if LIE == 19
#define OWN_REALLOC
#endif

#include "stand.h"

#if LIE == 19
EXPORT("cabi_realloc") void *cabi_realloc(void *old, size_t old_size, size_t align, size_t size) {
    (void)old, (void)old_size, (void)align, (void)size;
    return (void *)0xfffffff0;
}
#endif

static struct file {
    char name[64];
    char *data;
    size_t len;
} files[32] = {{"hello", "hello, world\n", 13}};

#define ROOT 1
#define FIRST 10

static struct file *file_of(uint32_t node) {
    if (node < FIRST || node >= FIRST + 32 ||
        files[node - FIRST].name[0] == 0) return NULL;
    return &files[node - FIRST];
}

static struct file *named(struct text path) {
    for (struct file *file = files; file < files + 32; file++)
        if (strlen(file->name) == path.len && path.len > 0 && memcmp(file->name, path.at, path.len) == 0) return file;
    return NULL;
}

static volatile int zero;
__attribute__((unused)) static int recurse(int depth) {
    char room[1024];
    room[zero] = (char)depth;
    return recurse(depth + 1) + room[zero];
}

// What is done in place of an answer.
static void misbehave(void) {
#if LIE == 1
    __builtin_trap();
#elif LIE == 4
    for (;;) zero = 0;
#elif LIE == 5
    recurse(0);
#elif LIE == 6
    while (malloc(1 << 20) != NULL) {}
    __builtin_trap();
#elif LIE == 7
    __wasi_proc_exit(0);
#endif
}

static struct preopen root = {ROOT, {"/data", 5}};
FS("preopens") struct preopens *preopens(void) {
    static struct preopens all = {&root, 1};
#if LIE == 11
    all.len = 1000000;
    all.at = calloc(all.len, sizeof(struct preopen));
    for (size_t i = 0; i < all.len; i++) all.at[i] = root;
#elif LIE == 22
    root.name = (struct text){"", 0};
#elif LIE == 24
    root.name = (struct text){"/a\0b", 4};
#elif LIE == 25
    all.len = 100;
    all.at = calloc(all.len, sizeof(struct preopen));
    for (size_t i = 0; i < all.len; i++) all.at[i] = root;
#elif LIE == 26
    root.name.at = (char *)0xfffffff0;
    root.name.len = 0xffffffff;
#endif
    return &all;
}

FS("open") struct number *open_at(uint32_t folder, char *path_at, size_t path_len, bool follow, uint32_t how, uint32_t access) {
    struct text path = {path_at, path_len};
    static struct number number;
    (void)access, (void)follow;
    number = (struct number){.failed = 1, .error = __WASI_ERRNO_NOENT};
    if (folder != ROOT) {
        number.error = __WASI_ERRNO_BADF;
        return &number;
    }
    if (path.len == 1 && path.at[0] == '.') {
        number = (struct number){.value = ROOT};
        return &number;
    }
    struct file *file = named(path);
    if (file == NULL && (how & 1) != 0 && path.len < sizeof(file->name)) {
        for (file = files; file < files + 32 && file->name[0] != 0; file++) {}
        if (file == files + 32) {
            number.error = __WASI_ERRNO_NOSPC;
            return &number;
        }
        memcpy(file->name, path.at, path.len);
    } else if (file != NULL && (how & 4) != 0) {
        number.error = __WASI_ERRNO_EXIST;
        return &number;
    }
    if (file == NULL) return &number;
    if ((how & 8) != 0) file->len = 0;
#if LIE == 14
    number = (struct number){.value = 0xffffffff};
#elif LIE == 20
    number = (struct number){.failed = 1, .error = 0};
#elif LIE == 10
    number = (struct number){.failed = 1, .error = 200};
#elif LIE == 9
    number.failed = 7;
#else
    number = (struct number){.value = FIRST + (uint32_t)(file - files)};
#endif
    return &number;
}

FS("close") void close_it(uint32_t node) {
    (void)node;
#if LIE == 27
    __builtin_trap();
#endif
}

FS("read") struct bytes *read_at(uint32_t node, uint64_t offset, uint32_t len) {
    static struct bytes bytes;
    struct file *file = file_of(node);
    bytes = (struct bytes){.failed = 1, .error = __WASI_ERRNO_BADF};
    misbehave();
    if (file == NULL) return &bytes;
    size_t left = offset < file->len ? file->len - (size_t)offset : 0;
    bytes = (struct bytes){.value = {file->data + (left != 0 ? offset : 0), left < len ? left : len}};
#if LIE == 2
    static char more[1 << 16];
    bytes.value = (struct text){more, len + 1 < sizeof more ? len + 1 : sizeof more};
#elif LIE == 8
    bytes.value = (struct text){(char *)0xffff0000, 0x20000};
#elif LIE == 18
    if (bytes.value.len > 1) bytes.value.len = 1;
#elif LIE == 28
    bytes.value = (struct text){malloc(64 << 20), 64 << 20};
#endif
    return &bytes;
}

static uint32_t put(struct file *file, uint64_t offset, struct text data) {
    if (offset + data.len > 1 << 20) return 0;
    if (offset + data.len > file->len) {
        char *more = malloc(offset + data.len);
        if (more == NULL) return 0;
        memset(more, 0, offset + data.len);
        memcpy(more, file->data, file->len);
        file->data = more;
        file->len = offset + data.len;
    }
    memcpy(file->data + offset, data.at, data.len);
    return data.len;
}

static struct number *written(uint32_t count) {
    static struct number number;
    number = count != 0 ? (struct number){.value = count} : (struct number){.failed = 1, .error = __WASI_ERRNO_FBIG};
#if LIE == 16
    number = (struct number){.value = count + 1};
#elif LIE == 17
    number = (struct number){.value = 0};
#endif
    return &number;
}

FS("write") struct number *write_at(uint32_t node, uint64_t offset, char *data_at, size_t data_len) {
    struct text data = {data_at, data_len};
    struct file *file = file_of(node);
    return written(file != NULL ? put(file, offset, data) : 0);
}

FS("append") struct number *append(uint32_t node, char *data_at, size_t data_len) {
    struct text data = {data_at, data_len};
    struct file *file = file_of(node);
    return written(file != NULL ? put(file, file->len, data) : 0);
}

static struct stated *stated(struct file *file, bool is_root) {
    static struct stated stated;
    if (file == NULL && !is_root) {
        stated = (struct stated){.failed = 1, .error = __WASI_ERRNO_NOENT};
        return &stated;
    }
    uint8_t kind = is_root ? __WASI_FILETYPE_DIRECTORY : __WASI_FILETYPE_REGULAR_FILE;
    stated = (struct stated){.value = {.kind = kind, .links = 1, .size = is_root ? 0 : file->len, .inode = 7}};
#if LIE == 15
    if (!is_root) stated.value.size = (uint64_t)1 << 63;
#elif LIE == 29
    stated.value.kind = 99;
#endif
    return &stated;
}

FS("get-stat") struct stated *get_stat(uint32_t node) { return stated(file_of(node), node == ROOT); }

FS("get-stat-at") struct stated *get_stat_at(uint32_t folder, char *path_at, size_t path_len, bool follow) {
    struct text path = {path_at, path_len};
    (void)folder, (void)follow;
    return stated(named(path), path.len == 1 && path.at[0] == '.');
}

static struct done *done(uint8_t error) {
    static struct done done;
    done = (struct done){error != 0, error};
    return &done;
}

FS("set-size") struct done *set_size(uint32_t node, uint64_t size) {
    struct file *file = file_of(node);
    if (file == NULL || size > 1 << 20) return done(__WASI_ERRNO_FBIG);
    if (size > file->len) {
        put(file, size - 1, (struct text){"", 1});
    }
    file->len = size;
    return done(0);
}

FS("set-times") struct done *set_times(uint32_t node, uint32_t a, uint64_t at, uint32_t m, uint64_t mt) {
    (void)node, (void)a, (void)at, (void)m, (void)mt;
    return done(0);
}

FS("set-times-at")
struct done *set_times_at(uint32_t f, char *p_at, size_t p_len, bool l, uint32_t a, uint64_t at, uint32_t m, uint64_t mt) {
    struct text p = {p_at, p_len};
    (void)f, (void)p, (void)l, (void)a, (void)at, (void)m, (void)mt;
    return done(0);
}

FS("sync") struct done *sync_it(uint32_t node, bool data) {
    (void)node, (void)data;
    return done(0);
}

FS("entries") struct bytes *entries(uint32_t folder, uint64_t cursor) {
    static struct bytes bytes;
    static struct entry all[32];
    size_t len = 0;
    if (folder == ROOT)
        for (size_t i = cursor; i < 32; i++)
            if (files[i].name[0] != 0)
                all[len++] = (struct entry){{files[i].name, strlen(files[i].name)}, i + 10, __WASI_FILETYPE_REGULAR_FILE, i + 1};
#if LIE == 12
    all[0] = (struct entry){{"again", 5}, 1, __WASI_FILETYPE_REGULAR_FILE, cursor + 1};
    len = 1;
#elif LIE == 13
    all[0] = (struct entry){{"loop", 4}, 1, __WASI_FILETYPE_REGULAR_FILE, cursor == 1 ? 2 : 1};
    len = 1;
#elif LIE == 3
    all[0].name = (struct text){"\xff\xfe", 2};
#elif LIE == 23
    all[0].name = (struct text){"../up", 5};
#endif
    bytes = (struct bytes){.value = {(char *)all, len}};
    return &bytes;
}

FS("create-directory-at") struct done *create_directory_at(uint32_t folder, char *path_at, size_t path_len) {
    struct text path = {path_at, path_len};
    (void)folder, (void)path;
    return done(__WASI_ERRNO_NOSYS);
}

FS("remove-directory-at") struct done *remove_directory_at(uint32_t folder, char *path_at, size_t path_len) {
    struct text path = {path_at, path_len};
    (void)folder, (void)path;
    return done(__WASI_ERRNO_NOSYS);
}

FS("unlink-at") struct done *unlink_at(uint32_t folder, char *path_at, size_t path_len) {
    struct text path = {path_at, path_len};
    struct file *file = named(path);
    (void)folder;
    if (file == NULL) return done(__WASI_ERRNO_NOENT);
    file->name[0] = 0;
    return done(0);
}

FS("rename-at") struct done *rename_at(uint32_t folder, char *path_at, size_t path_len, uint32_t new_folder, char *new_path_at, size_t new_path_len) {
    struct text path = {path_at, path_len};
    struct text new_path = {new_path_at, new_path_len};
    struct file *file = named(path);
    (void)folder, (void)new_folder;
    if (file == NULL || new_path.len >= sizeof file->name) return done(__WASI_ERRNO_NOENT);
    memset(file->name, 0, sizeof file->name);
    memcpy(file->name, new_path.at, new_path.len);
    return done(0);
}

FS("link-at") struct done *link_at(uint32_t f, char *p_at, size_t p_len, bool l, uint32_t g, char *q_at, size_t q_len) {
    struct text p = {p_at, p_len};
    struct text q = {q_at, q_len};
    (void)f, (void)p, (void)l, (void)g, (void)q;
    return done(__WASI_ERRNO_NOSYS);
}

FS("symlink-at") struct done *symlink_at(char *target_at, size_t target_len, uint32_t folder, char *path_at, size_t path_len) {
    struct text target = {target_at, target_len};
    struct text path = {path_at, path_len};
    (void)target, (void)folder, (void)path;
    return done(__WASI_ERRNO_NOSYS);
}

FS("readlink-at") struct bytes *readlink_at(uint32_t folder, char *path_at, size_t path_len) {
    struct text path = {path_at, path_len};
    static struct bytes bytes;
    (void)folder, (void)path;
    bytes = (struct bytes){.value = {"a target", 8}};
#if LIE == 21
    bytes.value = (struct text){"\xc3\x28", 2};
#elif LIE == 30
    static char long_target[5000];
    memset(long_target, 'x', sizeof long_target);
    bytes.value = (struct text){long_target, sizeof long_target};
#endif
    return &bytes;
}

static uint64_t time_ns = 1000000000000000000;

EXPORT("bailiwick:virt/clock#now") struct wide *now(uint32_t clock) {
    static struct wide wide;
    (void)clock;
    wide = (struct wide){.value = time_ns};
#if LIE == 1
    wide = (struct wide){.failed = 1, .error = 0};
#endif
    return &wide;
}

EXPORT("bailiwick:virt/clock#resolution") struct wide *resolution(uint32_t clock) {
    static struct wide wide;
    (void)clock;
    wide = (struct wide){.value = 1000};
    return &wide;
}

EXPORT("bailiwick:virt/clock#sleep") void sleep_for(uint64_t duration) { time_ns += duration; }

EXPORT("bailiwick:virt/random#get") struct text *get(uint32_t len) {
    static struct text text;
    static char four[1 << 16];
    memset(four, 4, sizeof four);
    text = (struct text){four, len};
#if LIE == 2
    text.len = len > 0 ? len - 1 : 0;
#endif
    return &text;
}

EXPORT("bailiwick:virt/env#variables") struct text *variables(void) {
    static struct text text;
    static struct pair pairs[2] = {{{"HOME", 4}, {"/data", 5}}, {{"LANG", 4}, {"xx", 2}}};
#if LIE == 2
    pairs[1].name = (struct text){"A=B", 3};
#endif
    text = (struct text){(char *)pairs, 2};
    return &text;
}

EXPORT("bailiwick:virt/stdio#read") struct bytes *read_in(uint32_t len) {
    static struct bytes bytes;
    static int asked;
    size_t have = asked++ == 0 ? 6 : 0;
    bytes = (struct bytes){.value = {"typed\n", have < len ? have : len}};
    return &bytes;
}

// What is written comes out in brackets.
EXPORT("bailiwick:virt/stdio#write") struct number *write_out(uint32_t to, char *data_at, size_t data_len) {
    struct text data = {data_at, data_len};
    static struct number number;
    fprintf(stderr, "%u[%.*s]\n", (unsigned)to, SHOWN(data));
    number = (struct number){.value = data.len};
#if LIE == 2
    number.value = data.len + 1;
#endif
    return &number;
}
