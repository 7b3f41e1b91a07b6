// A tree of files in memory: what the in-memory file system and the overlay have in common.
//
// A file's bytes lie in pages below a tree of pages, so what was never written takes no memory, and every write takes as
// much as it fills. A file or folder may be *below*: then it shows what a folder of the module's own has, until it is
// changed here (`below.c`). Everything returns an error number, `VIRT_SUCCESS` if there is none.
#pragma once

#include "base.h"

// The longest name of an entry, path, and target of a symbolic link, in bytes.
#define MAX_NAME 255u
#define MAX_PATH 4000u

struct entry;

struct inode {
    uint64_t number;
    uint64_t size; // bytes
    uint64_t accessed, modified, changed;
    uint32_t links, opens;
    uint8_t kind;
    uint8_t height; // of a file's tree of pages: how many pages lead to one of data
    uint8_t unread; // of a folder that is below: whether its entries are still to be looked up
    union {
        void *pages; // of a file: a page of data, or of addresses of such
        char *target; // of a symbolic link, `size` bytes
        struct {
            struct inode *parent; // itself, of a root; NULL of one that was removed
            struct entry *first, *last;
            uint32_t count, cookie;
        };
    };
    // Where it is below, if it is: a path in a folder of the module's own; of a file, its size there, as far as it shows.
    char *below;
    uint64_t below_size;
    uint32_t below_folder;
};

// Which file or folder is meant: the entry that names it, if there is one.
struct place {
    struct inode *folder;
    const char *name;
    uint32_t name_len;
    struct inode *inode; // NULL: there is none by that name
    bool slash;          // the path ended in a slash
    bool dots;           // it ended in `.` or `..`, so there is no name
};

struct inode *tree_root(void);

// Finds what `path` leads to, beneath `folder`; the last component may be missing.
uint8_t tree_find(struct inode *folder, const char *path, uint32_t len, bool follow, struct place *place);
// The same of what is to be made or removed: the last component is not followed.
uint8_t tree_find_name(struct inode *folder, const char *path, uint32_t len, struct place *place);

uint8_t tree_open(struct inode *folder, const char *path, uint32_t len, bool follow, uint32_t how, uint32_t access,
                  struct inode **opened);
void tree_close(struct inode *inode);

// `*len` bytes at `*at`, in a page or the arena.
uint8_t tree_read(struct inode *file, uint64_t offset, uint32_t most, const uint8_t **at, uint32_t *len);
uint8_t tree_write(struct inode *file, uint64_t offset, const uint8_t *data, uint32_t len, uint32_t *written);
uint8_t tree_resize(struct inode *file, uint64_t size);
void tree_stat(struct inode *inode, virt_stat *stat);
uint8_t tree_times(struct inode *inode, uint32_t accessed, uint64_t accessed_at, uint32_t modified,
                   uint64_t modified_at);

// The entries behind a cursor, in the arena.
uint8_t tree_entries(struct inode *folder, uint64_t cursor, virt_entry **entries, uint32_t *count);

uint8_t tree_make_folder(struct inode *folder, const char *path, uint32_t len);
uint8_t tree_remove_folder(struct inode *folder, const char *path, uint32_t len);
uint8_t tree_unlink(struct inode *folder, const char *path, uint32_t len);
uint8_t tree_rename(struct inode *folder, const char *path, uint32_t len, struct inode *new_folder,
                    const char *new_path, uint32_t new_len);
uint8_t tree_link(struct inode *folder, const char *path, uint32_t len, bool follow, struct inode *new_folder,
                  const char *new_path, uint32_t new_len);
uint8_t tree_symlink(const char *target, uint32_t target_len, struct inode *folder, const char *path, uint32_t len);
uint8_t tree_readlink(struct inode *folder, const char *path, uint32_t len, virt_string *target);

// ---- Between the files of this -----------------------------------------------------------------------------------------

void entry_remove(struct inode *folder, const char *name, uint32_t len);
// The entries of a folder are there to be looked at.
uint8_t folder_ready(struct inode *folder);
// Gives back what a file holds.
void file_clear(struct inode *file);

// ---- For below.c -----------------------------------------------------------------------------------------------------

struct inode *inode_new(uint8_t kind);
// Forgets an inode that has no name and that nobody has open.
void inode_release(struct inode *inode);
uint8_t entry_add(struct inode *folder, const char *name, uint32_t len, struct inode *inode);
// Removes every entry again.
void folder_forget(struct inode *folder);
// Copies all of a file that is below, so that it is not needed there any more.
uint8_t file_fill(struct inode *file);
// The first entry of a folder, its inode, and the next entry.
struct entry *folder_first(struct inode *folder);
struct inode *entry_inode(struct entry *entry);
struct entry *entry_next(struct entry *entry);

// ---- From below.c ----------------------------------------------------------------------------------------------------

// Looks up the entries of a folder that is below.
uint8_t below_list(struct inode *folder);
// Reads from a file that is below; fewer than asked for only at its end there, where zeros follow.
uint8_t below_read(struct inode *file, uint64_t offset, uint8_t *at, uint32_t len);
// The file is not needed any more.
void below_forget(struct inode *file);
