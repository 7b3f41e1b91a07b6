// What calls make of names, as Linux does it beneath a folder.
#include "tree.h"

static void touched(struct inode *folder) {
    folder->modified = folder->changed = real_time();
}

// Gives a new inode the name that was found missing.
static uint8_t add(const struct place *place, struct inode *inode) {
    uint8_t error = VIRT_NOSPC;
    if (place->folder->parent == NULL) error = VIRT_NOENT;
    else if (inode != NULL) error = entry_add(place->folder, place->name, place->name_len, inode);
    if (error == VIRT_SUCCESS) touched(place->folder);
    else if (inode != NULL) inode_release(inode);
    return error;
}

static void drop(const struct place *place) {
    entry_remove(place->folder, place->name, place->name_len);
    touched(place->folder);
    place->inode->changed = place->folder->changed;
    inode_release(place->inode);
}

uint8_t tree_open(struct inode *folder, const char *path, uint32_t len, bool follow, uint32_t how, uint32_t access,
                  struct inode **opened) {
    struct place place;
    bool create = how & VIRT_CREATE, fresh = create && how & VIRT_EXCLUSIVE;
    if (create && how & VIRT_OPEN_DIRECTORY) return VIRT_INVAL;
    uint8_t error;
    if (create && len != 0 && path[len - 1] == '/') {
        // What leads outside is told so first.
        if (tree_find(folder, path, len, true, &place) == VIRT_NOTCAPABLE) return VIRT_NOTCAPABLE;
        error = tree_find_name(folder, path, len, &place);
        return error == VIRT_SUCCESS ? VIRT_ISDIR : error;
    }
    error = tree_find(folder, path, len, follow && !fresh, &place);
    // The slash is that of a link, behind a file.
    if (error == VIRT_NOTDIR && create && place.slash && place.inode != NULL) error = VIRT_ISDIR;
    if (error != VIRT_SUCCESS) return error;
    struct inode *inode = place.inode;
    if (inode == NULL) {
        if (!create) return VIRT_NOENT;
        if (place.slash) return VIRT_ISDIR;
        inode = inode_new(VIRT_REGULAR_FILE);
        error = add(&place, inode);
        if (error != VIRT_SUCCESS) return error;
    } else {
        if (fresh) return VIRT_EXIST;
        if (inode->kind == VIRT_SYMBOLIC_LINK) return how & VIRT_OPEN_DIRECTORY ? VIRT_NOTDIR : VIRT_LOOP;
        bool is_folder = inode->kind == VIRT_DIRECTORY;
        if (is_folder && (create || how & VIRT_TRUNCATE || access & VIRT_WRITE)) return VIRT_ISDIR;
        if (!is_folder && how & VIRT_OPEN_DIRECTORY) return VIRT_NOTDIR;
        if (how & VIRT_TRUNCATE) {
            error = tree_resize(inode, 0);
            if (error != VIRT_SUCCESS) return error;
        }
    }
    inode->opens++;
    *opened = inode;
    return VIRT_SUCCESS;
}

void tree_close(struct inode *inode) {
    inode->opens--;
    inode_release(inode);
}

void tree_stat(struct inode *inode, virt_stat *stat) {
    uint64_t links = inode->links;
    // A root has a link that nobody sees.
    if (inode->kind == VIRT_DIRECTORY && inode->parent == inode) links--;
    *stat = (virt_stat){
        .kind = inode->kind,
        .device = 1,
        .inode = inode->number,
        .links = links,
        .size = inode->kind == VIRT_DIRECTORY ? PAGE : inode->size,
        .accessed = inode->accessed,
        .modified = inode->modified,
        .changed = inode->changed,
    };
}

static uint64_t new_time(uint32_t which, uint64_t at, uint64_t was, uint64_t now) {
    return which == VIRT_AT ? at : which == VIRT_NOW ? now : was;
}

uint8_t tree_times(struct inode *inode, uint32_t accessed, uint64_t accessed_at, uint32_t modified,
                   uint64_t modified_at) {
    uint64_t now = real_time();
    inode->accessed = new_time(accessed, accessed_at, inode->accessed, now);
    inode->modified = new_time(modified, modified_at, inode->modified, now);
    inode->changed = now;
    return VIRT_SUCCESS;
}

uint8_t tree_make_folder(struct inode *folder, const char *path, uint32_t len) {
    struct place place;
    uint8_t error = tree_find_name(folder, path, len, &place);
    if (error != VIRT_SUCCESS) return error;
    if (place.dots) return VIRT_EXIST;
    if (place.inode != NULL) return VIRT_EXIST;
    return add(&place, inode_new(VIRT_DIRECTORY));
}

uint8_t tree_remove_folder(struct inode *folder, const char *path, uint32_t len) {
    struct place place;
    uint8_t error = tree_find_name(folder, path, len, &place);
    if (error != VIRT_SUCCESS) return error;
    if (place.dots) return VIRT_INVAL;
    if (place.inode == NULL) return VIRT_NOENT;
    if (place.inode->kind != VIRT_DIRECTORY) return VIRT_NOTDIR;
    error = folder_ready(place.inode);
    if (error != VIRT_SUCCESS) return error;
    if (place.inode->count != 0) return VIRT_NOTEMPTY;
    drop(&place);
    return VIRT_SUCCESS;
}

uint8_t tree_unlink(struct inode *folder, const char *path, uint32_t len) {
    struct place place;
    uint8_t error = tree_find_name(folder, path, len, &place);
    if (error != VIRT_SUCCESS) return error;
    if (place.dots) return VIRT_ISDIR;
    if (place.inode == NULL) return VIRT_NOENT;
    if (place.inode->kind == VIRT_DIRECTORY) return VIRT_ISDIR;
    if (place.slash) return VIRT_NOTDIR;
    drop(&place);
    return VIRT_SUCCESS;
}

static bool within(const struct inode *inode, const struct inode *folder) {
    for (;; inode = inode->parent) {
        if (inode == folder) return true;
        if (inode->parent == NULL || inode->parent == inode) return false;
    }
}

uint8_t tree_rename(struct inode *folder, const char *path, uint32_t len, struct inode *new_folder,
                    const char *new_path, uint32_t new_len) {
    struct place from, to;
    uint8_t error = tree_find_name(folder, path, len, &from);
    if (error == VIRT_SUCCESS) error = tree_find_name(new_folder, new_path, new_len, &to);
    if (error != VIRT_SUCCESS) return error;
    if (from.dots || to.dots) return VIRT_BUSY;
    if (from.inode == NULL) return VIRT_NOENT;
    bool is_folder = from.inode->kind == VIRT_DIRECTORY;
    if ((from.slash || to.slash) && !is_folder) return VIRT_NOTDIR;
    if (is_folder && within(to.folder, from.inode)) return VIRT_INVAL;
    if (to.folder->parent == NULL) return VIRT_NOENT;
    if (from.inode == to.inode) return VIRT_SUCCESS;
    if (to.inode != NULL) {
        bool over_folder = to.inode->kind == VIRT_DIRECTORY;
        // An ancestor is not empty.
        if (within(from.folder, to.inode)) return VIRT_NOTEMPTY;
        if (is_folder && !over_folder) return VIRT_NOTDIR;
        if (!is_folder && over_folder) return VIRT_ISDIR;
        if (over_folder) {
            error = folder_ready(to.inode);
            if (error != VIRT_SUCCESS) return error;
            if (to.inode->count != 0) return VIRT_NOTEMPTY;
        }
    }
    // The new name first: if there is no memory for it, nothing has happened; what it takes the place of leaves as much.
    struct inode *inode = from.inode;
    if (to.inode != NULL) drop(&to);
    error = entry_add(to.folder, to.name, to.name_len, inode);
    if (error != VIRT_SUCCESS) return error;
    entry_remove(from.folder, from.name, from.name_len);
    if (is_folder) inode->parent = to.folder;
    touched(from.folder);
    touched(to.folder);
    inode->changed = to.folder->changed;
    return VIRT_SUCCESS;
}

uint8_t tree_link(struct inode *folder, const char *path, uint32_t len, bool follow, struct inode *new_folder,
                  const char *new_path, uint32_t new_len) {
    struct place from, to;
    uint8_t error = tree_find_name(folder, path, len, &from);
    if (error == VIRT_SUCCESS && follow && !from.dots) error = tree_find(folder, path, len, true, &from);
    if (error == VIRT_SUCCESS) error = tree_find_name(new_folder, new_path, new_len, &to);
    if (error != VIRT_SUCCESS) return error;
    if (from.dots) return VIRT_PERM;
    if (to.dots) return VIRT_EXIST;
    if (from.slash && from.inode == NULL) return VIRT_NOENT;
    if (from.slash && from.inode->kind != VIRT_DIRECTORY) return VIRT_NOTDIR;
    if (to.slash) return to.inode == NULL ? VIRT_NOENT : VIRT_EXIST;
    if (from.inode == NULL) return VIRT_NOENT;
    if (to.inode != NULL) return VIRT_EXIST;
    if (from.inode->kind == VIRT_DIRECTORY) return VIRT_PERM;
    error = add(&to, from.inode);
    if (error == VIRT_SUCCESS) from.inode->changed = to.folder->changed;
    return error;
}

uint8_t tree_symlink(const char *target, uint32_t target_len, struct inode *folder, const char *path, uint32_t len) {
    struct place place;
    if (target_len == 0) return VIRT_NOENT;
    if (target_len > MAX_PATH) return VIRT_NAMETOOLONG;
    if (!is_text(target, target_len)) return VIRT_INVAL;
    // What it would lead to could not be reached.
    if (target[0] == '/') return VIRT_NOTCAPABLE;
    uint8_t error = tree_find_name(folder, path, len, &place);
    if (error != VIRT_SUCCESS) return error;
    if (place.dots) return VIRT_EXIST;
    if (place.inode != NULL) return VIRT_EXIST;
    if (place.slash) return VIRT_NOENT;
    struct inode *inode = inode_new(VIRT_SYMBOLIC_LINK);
    char *at = inode == NULL ? NULL : small_new(target_len);
    if (at == NULL) {
        if (inode != NULL) inode_release(inode);
        return VIRT_NOSPC;
    }
    copy(at, target, target_len);
    inode->target = at;
    inode->size = target_len;
    return add(&place, inode);
}

uint8_t tree_readlink(struct inode *folder, const char *path, uint32_t len, virt_string *target) {
    struct place place;
    uint8_t error = tree_find(folder, path, len, false, &place);
    if (error != VIRT_SUCCESS) return error;
    if (place.inode == NULL) return VIRT_NOENT;
    if (place.inode->kind != VIRT_SYMBOLIC_LINK) return VIRT_INVAL;
    *target = (virt_string){place.inode->target, (uint32_t)place.inode->size};
    return VIRT_SUCCESS;
}
