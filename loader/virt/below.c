#include "below.h"

#define FIRST_FD 3u
#define LOOKUP_FOLLOW 1u

static struct inode *roots[MAX_PREOPENS];
static int roots_count;

struct inode *below_root(int i) {
    return roots[i];
}

int below_open_all(void) {
    wasi_prestat prestat;
    for (uint32_t fd = FIRST_FD; wasi_fd_prestat_get(fd, &prestat) == 0; fd++) {
        if (prestat.tag != 0 || roots_count == MAX_PREOPENS) continue;
        struct inode *root = tree_root();
        char *name = small_new(prestat.name_len + 1);
        if (root == NULL || name == NULL || wasi_fd_prestat_dir_name(fd, name, prestat.name_len) != 0) return -1;
        root->below = small_new(1);
        if (root->below == NULL || !fs_preopen(root, name, prestat.name_len)) return -1;
        // The path of the folder itself is empty.
        root->below[0] = 0;
        root->below_folder = fd;
        root->unread = true;
        roots[roots_count++] = root;
    }
    return roots_count;
}

static uint8_t open_below(const struct inode *inode, uint32_t how, uint64_t rights, uint32_t *fd) {
    const char *path = inode->below[0] == 0 ? "." : inode->below;
    return (uint8_t)wasi_path_open(inode->below_folder, 0, path, length(path), how, rights, 0, 0, fd);
}

// ---- Listing ---------------------------------------------------------------------------------------------------------

// Puts one entry of a folder that is below into the tree. One that can't be shown is left out: a device, or a name that is
// no UTF-8.
static uint8_t add_below(struct inode *folder, const char *name, uint32_t len) {
    uint32_t before = length(folder->below);
    if (len == 0 || len > MAX_NAME || !is_text(name, len)) return VIRT_SUCCESS;
    if (before + 1 + len > MAX_PATH) return VIRT_NAMETOOLONG;
    char *path = small_new(before + len + 2);
    if (path == NULL) return VIRT_NOMEM;
    copy(path, folder->below, before);
    if (before != 0) path[before++] = '/';
    copy(path + before, name, len);
    path[before + len] = 0;

    wasi_filestat stat;
    uint8_t error = (uint8_t)wasi_path_filestat_get(folder->below_folder, 0, path, before + len, &stat);
    bool shown = stat.kind == VIRT_DIRECTORY || stat.kind == VIRT_REGULAR_FILE || stat.kind == VIRT_SYMBOLIC_LINK;
    if (error != 0 || !shown) {
        small_free(path);
        return VIRT_SUCCESS;
    }
    struct inode *inode = inode_new(stat.kind);
    if (inode == NULL) {
        small_free(path);
        return VIRT_NOMEM;
    }
    inode->below = path;
    inode->below_folder = folder->below_folder;
    inode->accessed = stat.accessed;
    inode->modified = stat.modified;
    inode->changed = stat.changed;
    if (stat.kind == VIRT_DIRECTORY) inode->unread = true;
    if (stat.kind == VIRT_REGULAR_FILE) inode->size = inode->below_size = stat.size;
    if (stat.kind == VIRT_SYMBOLIC_LINK) {
        static char target[SMALL_MAX];
        uint32_t used = 0;
        error = (uint8_t)wasi_path_readlink(folder->below_folder, path, before + len, target, sizeof target, &used);
        // A link that leads where no path can is shown as one that leads nowhere.
        if (error != 0 || used > MAX_PATH || !is_text(target, used)) used = 0;
        inode->target = small_new(used + 1);
        if (inode->target == NULL) {
            inode_release(inode);
            return VIRT_NOMEM;
        }
        copy(inode->target, target, used);
        inode->size = used;
    }
    error = entry_add(folder, name, len, inode);
    if (error != VIRT_SUCCESS) inode_release(inode);
    return error;
}

uint8_t below_list(struct inode *folder) {
    static _Alignas(8) char batch[16 << 10];
    uint32_t fd;
    uint8_t error = open_below(folder, VIRT_OPEN_DIRECTORY, 1 << 14, &fd);
    if (error != 0) return error;
    // What did not fit into memory is read again as a whole: half a folder is none.
    uint64_t cookie = 0;
    uint64_t modified = folder->modified, changed = folder->changed;
    for (;;) {
        uint32_t used = 0;
        error = (uint8_t)wasi_fd_readdir(fd, batch, sizeof batch, cookie, &used);
        if (error != 0) break;
        uint32_t at = 0;
        wasi_dirent entry;
        while (at + sizeof entry <= used) {
            copy(&entry, batch + at, sizeof entry);
            if (entry.name_len > used - at - sizeof entry) break;
            const char *name = batch + at + sizeof entry;
            uint32_t len = entry.name_len;
            cookie = entry.next;
            at += (uint32_t)sizeof entry + len;
            bool dots = name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.'));
            if (!dots) error = add_below(folder, name, len);
            if (error != VIRT_SUCCESS) break;
        }
        // A whole entry always fits, so one that was cut off comes again.
        if (error != VIRT_SUCCESS || used < sizeof batch || at == 0) break;
    }
    (void)wasi_fd_close(fd);
    if (error != VIRT_SUCCESS) {
        folder_forget(folder);
        return error;
    }
    folder->modified = modified;
    folder->changed = changed;
    folder->unread = false;
    return VIRT_SUCCESS;
}

// ---- Reading ---------------------------------------------------------------------------------------------------------

// Files that were read last, open.
#define KEPT 8u

static struct {
    struct inode *file;
    uint32_t fd, used;
} kept[KEPT];
static uint32_t uses;

void below_forget(struct inode *file) {
    for (uint32_t i = 0; i < KEPT; i++) {
        if (kept[i].file != file) continue;
        kept[i].file = NULL;
        (void)wasi_fd_close(kept[i].fd);
    }
}

static uint8_t fd_of(struct inode *file, uint32_t *fd) {
    uint32_t oldest = 0;
    for (uint32_t i = 0; i < KEPT; i++) {
        if (kept[i].file == file) {
            kept[i].used = ++uses;
            *fd = kept[i].fd;
            return VIRT_SUCCESS;
        }
        if (kept[oldest].file != NULL && (kept[i].file == NULL || kept[i].used < kept[oldest].used)) oldest = i;
    }
    if (kept[oldest].file != NULL) below_forget(kept[oldest].file);
    uint8_t error = open_below(file, 0, WASI_RIGHT_READ | 1 << 2, fd);
    if (error != 0) return error;
    kept[oldest].file = file;
    kept[oldest].fd = *fd;
    kept[oldest].used = ++uses;
    return VIRT_SUCCESS;
}

uint8_t below_read(struct inode *file, uint64_t offset, uint8_t *at, uint32_t len) {
    uint32_t fd;
    uint8_t error = fd_of(file, &fd);
    if (error != VIRT_SUCCESS) return error;
    for (uint32_t done = 0; done < len;) {
        wasi_iovec part = {at + done, len - done};
        uint32_t read = 0;
        error = (uint8_t)wasi_fd_pread(fd, &part, 1, offset + done, &read);
        if (error != 0) return error;
        // It is shorter now than when it was looked up.
        if (read == 0 || read > len - done) {
            clear(at + done, len - done);
            break;
        }
        done += read;
    }
    return VIRT_SUCCESS;
}
