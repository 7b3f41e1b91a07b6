// The types of bailiwick:virt as the canonical ABI has them in memory.
#pragma once

#include "../wallet/abi.h"
#include <errno.h>
#include <wasi/api.h>

struct preopen {
    uint32_t folder;
    struct text name;
};
struct preopens {
    struct preopen *at;
    size_t len;
};
struct entry {
    struct text name;
    uint64_t inode;
    uint8_t kind;
    uint64_t next;
};
struct stat_of {
    uint8_t kind;
    uint64_t device, inode, links, size, accessed, modified, changed;
};
struct pair {
    struct text name, value;
};

// result<_, errno>
struct done {
    uint8_t failed, error;
};
// result<u32, errno>
struct number {
    uint8_t failed;
    union {
        uint8_t error;
        uint32_t value;
    };
};
// result<u64, errno>
struct wide {
    uint8_t failed;
    union {
        uint8_t error;
        uint64_t value;
    };
};
// result<list<u8>, errno>, result<string, errno>, result<list<entry>, errno>
struct bytes {
    uint8_t failed;
    union {
        uint8_t error;
        struct text value;
    };
};
// result<stat, errno>
struct stated {
    uint8_t failed;
    union {
        uint8_t error;
        struct stat_of value;
    };
};

_Static_assert(sizeof(struct entry) == 32 && sizeof(struct stated) == 72 && sizeof(struct bytes) == 12, "as the ABI has it");

#define FS(name) EXPORT("bailiwick:virt/fs#" name)
