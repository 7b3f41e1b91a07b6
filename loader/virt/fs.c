// bailiwick:virt/fs, of a tree: numbers of what is open, and the exports.
#include "fs.h"

// ---- What is open ----------------------------------------------------------------------------------------------------

// A slot is an inode's address with what may be done with it, or, if it is free, the number of the next free one.
#define FREE 1u
#define ACCESS(access) ((uintptr_t)(access) << 1)
#define SLOTS (PAGE / sizeof(uintptr_t))
#define MAX_PAGES 256u
#define NO_SLOT (MAX_PAGES * SLOTS)

_Static_assert(ACCESS(VIRT_READ | VIRT_WRITE) < 8, "inodes are aligned to 8");

static uintptr_t *slots[MAX_PAGES];
static uint32_t slots_made, first_free = NO_SLOT;

static uintptr_t *slot(uint32_t node) {
    return &slots[node / SLOTS][node % SLOTS];
}

static uint8_t node_new(struct inode *inode, uint32_t access, uint32_t *node) {
    if (first_free == NO_SLOT) {
        if (slots_made == NO_SLOT) return VIRT_NFILE;
        if ((slots[slots_made / SLOTS] = page_new()) == NULL) return VIRT_NOMEM;
        for (uint32_t i = SLOTS; i-- != 0;) {
            slots[slots_made / SLOTS][i] = (uintptr_t)first_free << 1 | FREE;
            first_free = slots_made + i;
        }
        slots_made += SLOTS;
    }
    *node = first_free;
    first_free = (uint32_t)(*slot(*node) >> 1);
    *slot(*node) = (uintptr_t)inode | ACCESS(access & (VIRT_READ | VIRT_WRITE));
    return VIRT_SUCCESS;
}

static struct inode *inode_of(uint32_t node) {
    if (node >= slots_made || *slot(node) & FREE) return NULL;
    return (struct inode *)(*slot(node) & ~(uintptr_t)7);
}

// Whether that may be done with an open file, or why not.
static uint8_t may(uint32_t node, uint32_t access, struct inode **inode) {
    *inode = inode_of(node);
    if (*inode == NULL) return VIRT_BADF;
    if ((*inode)->kind == VIRT_DIRECTORY) return VIRT_ISDIR;
    return *slot(node) & ACCESS(access) ? VIRT_SUCCESS : VIRT_BADF;
}

// ---- Folders that are open from the beginning ------------------------------------------------------------------------

static virt_preopen preopened[MAX_PREOPENS];
static uint32_t preopened_count;

bool fs_preopen(struct inode *root, const char *name, uint32_t len) {
    uint32_t node;
    if (preopened_count == MAX_PREOPENS || node_new(root, VIRT_READ | VIRT_WRITE, &node) != VIRT_SUCCESS) return false;
    root->opens++;
    preopened[preopened_count++] = (virt_preopen){node, {name, len}};
    return true;
}

virt_preopens *virt_fs_preopens(void) {
    static virt_preopens result;
    call_begins();
    result = (virt_preopens){preopened, preopened_count};
    return &result;
}

// ---- Results ---------------------------------------------------------------------------------------------------------

static virt_result *done(uint8_t error) {
    static virt_result result;
    result = (virt_result){error != VIRT_SUCCESS, error};
    return &result;
}

static virt_u32_result *number(uint8_t error, uint32_t value) {
    static virt_u32_result result;
    result.failed = error != VIRT_SUCCESS;
    if (result.failed) result.error = error;
    else result.value = value;
    return &result;
}

// ---- The interface ---------------------------------------------------------------------------------------------------

// What a function that begins at a folder begins with.
#define FOLDER(node)                        \
    call_begins();                          \
    struct inode *inode = inode_of(node);   \
    uint8_t error = VIRT_SUCCESS;           \
    if (inode == NULL) error = VIRT_BADF

virt_u32_result *virt_fs_open(uint32_t folder, const char *path, uint32_t path_len, uint32_t follow, uint32_t how,
                              uint32_t access) {
    FOLDER(folder);
    uint32_t node = 0;
    struct inode *opened;
    if (error == VIRT_SUCCESS) error = tree_open(inode, path, path_len, follow, how, access, &opened);
    if (error == VIRT_SUCCESS) {
        error = node_new(opened, access, &node);
        if (error != VIRT_SUCCESS) tree_close(opened);
    }
    return number(error, node);
}

void virt_fs_close(uint32_t file) {
    call_begins();
    struct inode *inode = inode_of(file);
    if (inode == NULL) return;
    *slot(file) = (uintptr_t)first_free << 1 | FREE;
    first_free = file;
    tree_close(inode);
}

virt_bytes_result *virt_fs_read(uint32_t file, uint64_t offset, uint32_t len) {
    static virt_bytes_result result;
    call_begins();
    struct inode *inode;
    virt_bytes read = {NULL, 0};
    uint8_t error = may(file, VIRT_READ, &inode);
    if (error == VIRT_SUCCESS) error = tree_read(inode, offset, len, &read.at, &read.len);
    result.failed = error != VIRT_SUCCESS;
    if (result.failed) result.error = error;
    else result.value = read;
    return &result;
}

virt_u32_result *virt_fs_write(uint32_t file, uint64_t offset, const uint8_t *data, uint32_t len) {
    call_begins();
    struct inode *inode;
    uint32_t written = 0;
    uint8_t error = may(file, VIRT_WRITE, &inode);
    if (error == VIRT_SUCCESS) error = tree_write(inode, offset, data, len, &written);
    return number(error, written);
}

virt_u32_result *virt_fs_append(uint32_t file, const uint8_t *data, uint32_t len) {
    call_begins();
    struct inode *inode;
    uint32_t written = 0;
    uint8_t error = may(file, VIRT_WRITE, &inode);
    if (error == VIRT_SUCCESS) error = tree_write(inode, inode->size, data, len, &written);
    return number(error, written);
}

static virt_stat_result *stat_of(uint8_t error, struct inode *inode) {
    static virt_stat_result result;
    result.failed = error != VIRT_SUCCESS;
    if (result.failed) result.error = error;
    else tree_stat(inode, &result.value);
    return &result;
}

virt_stat_result *virt_fs_get_stat(uint32_t file) {
    FOLDER(file);
    return stat_of(error, inode);
}

// What a path leads to, which has to be there.
static uint8_t found(struct inode **inode, const char *path, uint32_t len, bool follow) {
    struct place place;
    uint8_t error = tree_find(*inode, path, len, follow, &place);
    if (error != VIRT_SUCCESS) return error;
    *inode = place.inode;
    return *inode == NULL ? VIRT_NOENT : VIRT_SUCCESS;
}

virt_stat_result *virt_fs_get_stat_at(uint32_t folder, const char *path, uint32_t path_len, uint32_t follow) {
    FOLDER(folder);
    if (error == VIRT_SUCCESS) error = found(&inode, path, path_len, follow);
    return stat_of(error, inode);
}

virt_result *virt_fs_set_size(uint32_t file, uint64_t size) {
    call_begins();
    struct inode *inode;
    uint8_t error = may(file, VIRT_WRITE, &inode);
    return done(error == VIRT_SUCCESS ? tree_resize(inode, size) : error);
}

virt_result *virt_fs_set_times(uint32_t file, uint32_t accessed, uint64_t accessed_at, uint32_t modified,
                               uint64_t modified_at) {
    FOLDER(file);
    return done(error == VIRT_SUCCESS ? tree_times(inode, accessed, accessed_at, modified, modified_at) : error);
}

virt_result *virt_fs_set_times_at(uint32_t folder, const char *path, uint32_t path_len, uint32_t follow,
                                  uint32_t accessed, uint64_t accessed_at, uint32_t modified, uint64_t modified_at) {
    FOLDER(folder);
    if (error == VIRT_SUCCESS) error = found(&inode, path, path_len, follow);
    return done(error == VIRT_SUCCESS ? tree_times(inode, accessed, accessed_at, modified, modified_at) : error);
}

virt_result *virt_fs_sync(uint32_t file, uint32_t data_only) {
    FOLDER(file);
    (void)data_only; // there is nothing that lasts longer
    return done(error);
}

virt_entries_result *virt_fs_entries(uint32_t folder, uint64_t cursor) {
    static virt_entries_result result;
    FOLDER(folder);
    virt_entry *entries = NULL;
    uint32_t count = 0;
    if (error == VIRT_SUCCESS) error = tree_entries(inode, cursor, &entries, &count);
    result.failed = error != VIRT_SUCCESS;
    if (result.failed) {
        result.error = error;
    } else {
        result.value.at = entries;
        result.value.len = count;
    }
    return &result;
}

virt_result *virt_fs_create_directory_at(uint32_t folder, const char *path, uint32_t path_len) {
    FOLDER(folder);
    return done(error == VIRT_SUCCESS ? tree_make_folder(inode, path, path_len) : error);
}

virt_result *virt_fs_remove_directory_at(uint32_t folder, const char *path, uint32_t path_len) {
    FOLDER(folder);
    return done(error == VIRT_SUCCESS ? tree_remove_folder(inode, path, path_len) : error);
}

virt_result *virt_fs_unlink_at(uint32_t folder, const char *path, uint32_t path_len) {
    FOLDER(folder);
    return done(error == VIRT_SUCCESS ? tree_unlink(inode, path, path_len) : error);
}

// The folder that one lies below that is open from the beginning; NULL, if it was removed, or is none.
static const struct inode *root_of(const struct inode *inode) {
    if (inode->kind != VIRT_DIRECTORY) return NULL;
    while (inode->parent != NULL && inode->parent != inode) inode = inode->parent;
    return inode->parent;
}

// Whether both lie below one: a link or a new name never leads from one that was given to another. Of a folder that was
// removed nobody makes anything.
static bool together(const struct inode *a, const struct inode *b) {
    a = root_of(a), b = root_of(b);
    return a == b || a == NULL || b == NULL;
}

virt_result *virt_fs_rename_at(uint32_t folder, const char *path, uint32_t path_len, uint32_t new_folder,
                               const char *new_path, uint32_t new_path_len) {
    FOLDER(folder);
    struct inode *to = inode_of(new_folder);
    if (to == NULL) error = VIRT_BADF;
    else if (error == VIRT_SUCCESS && !together(inode, to)) error = VIRT_XDEV;
    return done(error == VIRT_SUCCESS ? tree_rename(inode, path, path_len, to, new_path, new_path_len) : error);
}

virt_result *virt_fs_link_at(uint32_t folder, const char *path, uint32_t path_len, uint32_t follow, uint32_t new_folder,
                             const char *new_path, uint32_t new_path_len) {
    FOLDER(folder);
    struct inode *to = inode_of(new_folder);
    if (to == NULL) error = VIRT_BADF;
    else if (error == VIRT_SUCCESS && !together(inode, to)) error = VIRT_XDEV;
    return done(error == VIRT_SUCCESS ? tree_link(inode, path, path_len, follow, to, new_path, new_path_len) : error);
}

virt_result *virt_fs_symlink_at(const char *target, uint32_t target_len, uint32_t folder, const char *path,
                                uint32_t path_len) {
    FOLDER(folder);
    return done(error == VIRT_SUCCESS ? tree_symlink(target, target_len, inode, path, path_len) : error);
}

virt_string_result *virt_fs_readlink_at(uint32_t folder, const char *path, uint32_t path_len) {
    static virt_string_result result;
    FOLDER(folder);
    virt_string target = {NULL, 0};
    if (error == VIRT_SUCCESS) error = tree_readlink(inode, path, path_len, &target);
    result.failed = error != VIRT_SUCCESS;
    if (result.failed) result.error = error;
    else result.value = target;
    return &result;
}
