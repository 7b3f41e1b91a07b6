// Names: folders, their entries, and what paths lead to. What each call makes of them is in `names.c`.
#include "tree.h"

// Found by folder and name, through a table of all entries; listed in the order in which they were made.
struct entry {
    struct entry *in_bucket, *next, *previous;
    struct inode *folder, *inode;
    uint32_t hash, cookie;
    uint16_t len;
    char name[];
};

#define BUCKETS 16384u

static struct entry *buckets[BUCKETS];
static uint64_t numbers;

static uint32_t hash_of(const struct inode *folder, const char *name, uint32_t len) {
    // FNV-1a, with the folder before the name.
    uint32_t hash = 2166136261u ^ (uint32_t)folder->number * 2654435761u;
    for (uint32_t i = 0; i < len; i++) hash = (hash ^ (uint8_t)name[i]) * 16777619u;
    return hash ^ hash >> 15;
}

struct inode *inode_new(uint8_t kind) {
    struct inode *inode = small_new(sizeof *inode);
    if (inode == NULL) return NULL;
    clear(inode, sizeof *inode);
    inode->kind = kind;
    inode->number = ++numbers;
    inode->accessed = inode->modified = inode->changed = real_time();
    return inode;
}

struct inode *tree_root(void) {
    struct inode *root = inode_new(VIRT_DIRECTORY);
    if (root == NULL) return NULL;
    root->parent = root;
    // One of them is for that the loader has it open from the beginning.
    root->links = 3;
    return root;
}

void inode_release(struct inode *inode) {
    if (inode->links != 0 || inode->opens != 0) return;
    if (inode->kind == VIRT_REGULAR_FILE) {
        below_forget(inode);
        file_clear(inode);
    }
    if (inode->kind == VIRT_SYMBOLIC_LINK) small_free(inode->target);
    small_free(inode->below);
    small_free(inode);
}

struct entry *folder_first(struct inode *folder) {
    return folder->first;
}

void folder_forget(struct inode *folder) {
    while (folder->first != NULL) {
        struct inode *inode = folder->first->inode;
        entry_remove(folder, folder->first->name, folder->first->len);
        inode_release(inode);
    }
}

struct inode *entry_inode(struct entry *entry) {
    return entry->inode;
}

struct entry *entry_next(struct entry *entry) {
    return entry->next;
}

static struct entry *entry_of(const struct inode *folder, const char *name, uint32_t len) {
    uint32_t hash = hash_of(folder, name, len);
    struct entry *entry = buckets[hash % BUCKETS];
    for (; entry != NULL; entry = entry->in_bucket) {
        if (entry->hash == hash && entry->folder == folder && entry->len == len && same(entry->name, name, len)) break;
    }
    return entry;
}

uint8_t entry_add(struct inode *folder, const char *name, uint32_t len, struct inode *inode) {
    struct entry *entry = small_new((uint32_t)sizeof *entry + len);
    if (entry == NULL) return VIRT_NOSPC;
    uint32_t hash = hash_of(folder, name, len);
    *entry = (struct entry){
        .in_bucket = buckets[hash % BUCKETS],
        .previous = folder->last,
        .folder = folder,
        .inode = inode,
        .hash = hash,
        // 1 and 2 are the two that every folder has.
        .cookie = folder->cookie++ + 3,
        .len = (uint16_t)len,
    };
    copy(entry->name, name, len);
    buckets[hash % BUCKETS] = entry;
    if (folder->last != NULL) folder->last->next = entry;
    else folder->first = entry;
    folder->last = entry;
    folder->count++;
    inode->links++;
    if (inode->kind == VIRT_DIRECTORY) {
        inode->parent = folder;
        inode->links++;
        folder->links++;
    }
    return VIRT_SUCCESS;
}

void entry_remove(struct inode *folder, const char *name, uint32_t len) {
    struct entry *entry = entry_of(folder, name, len);
    if (entry == NULL) return;
    struct entry **at = &buckets[entry->hash % BUCKETS];
    while (*at != entry) at = &(*at)->in_bucket;
    *at = entry->in_bucket;
    if (entry->previous != NULL) entry->previous->next = entry->next;
    else folder->first = entry->next;
    if (entry->next != NULL) entry->next->previous = entry->previous;
    else folder->last = entry->previous;
    folder->count--;
    struct inode *inode = entry->inode;
    inode->links--;
    if (inode->kind == VIRT_DIRECTORY) {
        inode->parent = NULL;
        inode->links--;
        folder->links--;
    }
    small_free(entry);
}

uint8_t folder_ready(struct inode *folder) {
    return folder->unread ? below_list(folder) : VIRT_SUCCESS;
}

// ---- Paths -----------------------------------------------------------------------------------------------------------

// What is left of a path, and room for the targets of links in front of it.
struct way {
    const char *at;
    uint32_t len, links;
    char *room; // 2 * MAX_PATH + 1 bytes, or NULL as long as there was no link
};

#define MAX_LINKS 40u

static uint8_t through_link(struct way *way, const struct inode *link) {
    if (++way->links > MAX_LINKS) return VIRT_LOOP;
    uint32_t len = (uint32_t)link->size;
    if (len == 0) return VIRT_NOENT;
    // Absolute: it leads outside.
    if (link->target[0] == '/') return VIRT_NOTCAPABLE;
    if (len + 1 + way->len > MAX_PATH) return VIRT_NAMETOOLONG;
    if (way->room == NULL && (way->room = arena_new(2 * MAX_PATH + 2)) == NULL) return VIRT_NOMEM;
    // What is left may lie in the room already.
    copy(way->room + len + 1, way->at, way->len);
    copy(way->room, link->target, len);
    if (way->len == 0) {
        way->len = len;
    } else {
        way->room[len] = '/';
        way->len += len + 1;
    }
    way->at = way->room;
    return VIRT_SUCCESS;
}

uint8_t tree_find(struct inode *folder, const char *path, uint32_t len, bool follow, struct place *place) {
    if (len == 0) return VIRT_NOENT;
    if (len > MAX_PATH) return VIRT_NAMETOOLONG;
    if (path[0] == '/') return VIRT_NOTCAPABLE;
    if (!is_text(path, len)) return VIRT_INVAL;
    if (folder->kind != VIRT_DIRECTORY) return VIRT_NOTDIR;
    struct way way = {.at = path, .len = len};
    struct inode *here = folder;
    *place = (struct place){.folder = here, .inode = here};
    while (way.len != 0) {
        if (here->kind != VIRT_DIRECTORY) {
            place->inode = NULL;
            return VIRT_NOTDIR;
        }
        uint32_t name_len = 0;
        while (name_len < way.len && way.at[name_len] != '/') name_len++;
        const char *name = way.at;
        uint32_t slashes = 0;
        while (name_len + slashes < way.len && way.at[name_len + slashes] == '/') slashes++;
        way.at += name_len + slashes;
        way.len -= name_len + slashes;
        bool last = way.len == 0;
        *place = (struct place){.folder = here, .inode = here, .slash = slashes != 0};
        if (name_len == 0 || (name_len == 1 && name[0] == '.')) continue;
        if (name_len == 2 && name[0] == '.' && name[1] == '.') {
            if (here == folder) return VIRT_NOTCAPABLE;
            if (here->parent == NULL) return VIRT_NOENT;
            here = place->inode = place->folder = here->parent;
            continue;
        }
        if (name_len > MAX_NAME) return VIRT_NAMETOOLONG;
        uint8_t error = folder_ready(here);
        if (error != VIRT_SUCCESS) return error;
        struct entry *entry = entry_of(here, name, name_len);
        *place = (struct place){here, name, name_len, entry == NULL ? NULL : entry->inode, slashes != 0, false};
        if (entry == NULL) return last ? VIRT_SUCCESS : VIRT_NOENT;
        if (entry->inode->kind == VIRT_SYMBOLIC_LINK && (!last || follow || slashes != 0)) {
            // A slash behind a link is behind what it leads to.
            if (last && slashes != 0) {
                way.at = "/";
                way.len = 1;
            }
            error = through_link(&way, entry->inode);
            if (error != VIRT_SUCCESS) return error;
            continue;
        }
        here = entry->inode;
    }
    if (place->slash && place->inode != NULL && place->inode->kind != VIRT_DIRECTORY) return VIRT_NOTDIR;
    return VIRT_SUCCESS;
}

uint8_t tree_find_name(struct inode *folder, const char *path, uint32_t len, struct place *place) {
    uint32_t end = len, start;
    while (end != 0 && path[end - 1] == '/') end--;
    for (start = end; start != 0 && path[start - 1] != '/'; start--) {}
    const char *name = path + start;
    uint32_t name_len = end - start;
    bool is_dots = name_len == 0 || (name[0] == '.' && (name_len == 1 || (name_len == 2 && name[1] == '.')));
    if (is_dots || path[0] == '/' || !is_text(path, len) || len > MAX_PATH) {
        uint8_t error = tree_find(folder, path, len, true, place);
        place->dots = true;
        return error;
    }
    if (start != 0) {
        uint8_t error = tree_find(folder, path, start, true, place);
        if (error != VIRT_SUCCESS) return error;
        folder = place->inode;
        if (folder == NULL) return VIRT_NOENT;
    }
    if (folder->kind != VIRT_DIRECTORY) return VIRT_NOTDIR;
    if (name_len > MAX_NAME) return VIRT_NAMETOOLONG;
    uint8_t error = folder_ready(folder);
    if (error != VIRT_SUCCESS) return error;
    struct entry *entry = entry_of(folder, name, name_len);
    *place = (struct place){folder, name, name_len, entry == NULL ? NULL : entry->inode, end < len, false};
    return VIRT_SUCCESS;
}

// ---- Listing ---------------------------------------------------------------------------------------------------------

// The most entries of one answer.
#define BATCH 256u

uint8_t tree_entries(struct inode *folder, uint64_t cursor, virt_entry **entries, uint32_t *count) {
    *count = 0;
    if (folder->kind != VIRT_DIRECTORY) return VIRT_NOTDIR;
    uint8_t error = folder_ready(folder);
    if (error != VIRT_SUCCESS) return error;
    virt_entry *at = *entries = arena_new(BATCH * sizeof *at);
    if (at == NULL) return VIRT_NOMEM;
    // Of one that was removed nothing is listed.
    if (folder->parent == NULL) return VIRT_SUCCESS;
    if (cursor < 1) at[(*count)++] = (virt_entry){{".", 1}, folder->number, VIRT_DIRECTORY, 1};
    if (cursor < 2) at[(*count)++] = (virt_entry){{"..", 2}, folder->parent->number, VIRT_DIRECTORY, 2};
    for (struct entry *entry = folder->first; entry != NULL && *count < BATCH; entry = entry->next) {
        if (entry->cookie <= cursor) continue;
        at[(*count)++] = (virt_entry){
            {entry->name, entry->len}, entry->inode->number, entry->inode->kind, entry->cookie};
    }
    return VIRT_SUCCESS;
}
