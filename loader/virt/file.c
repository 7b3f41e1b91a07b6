// What files hold: a tree of pages for each. A page of addresses leads to 1024 others; what leads nowhere is zeros, or
// what the file has below.
#include "tree.h"

#define FAN 1024u

// The most that a file may have: three levels of addresses.
#define MAX_SIZE ((uint64_t)PAGE << 30)

// How many pages of data a tree of that height has room for.
static uint64_t room(uint32_t height) {
    return (uint64_t)1 << (10 * height);
}

static void *page_at(const struct inode *file, uint64_t index) {
    if (index >= room(file->height)) return NULL;
    void *at = file->pages;
    for (uint32_t height = file->height; height != 0 && at != NULL; height--) {
        at = ((void **)at)[index >> (10 * (height - 1)) & (FAN - 1)];
    }
    return at;
}

static void *page_new_at(struct inode *file, uint64_t index) {
    while (index >= room(file->height)) {
        if (file->pages != NULL) {
            void **above = page_new();
            if (above == NULL) return NULL;
            above[0] = file->pages;
            file->pages = above;
        }
        file->height++;
    }
    void **at = &file->pages;
    for (uint32_t height = file->height;; height--) {
        if (*at == NULL && (*at = page_new()) == NULL) return NULL;
        if (height == 0) return *at;
        at = &((void **)*at)[index >> (10 * (height - 1)) & (FAN - 1)];
    }
}

// Gives back every page from `from` on; whether none is left.
static bool prune(void **at, uint32_t height, uint64_t from) {
    if (*at == NULL) return true;
    if (height == 0) {
        if (from != 0) return false;
    } else {
        uint64_t each = room(height - 1);
        bool empty = true;
        for (uint32_t i = 0; i < FAN; i++) {
            uint64_t begin = i * each;
            uint64_t rest = from > begin ? from - begin : 0;
            if (rest >= each) empty = empty && ((void **)*at)[i] == NULL;
            else empty = prune(&((void **)*at)[i], height - 1, rest) && empty;
        }
        if (!empty) return false;
    }
    page_free(*at);
    *at = NULL;
    return true;
}

static void cut_off(struct inode *file, uint64_t size) {
    if (prune(&file->pages, file->height, (size + PAGE - 1) / PAGE)) file->height = 0;
    if (file->below != NULL && file->below_size > size) file->below_size = size;
    // What comes back when the file grows again is zeros.
    char *last = size % PAGE != 0 ? page_at(file, size / PAGE) : NULL;
    if (last != NULL) clear(last + size % PAGE, PAGE - size % PAGE);
}

void file_clear(struct inode *file) {
    cut_off(file, 0);
}

uint8_t tree_resize(struct inode *file, uint64_t size) {
    if (file->kind != VIRT_REGULAR_FILE) return file->kind == VIRT_DIRECTORY ? VIRT_ISDIR : VIRT_INVAL;
    if (size > MAX_SIZE) return VIRT_FBIG;
    if (size < file->size) cut_off(file, size);
    file->size = size;
    file->modified = file->changed = real_time();
    return VIRT_SUCCESS;
}

// A page to write a part of: with what the file has below, if it is new.
static uint8_t page_for(struct inode *file, uint64_t index, bool whole, char **page) {
    *page = page_at(file, index);
    if (*page != NULL) return VIRT_SUCCESS;
    *page = page_new_at(file, index);
    if (*page == NULL) return VIRT_NOSPC;
    uint64_t from = index * PAGE;
    if (whole || file->below == NULL || from >= file->below_size) return VIRT_SUCCESS;
    uint8_t error = below_read(file, from, (uint8_t *)*page, least(file->below_size - from, PAGE));
    // A page that is there hides what is below.
    if (error != VIRT_SUCCESS) {
        void **at = &file->pages;
        for (uint32_t height = file->height; height != 0; height--) {
            at = &((void **)*at)[index >> (10 * (height - 1)) & (FAN - 1)];
        }
        page_free(*at);
        *at = NULL;
    }
    return error;
}

uint8_t tree_write(struct inode *file, uint64_t offset, const uint8_t *data, uint32_t len, uint32_t *written) {
    *written = 0;
    if (file->kind != VIRT_REGULAR_FILE) return file->kind == VIRT_DIRECTORY ? VIRT_ISDIR : VIRT_INVAL;
    if (len == 0) return VIRT_SUCCESS;
    if (offset >= MAX_SIZE) return VIRT_FBIG;
    if (len > MAX_SIZE - offset) len = (uint32_t)(MAX_SIZE - offset);
    uint8_t error = VIRT_SUCCESS;
    while (*written < len) {
        uint32_t in_page = (uint32_t)(offset % PAGE);
        uint32_t part = least(PAGE - in_page, len - *written);
        char *page;
        error = page_for(file, offset / PAGE, part == PAGE, &page);
        if (error != VIRT_SUCCESS) break;
        copy(page + in_page, data + *written, part);
        *written += part;
        offset += part;
    }
    if (*written == 0) return error;
    if (offset > file->size) file->size = offset;
    file->modified = file->changed = real_time();
    return VIRT_SUCCESS;
}

// How many bytes from `offset` on, at most `most`, lie in pages that are not there.
static uint32_t hole(const struct inode *file, uint64_t offset, uint32_t most) {
    uint32_t len = least(PAGE - offset % PAGE, most);
    while (len < most && page_at(file, (offset + len) / PAGE) == NULL) len += least(PAGE, most - len);
    return len;
}

uint8_t tree_read(struct inode *file, uint64_t offset, uint32_t most, const uint8_t **at, uint32_t *len) {
    *at = NULL;
    *len = 0;
    if (file->kind != VIRT_REGULAR_FILE) return file->kind == VIRT_DIRECTORY ? VIRT_ISDIR : VIRT_INVAL;
    if (offset >= file->size) return VIRT_SUCCESS;
    uint32_t wanted = least(file->size - offset, most);
    if (wanted == 0) return VIRT_SUCCESS;
    uint8_t *page = page_at(file, offset / PAGE);
    if (page != NULL && wanted <= PAGE - offset % PAGE) {
        *at = page + offset % PAGE;
        *len = wanted;
        return VIRT_SUCCESS;
    }
    uint8_t *to = arena_rest(wanted, &wanted);
    if (to == NULL || wanted == 0) return VIRT_NOMEM;
    uint32_t done = 0;
    while (done < wanted) {
        uint64_t from = offset + done;
        uint32_t part;
        page = page_at(file, from / PAGE);
        if (page != NULL) {
            part = least(PAGE - from % PAGE, wanted - done);
            copy(to + done, page + from % PAGE, part);
        } else {
            part = hole(file, from, wanted - done);
            uint32_t below = 0;
            if (file->below != NULL && from < file->below_size) below = least(file->below_size - from, part);
            uint8_t error = below == 0 ? VIRT_SUCCESS : below_read(file, from, to + done, below);
            if (error != VIRT_SUCCESS) {
                if (done == 0) return error;
                break;
            }
            clear(to + done + below, part - below);
        }
        done += part;
    }
    *at = to;
    *len = done;
    return VIRT_SUCCESS;
}

static bool zeros(const char *page) {
    for (const uint64_t *at = (const uint64_t *)page; at < (const uint64_t *)(page + PAGE); at++) {
        if (*at != 0) return false;
    }
    return true;
}

uint8_t file_fill(struct inode *file) {
    uint8_t *at;
    uint32_t most;
    uint64_t modified = file->modified, changed = file->changed;
    for (uint64_t offset = 0; offset < file->below_size; offset += most) {
        call_begins();
        at = arena_rest(1 << 20, &most);
        uint32_t len = least(file->below_size - offset, most);
        uint8_t error = below_read(file, offset, at, len);
        for (uint32_t done = 0; done < len && error == VIRT_SUCCESS;) {
            uint32_t part = least(PAGE, len - done), written;
            // Nothing is written for a page of zeros, as for what was never written.
            if (part < PAGE) clear(at + done + part, PAGE - part);
            bool skip = zeros((const char *)at + done);
            error = skip ? VIRT_SUCCESS : tree_write(file, offset + done, at + done, part, &written);
            if (error == VIRT_SUCCESS && !skip && written < part) error = VIRT_NOSPC;
            done += part;
        }
        if (error != VIRT_SUCCESS) return error;
    }
    below_forget(file);
    small_free(file->below);
    file->below = NULL;
    file->modified = modified;
    file->changed = changed;
    return VIRT_SUCCESS;
}
