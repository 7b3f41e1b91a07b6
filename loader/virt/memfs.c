// An in-memory file system.
//
// If the module holds folders, it shows them by their names, filled with what they held when the application began; it
// neither writes to them nor looks again. FOLDERS names further ones, which are empty: "/tmp:/var/data". With neither, "/"
// is empty. What is written goes with the application. When the module's `limits.memory` is reached, there is no space.
#include "below.h"

// Reads all that a root holds.
static uint8_t fill(struct inode *root) {
    struct inode *folder = root;
    uint8_t error = folder_ready(root);
    struct entry *entry = error == VIRT_SUCCESS ? folder_first(root) : NULL;
    while (error == VIRT_SUCCESS) {
        if (entry == NULL) {
            // The folder is done: on behind its own entry.
            if (folder == root) return VIRT_SUCCESS;
            struct inode *done = folder;
            folder = folder->parent;
            entry = folder_first(folder);
            while (entry_inode(entry) != done) entry = entry_next(entry);
            entry = entry_next(entry);
            continue;
        }
        struct inode *inode = entry_inode(entry);
        if (inode->kind == VIRT_DIRECTORY) {
            error = folder_ready(inode);
            folder = inode;
            entry = error == VIRT_SUCCESS ? folder_first(inode) : NULL;
            continue;
        }
        if (inode->kind == VIRT_REGULAR_FILE) error = file_fill(inode);
        entry = entry_next(entry);
    }
    return error;
}

VIRT_EXPORT("_initialize") void initialize(void) {
    int folders = below_open_all();
    if (folders < 0) give_up("memfs", "not enough memory for its folders; see limits.memory");
    for (int i = 0; i < folders; i++) {
        if (fill(below_root(i)) != VIRT_SUCCESS) {
            give_up("memfs", "its folders can't be read, or hold more than its limits.memory");
        }
    }
    const char *names = setting("FOLDERS");
    if (names == NULL && folders == 0) names = "/";
    while (names != NULL && *names != 0) {
        uint32_t len = 0;
        while (names[len] != 0 && names[len] != ':') len++;
        struct inode *root = len == 0 ? NULL : tree_root();
        if (len != 0 && (root == NULL || !is_text(names, len) || !fs_preopen(root, names, len))) {
            give_up("memfs", "FOLDERS are too many, or no text");
        }
        names += len + (names[len] == ':');
    }
}
