#include "base.h"

// ---- Pages -----------------------------------------------------------------------------------------------------------

// A page that nobody uses. `fresh_from` to `fresh_to` were never used, and are zeros.
struct free_page {
    struct free_page *next;
};

static struct free_page *free_pages;
static uintptr_t fresh_from, fresh_to;

#define WASM_PAGE 65536u

// Asks for 1 MiB, or what there is of it: growing is a host's call.
static bool grow(void) {
    for (uint32_t pages = 16; pages != 0; pages /= 2) {
        size_t from = __builtin_wasm_memory_grow(0, pages);
        if (from == (size_t)-1) continue;
        fresh_from = from * WASM_PAGE;
        fresh_to = fresh_from + pages * WASM_PAGE;
        // The last page of a memory of 4 GiB is left alone: its end would be address 0.
        if (fresh_to == 0) fresh_to -= PAGE;
        return true;
    }
    return false;
}

void *page_new(void) {
    struct free_page *page = free_pages;
    if (page != NULL) {
        free_pages = page->next;
        clear(page, PAGE);
        return page;
    }
    if (fresh_from == fresh_to && !grow()) return NULL;
    page = (struct free_page *)fresh_from;
    fresh_from += PAGE;
    return page;
}

void page_free(void *at) {
    struct free_page *page = at;
    page->next = free_pages;
    free_pages = page;
}

// ---- Small things ----------------------------------------------------------------------------------------------------

// Sizes that things are made in, so that a page holds a whole number of them behind its head.
static const uint16_t SIZES[] = {32, 48, 64, 96, 128, 176, 240, 312, 576, 1352, 2032, SMALL_MAX};
#define CLASSES (sizeof SIZES / sizeof SIZES[0])

// At the beginning of a page that small things are cut from.
struct head {
    struct head *next, *previous; // of those with room
    void *free;                   // things, each of which begins with the next
    uint16_t used, class;
    uint32_t cut; // bytes of the page that were ever used
};

#define HEAD 32u
_Static_assert(sizeof(struct head) <= HEAD, "a head has its place");

static struct head *with_room[CLASSES];

static bool has_room(const struct head *head) {
    return head->free != NULL || head->cut + SIZES[head->class] <= PAGE;
}

static void unlink_head(struct head *head) {
    if (head->previous != NULL) head->previous->next = head->next;
    else with_room[head->class] = head->next;
    if (head->next != NULL) head->next->previous = head->previous;
}

static void link_head(struct head *head) {
    head->previous = NULL;
    head->next = with_room[head->class];
    if (head->next != NULL) head->next->previous = head;
    with_room[head->class] = head;
}

void *small_new(uint32_t size) {
    uint32_t class = 0;
    while (class < CLASSES && SIZES[class] < size) class++;
    if (class == CLASSES) return NULL;
    struct head *head = with_room[class];
    if (head == NULL) {
        head = page_new();
        if (head == NULL) return NULL;
        head->class = (uint16_t)class;
        head->cut = HEAD;
        link_head(head);
    }
    void *at = head->free;
    if (at != NULL) {
        head->free = *(void **)at;
    } else {
        at = (char *)head + head->cut;
        head->cut += SIZES[class];
    }
    head->used++;
    if (!has_room(head)) unlink_head(head);
    return at;
}

void small_free(void *at) {
    if (at == NULL) return;
    struct head *head = (struct head *)((uintptr_t)at & ~(uintptr_t)(PAGE - 1));
    bool listed = has_room(head);
    *(void **)at = head->free;
    head->free = at;
    head->used--;
    if (head->used == 0) {
        if (listed) unlink_head(head);
        page_free(head);
    } else if (!listed) {
        link_head(head);
    }
}

// ---- The arena -------------------------------------------------------------------------------------------------------

// What one call passes as the loader passes it: 1 MiB of data, and paths.
#define ARENA (1u << 20 | 1u << 16)

static _Alignas(16) char first_arena[ARENA];
static char *arena = first_arena;
static uint32_t arena_size = ARENA, arena_used;
// Whether what the arena holds is of the call that runs, or ran last, so that the next call's may take its place.
static bool arena_taken, keeping;

static void reset_arena(void) {
    if (arena_taken && !keeping) arena_used = 0;
}

void call_begins(void) {
    // It had no parameters to be put there, else they would have taken the last call's place.
    reset_arena();
    arena_taken = true;
}

void arena_keep(bool keep) {
    keeping = keep;
}

static void *cut(uint32_t size, uint32_t align) {
    uint32_t from = (arena_used + align - 1) & ~(align - 1);
    if (from > arena_size || size > arena_size - from) return NULL;
    arena_used = from + size;
    return arena + from;
}

// Another arena, with room for that and as much again; the old one stays as it is for whom it holds something, and is
// not used again: they double, so that is as much as the last one altogether.
static bool more_arena(uint32_t size) {
    uint64_t wanted = (uint64_t)size + arena_size;
    uint64_t pages = (2 * wanted + WASM_PAGE - 1) / WASM_PAGE;
    if (pages >= 65536) return false;
    size_t from = __builtin_wasm_memory_grow(0, (size_t)pages);
    if (from == (size_t)-1) return false;
    arena = (char *)(from * WASM_PAGE);
    arena_size = (uint32_t)(pages * WASM_PAGE) - 16;
    arena_used = 0;
    return true;
}

void *arena_new(uint32_t size) {
    void *at = cut(size, 8);
    if (at != NULL) return at;
    return more_arena(size) ? cut(size, 8) : NULL;
}

void *arena_rest(uint32_t most, uint32_t *len) {
    uint32_t from = (arena_used + 7) & ~7u;
    uint32_t left = from < arena_size ? arena_size - from : 0;
    *len = least(most, left);
    return cut(*len, 8);
}

// Where the loader puts parameters. It can't say that there is no memory for them but by ending the module; for what the
// loader passes by itself there always is.
VIRT_EXPORT("cabi_realloc") void *cabi_realloc(void *old, size_t old_size, size_t align, size_t size) {
    reset_arena();
    if (!keeping) arena_taken = false;
    if (old != NULL && size <= old_size) return old;
    if (size == 0) return (void *)align;
    void *at = cut(size, align);
    if (at == NULL && more_arena(size)) at = cut(size, align);
    if (at == NULL) __builtin_trap();
    if (old != NULL) copy(at, old, old_size);
    return at;
}

// ---- Text and settings -----------------------------------------------------------------------------------------------

bool is_text(const char *at, uint32_t len) {
    const uint8_t *byte = (const uint8_t *)at, *end = byte + len;
    while (byte < end) {
        uint32_t first = *byte++;
        if (first == 0) return false;
        if (first < 0x80) continue;
        uint32_t more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
        if (first < 0xc2 || first > 0xf4 || (uint32_t)(end - byte) < more) return false;
        // The shortest form only, no surrogates, nothing beyond U+10FFFF (Unicode, table 3-7).
        uint32_t low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
        uint32_t high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
        if (*byte < low || *byte > high) return false;
        for (uint32_t i = 1; i < more; i++) {
            if ((byte[i] & 0xc0) != 0x80) return false;
        }
        byte += more;
    }
    return true;
}

char **environment(void) {
    static char **variables;
    static char *none[] = {NULL};
    if (variables != NULL) return variables;
    variables = none;
    uint32_t count, bytes;
    if (wasi_environ_sizes_get(&count, &bytes) != 0 || count == 0) return variables;
    // Never given back: of a size that the manifest says.
    uint64_t size = ((uint64_t)count + 1) * sizeof(char *) + bytes;
    size_t pages = (size_t)((size + WASM_PAGE - 1) / WASM_PAGE);
    char **at = NULL;
    if (size <= SMALL_MAX) {
        at = small_new((uint32_t)size);
    } else if (pages < 65536) {
        size_t from = __builtin_wasm_memory_grow(0, pages);
        if (from != (size_t)-1) at = (char **)(from * WASM_PAGE);
    }
    if (at == NULL) return variables;
    if (wasi_environ_get(at, (char *)(at + count + 1)) != 0) return variables;
    at[count] = NULL;
    return variables = at;
}

const char *setting(const char *name) {
    uint32_t len = length(name);
    for (char **variable = environment(); *variable != NULL; variable++) {
        uint32_t there = length(*variable);
        if (there > len && (*variable)[len] == '=' && same(*variable, name, len)) return *variable + len + 1;
    }
    return NULL;
}

uint64_t real_time(void) {
    uint64_t now = 0;
    return wasi_clock_time_get(VIRT_REALTIME, 1, &now) == 0 ? now : 0;
}

_Noreturn void give_up(const char *who, const char *why) {
    wasi_ciovec parts[] = {{who, length(who)}, {": ", 2}, {why, length(why)}, {"\n", 1}};
    uint32_t written;
    (void)wasi_fd_write(2, parts, 4, &written);
    wasi_proc_exit(1);
}
