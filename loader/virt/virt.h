// The C view of bailiwick:virt (runtime-abi/wit/virt.wit; `bailiwick wit virt` prints it): what a module exports to stand
// between another module and the world, and what it imports to reach one that does, or the network.
//
// A virtualizer in C or C++ defines the functions of an interface, all of them, by the names that they have here, and
// `cabi_realloc` if any takes a string or a list. Each is declared with the name by which it is exported, so a definition is
// enough:
//
//     #include "virt.h"
//     static virt_u64_result result;
//     virt_u64_result *virt_clock_now(uint32_t clock) {
//         result.failed = clock > 1;
//         if (clock > 1) result.error = VIRT_INVAL; else result.value = 946684800000000000;
//         return &result;
//     }
//
// with a WIT file of the module's name beside it:
//
//     package me:clock;
//     world clock { export bailiwick:virt/clock; }
//
// Layouts are those of the Component Model's canonical ABI (CanonicalABI.md, "Alignment", "Element Size", "Flattening"):
// * A string and a list are a pointer and a length. Those that come as parameters were allocated by the module's own
//   `cabi_realloc`; they are its own from then on, UTF-8 if strings, and not ended by a NUL.
// * What is returned is a pointer to a result that stays until the module is called again. A module that wants to be told
//   earlier that a result was read exports `cabi_post_` and the function's name.
// * bool, enum, flags and u16 parameters are 32 bits wide, and so is the case of a variant, which its value follows.
// * A function that is imported writes its result where the last parameter points to. Strings and lists in it lie where
//   the module's own `cabi_realloc` put them.
//
// The compiler checks each signature against the WIT, `bailiwick check` that an interface is whole.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VIRT_EXPORT(name) __attribute__((export_name(name)))
#define VIRT_IMPORT(interface, function) __attribute__((import_module(interface), import_name(function)))

// Room for strings and lists that come from outside: what C's realloc gives, at a multiple of `align`. With a C library:
// `return realloc(old, size);`, as `align` is 8 at most.
VIRT_EXPORT("cabi_realloc") void *cabi_realloc(void *old, size_t old_size, size_t align, size_t size);

// ---- Values ----------------------------------------------------------------------------------------------------------

// string
typedef struct virt_string {
    const char *at;
    uint32_t len;
} virt_string;

// list<u8>
typedef struct virt_bytes {
    const uint8_t *at;
    uint32_t len;
} virt_bytes;

// enum errno of interface types
enum virt_errno {
    VIRT_SUCCESS, VIRT_TOOBIG, VIRT_ACCES, VIRT_ADDRINUSE, VIRT_ADDRNOTAVAIL, VIRT_AFNOSUPPORT, VIRT_AGAIN, VIRT_ALREADY,
    VIRT_BADF, VIRT_BADMSG, VIRT_BUSY, VIRT_CANCELED, VIRT_CHILD, VIRT_CONNABORTED, VIRT_CONNREFUSED, VIRT_CONNRESET,
    VIRT_DEADLK, VIRT_DESTADDRREQ, VIRT_DOM, VIRT_DQUOT, VIRT_EXIST, VIRT_FAULT, VIRT_FBIG, VIRT_HOSTUNREACH, VIRT_IDRM,
    VIRT_ILSEQ, VIRT_INPROGRESS, VIRT_INTR, VIRT_INVAL, VIRT_IO, VIRT_ISCONN, VIRT_ISDIR, VIRT_LOOP, VIRT_MFILE,
    VIRT_MLINK, VIRT_MSGSIZE, VIRT_MULTIHOP, VIRT_NAMETOOLONG, VIRT_NETDOWN, VIRT_NETRESET, VIRT_NETUNREACH, VIRT_NFILE,
    VIRT_NOBUFS, VIRT_NODEV, VIRT_NOENT, VIRT_NOEXEC, VIRT_NOLCK, VIRT_NOLINK, VIRT_NOMEM, VIRT_NOMSG, VIRT_NOPROTOOPT,
    VIRT_NOSPC, VIRT_NOSYS, VIRT_NOTCONN, VIRT_NOTDIR, VIRT_NOTEMPTY, VIRT_NOTRECOVERABLE, VIRT_NOTSOCK, VIRT_NOTSUP,
    VIRT_NOTTY, VIRT_NXIO, VIRT_OVERFLOW, VIRT_OWNERDEAD, VIRT_PERM, VIRT_PIPE, VIRT_PROTO, VIRT_PROTONOSUPPORT,
    VIRT_PROTOTYPE, VIRT_RANGE, VIRT_ROFS, VIRT_SPIPE, VIRT_SRCH, VIRT_STALE, VIRT_TIMEDOUT, VIRT_TXTBSY, VIRT_XDEV,
    VIRT_NOTCAPABLE,
};

// Results lie behind whether they failed. `error` is a `virt_errno`, where there is one.

// result<_, errno>
typedef struct virt_result {
    uint8_t failed, error;
} virt_result;

// result<u32, errno>: also of a node or socket
typedef struct virt_u32_result {
    uint8_t failed;
    union {
        uint8_t error;
        uint32_t value;
    };
} virt_u32_result;

// result<u64, errno>
typedef struct virt_u64_result {
    uint8_t failed;
    union {
        uint8_t error;
        uint64_t value;
    };
} virt_u64_result;

// result<list<u8>, errno>
typedef struct virt_bytes_result {
    uint8_t failed;
    union {
        uint8_t error;
        virt_bytes value;
    };
} virt_bytes_result;

// result<string, errno>
typedef struct virt_string_result {
    uint8_t failed;
    union {
        uint8_t error;
        virt_string value;
    };
} virt_string_result;

// ---- bailiwick:virt/fs -----------------------------------------------------------------------------------------------

// enum kind
enum virt_kind {
    VIRT_UNKNOWN, VIRT_BLOCK_DEVICE, VIRT_CHARACTER_DEVICE, VIRT_DIRECTORY, VIRT_REGULAR_FILE, VIRT_SOCKET_DGRAM,
    VIRT_SOCKET_STREAM, VIRT_SYMBOLIC_LINK,
};

// flags open-flags
enum { VIRT_CREATE = 1, VIRT_OPEN_DIRECTORY = 2, VIRT_EXCLUSIVE = 4, VIRT_TRUNCATE = 8 };

// flags access
enum { VIRT_READ = 1, VIRT_WRITE = 2 };

// variant new-time: a parameter `accessed` says which, and `accessed_at` the time, if it is VIRT_AT.
enum { VIRT_KEEP, VIRT_NOW, VIRT_AT };

// record stat
typedef struct virt_stat {
    uint8_t kind;
    uint64_t device, inode, links;
    uint64_t size;                       // bytes
    uint64_t accessed, modified, changed; // nanoseconds since 1970
} virt_stat;

// result<stat, errno>
typedef struct virt_stat_result {
    uint8_t failed;
    union {
        uint8_t error;
        virt_stat value;
    };
} virt_stat_result;

// record preopen, list<preopen>
typedef struct virt_preopen {
    uint32_t folder;
    virt_string name;
} virt_preopen;

typedef struct virt_preopens {
    const virt_preopen *at;
    uint32_t len;
} virt_preopens;

// record entry, result<list<entry>, errno>
typedef struct virt_entry {
    virt_string name;
    uint64_t inode;
    uint8_t kind;
    uint64_t next;
} virt_entry;

typedef struct virt_entries_result {
    uint8_t failed;
    union {
        uint8_t error;
        struct {
            const virt_entry *at;
            uint32_t len;
        } value;
    };
} virt_entries_result;

#define VIRT_FS(function) VIRT_EXPORT("bailiwick:virt/fs#" function)

VIRT_FS("preopens") virt_preopens *virt_fs_preopens(void);
VIRT_FS("open") virt_u32_result *virt_fs_open(uint32_t folder, const char *path, uint32_t path_len, uint32_t follow,
                                              uint32_t how, uint32_t access);
VIRT_FS("close") void virt_fs_close(uint32_t file);
VIRT_FS("read") virt_bytes_result *virt_fs_read(uint32_t file, uint64_t offset, uint32_t len);
VIRT_FS("write") virt_u32_result *virt_fs_write(uint32_t file, uint64_t offset, const uint8_t *data, uint32_t len);
VIRT_FS("append") virt_u32_result *virt_fs_append(uint32_t file, const uint8_t *data, uint32_t len);
VIRT_FS("get-stat") virt_stat_result *virt_fs_get_stat(uint32_t file);
VIRT_FS("get-stat-at") virt_stat_result *virt_fs_get_stat_at(uint32_t folder, const char *path, uint32_t path_len,
                                                             uint32_t follow);
VIRT_FS("set-size") virt_result *virt_fs_set_size(uint32_t file, uint64_t size);
VIRT_FS("set-times") virt_result *virt_fs_set_times(uint32_t file, uint32_t accessed, uint64_t accessed_at,
                                                    uint32_t modified, uint64_t modified_at);
VIRT_FS("set-times-at") virt_result *virt_fs_set_times_at(uint32_t folder, const char *path, uint32_t path_len,
                                                          uint32_t follow, uint32_t accessed, uint64_t accessed_at,
                                                          uint32_t modified, uint64_t modified_at);
VIRT_FS("sync") virt_result *virt_fs_sync(uint32_t file, uint32_t data_only);
VIRT_FS("entries") virt_entries_result *virt_fs_entries(uint32_t folder, uint64_t cursor);
VIRT_FS("create-directory-at") virt_result *virt_fs_create_directory_at(uint32_t folder, const char *path,
                                                                        uint32_t path_len);
VIRT_FS("remove-directory-at") virt_result *virt_fs_remove_directory_at(uint32_t folder, const char *path,
                                                                        uint32_t path_len);
VIRT_FS("unlink-at") virt_result *virt_fs_unlink_at(uint32_t folder, const char *path, uint32_t path_len);
VIRT_FS("rename-at") virt_result *virt_fs_rename_at(uint32_t folder, const char *path, uint32_t path_len,
                                                    uint32_t new_folder, const char *new_path, uint32_t new_path_len);
VIRT_FS("link-at") virt_result *virt_fs_link_at(uint32_t folder, const char *path, uint32_t path_len, uint32_t follow,
                                                uint32_t new_folder, const char *new_path, uint32_t new_path_len);
VIRT_FS("symlink-at") virt_result *virt_fs_symlink_at(const char *target, uint32_t target_len, uint32_t folder,
                                                      const char *path, uint32_t path_len);
VIRT_FS("readlink-at") virt_string_result *virt_fs_readlink_at(uint32_t folder, const char *path, uint32_t path_len);

// ---- bailiwick:virt/clock --------------------------------------------------------------------------------------------

// enum id
enum { VIRT_REALTIME, VIRT_MONOTONIC, VIRT_PROCESS_CPUTIME, VIRT_THREAD_CPUTIME };

#define VIRT_CLOCK(function) VIRT_EXPORT("bailiwick:virt/clock#" function)

VIRT_CLOCK("now") virt_u64_result *virt_clock_now(uint32_t clock);
VIRT_CLOCK("resolution") virt_u64_result *virt_clock_resolution(uint32_t clock);
VIRT_CLOCK("sleep") void virt_clock_sleep(uint64_t duration);

// ---- bailiwick:virt/random -------------------------------------------------------------------------------------------

VIRT_EXPORT("bailiwick:virt/random#get") virt_bytes *virt_random_get(uint32_t len);

// ---- bailiwick:virt/env ----------------------------------------------------------------------------------------------

typedef struct virt_variable {
    virt_string name, value;
} virt_variable;

typedef struct virt_variables {
    const virt_variable *at;
    uint32_t len;
} virt_variables;

VIRT_EXPORT("bailiwick:virt/env#variables") virt_variables *virt_env_variables(void);

// ---- bailiwick:virt/stdio --------------------------------------------------------------------------------------------

// enum output
enum { VIRT_OUT, VIRT_ERROR };

#define VIRT_STDIO(function) VIRT_EXPORT("bailiwick:virt/stdio#" function)

VIRT_STDIO("read") virt_bytes_result *virt_stdio_read(uint32_t len);
VIRT_STDIO("write") virt_u32_result *virt_stdio_write(uint32_t to, const uint8_t *data, uint32_t len);

// ---- bailiwick:virt/net ----------------------------------------------------------------------------------------------

// record endpoint, result<endpoint, errno>
typedef struct virt_endpoint {
    virt_string address;
    uint16_t port;
} virt_endpoint;

typedef struct virt_endpoint_result {
    uint8_t failed;
    union {
        uint8_t error;
        virt_endpoint value;
    };
} virt_endpoint_result;

// record datagram, result<datagram, errno>
typedef struct virt_datagram {
    virt_bytes data;
    virt_endpoint sender;
} virt_datagram;

typedef struct virt_datagram_result {
    uint8_t failed;
    union {
        uint8_t error;
        virt_datagram value;
    };
} virt_datagram_result;

// list<string>, result<list<string>, errno>
typedef struct virt_strings_result {
    uint8_t failed;
    union {
        uint8_t error;
        struct {
            const virt_string *at;
            uint32_t len;
        } value;
    };
} virt_strings_result;

// list<socket>
typedef struct virt_sockets {
    const uint32_t *at;
    uint32_t len;
} virt_sockets;

// flags interest, flags readiness: VIRT_READ, VIRT_WRITE and
enum { VIRT_HANGUP = 4 };

// record subscription
typedef struct virt_subscription {
    uint32_t socket;
    uint8_t interest;
} virt_subscription;

#define VIRT_NET(function) VIRT_EXPORT("bailiwick:virt/net#" function)

VIRT_NET("resolve") virt_strings_result *virt_net_resolve(const char *name, uint32_t name_len);
VIRT_NET("connect") virt_u32_result *virt_net_connect(const char *host, uint32_t host_len, uint32_t port, uint32_t wait);
VIRT_NET("listeners") virt_sockets *virt_net_listeners(void);
VIRT_NET("listen") virt_u32_result *virt_net_listen(const char *address, uint32_t address_len, uint32_t port);
VIRT_NET("accept") virt_u32_result *virt_net_accept(uint32_t listener, uint32_t wait);
VIRT_NET("send") virt_u32_result *virt_net_send(uint32_t socket, const uint8_t *data, uint32_t len, uint32_t wait);
VIRT_NET("receive") virt_bytes_result *virt_net_receive(uint32_t socket, uint32_t len, uint32_t peek, uint32_t wait);
VIRT_NET("bind") virt_u32_result *virt_net_bind(const char *address, uint32_t address_len, uint32_t port);
VIRT_NET("send-to") virt_u32_result *virt_net_send_to(uint32_t socket, const uint8_t *data, uint32_t len,
                                                      const char *host, uint32_t host_len, uint32_t port);
VIRT_NET("receive-from") virt_datagram_result *virt_net_receive_from(uint32_t socket, uint32_t len, uint32_t wait);
VIRT_NET("local") virt_endpoint_result *virt_net_local(uint32_t socket);
VIRT_NET("peer") virt_endpoint_result *virt_net_peer(uint32_t socket);
VIRT_NET("shutdown") virt_result *virt_net_shutdown(uint32_t socket, uint32_t receiving, uint32_t sending);
VIRT_NET("close") void virt_net_close(uint32_t socket);
// `timed`: whether there is a timeout. One byte of flags for each subscription.
VIRT_NET("poll") virt_bytes_result *virt_net_poll(const virt_subscription *subscriptions, uint32_t len, uint32_t timed,
                                                  uint64_t timeout);

// ---- The same as imports ---------------------------------------------------------------------------------------------

#define VIRT_FS_IMPORT(function) VIRT_IMPORT("bailiwick:virt/fs", function)

VIRT_FS_IMPORT("preopens") void virt_import_fs_preopens(virt_preopens *result);
VIRT_FS_IMPORT("open") void virt_import_fs_open(uint32_t folder, const char *path, uint32_t path_len, uint32_t follow,
                                                uint32_t how, uint32_t access, virt_u32_result *result);
VIRT_FS_IMPORT("close") void virt_import_fs_close(uint32_t file);
VIRT_FS_IMPORT("read") void virt_import_fs_read(uint32_t file, uint64_t offset, uint32_t len, virt_bytes_result *result);
VIRT_FS_IMPORT("write") void virt_import_fs_write(uint32_t file, uint64_t offset, const uint8_t *data, uint32_t len,
                                                  virt_u32_result *result);
VIRT_FS_IMPORT("append") void virt_import_fs_append(uint32_t file, const uint8_t *data, uint32_t len,
                                                    virt_u32_result *result);
VIRT_FS_IMPORT("get-stat") void virt_import_fs_get_stat(uint32_t file, virt_stat_result *result);
VIRT_FS_IMPORT("get-stat-at") void virt_import_fs_get_stat_at(uint32_t folder, const char *path, uint32_t path_len,
                                                              uint32_t follow, virt_stat_result *result);
VIRT_FS_IMPORT("set-size") void virt_import_fs_set_size(uint32_t file, uint64_t size, virt_result *result);
VIRT_FS_IMPORT("set-times") void virt_import_fs_set_times(uint32_t file, uint32_t accessed, uint64_t accessed_at,
                                                          uint32_t modified, uint64_t modified_at, virt_result *result);
VIRT_FS_IMPORT("set-times-at") void virt_import_fs_set_times_at(uint32_t folder, const char *path, uint32_t path_len,
                                                                uint32_t follow, uint32_t accessed,
                                                                uint64_t accessed_at, uint32_t modified,
                                                                uint64_t modified_at, virt_result *result);
VIRT_FS_IMPORT("sync") void virt_import_fs_sync(uint32_t file, uint32_t data_only, virt_result *result);
VIRT_FS_IMPORT("entries") void virt_import_fs_entries(uint32_t folder, uint64_t cursor, virt_entries_result *result);
VIRT_FS_IMPORT("create-directory-at") void virt_import_fs_create_directory_at(uint32_t folder, const char *path,
                                                                              uint32_t path_len, virt_result *result);
VIRT_FS_IMPORT("remove-directory-at") void virt_import_fs_remove_directory_at(uint32_t folder, const char *path,
                                                                              uint32_t path_len, virt_result *result);
VIRT_FS_IMPORT("unlink-at") void virt_import_fs_unlink_at(uint32_t folder, const char *path, uint32_t path_len,
                                                          virt_result *result);
VIRT_FS_IMPORT("rename-at") void virt_import_fs_rename_at(uint32_t folder, const char *path, uint32_t path_len,
                                                          uint32_t new_folder, const char *new_path,
                                                          uint32_t new_path_len, virt_result *result);
VIRT_FS_IMPORT("link-at") void virt_import_fs_link_at(uint32_t folder, const char *path, uint32_t path_len,
                                                      uint32_t follow, uint32_t new_folder, const char *new_path,
                                                      uint32_t new_path_len, virt_result *result);
VIRT_FS_IMPORT("symlink-at") void virt_import_fs_symlink_at(const char *target, uint32_t target_len, uint32_t folder,
                                                            const char *path, uint32_t path_len, virt_result *result);
VIRT_FS_IMPORT("readlink-at") void virt_import_fs_readlink_at(uint32_t folder, const char *path, uint32_t path_len,
                                                              virt_string_result *result);

#define VIRT_CLOCK_IMPORT(function) VIRT_IMPORT("bailiwick:virt/clock", function)

VIRT_CLOCK_IMPORT("now") void virt_import_clock_now(uint32_t clock, virt_u64_result *result);
VIRT_CLOCK_IMPORT("resolution") void virt_import_clock_resolution(uint32_t clock, virt_u64_result *result);
VIRT_CLOCK_IMPORT("sleep") void virt_import_clock_sleep(uint64_t duration);

VIRT_IMPORT("bailiwick:virt/random", "get") void virt_import_random_get(uint32_t len, virt_bytes *result);
VIRT_IMPORT("bailiwick:virt/env", "variables") void virt_import_env_variables(virt_variables *result);
VIRT_IMPORT("bailiwick:virt/stdio", "read") void virt_import_stdio_read(uint32_t len, virt_bytes_result *result);
VIRT_IMPORT("bailiwick:virt/stdio", "write") void virt_import_stdio_write(uint32_t to, const uint8_t *data, uint32_t len,
                                                                          virt_u32_result *result);

#define VIRT_NET_IMPORT(function) VIRT_IMPORT("bailiwick:virt/net", function)

VIRT_NET_IMPORT("resolve") void virt_import_net_resolve(const char *name, uint32_t name_len, virt_strings_result *result);
VIRT_NET_IMPORT("connect") void virt_import_net_connect(const char *host, uint32_t host_len, uint32_t port,
                                                        uint32_t wait, virt_u32_result *result);
VIRT_NET_IMPORT("listeners") void virt_import_net_listeners(virt_sockets *result);
VIRT_NET_IMPORT("listen") void virt_import_net_listen(const char *address, uint32_t address_len, uint32_t port,
                                                      virt_u32_result *result);
VIRT_NET_IMPORT("accept") void virt_import_net_accept(uint32_t listener, uint32_t wait, virt_u32_result *result);
VIRT_NET_IMPORT("send") void virt_import_net_send(uint32_t socket, const uint8_t *data, uint32_t len, uint32_t wait,
                                                  virt_u32_result *result);
VIRT_NET_IMPORT("receive") void virt_import_net_receive(uint32_t socket, uint32_t len, uint32_t peek, uint32_t wait,
                                                        virt_bytes_result *result);
VIRT_NET_IMPORT("bind") void virt_import_net_bind(const char *address, uint32_t address_len, uint32_t port,
                                                  virt_u32_result *result);
VIRT_NET_IMPORT("send-to") void virt_import_net_send_to(uint32_t socket, const uint8_t *data, uint32_t len,
                                                        const char *host, uint32_t host_len, uint32_t port,
                                                        virt_u32_result *result);
VIRT_NET_IMPORT("receive-from") void virt_import_net_receive_from(uint32_t socket, uint32_t len, uint32_t wait,
                                                                  virt_datagram_result *result);
VIRT_NET_IMPORT("local") void virt_import_net_local(uint32_t socket, virt_endpoint_result *result);
VIRT_NET_IMPORT("peer") void virt_import_net_peer(uint32_t socket, virt_endpoint_result *result);
VIRT_NET_IMPORT("shutdown") void virt_import_net_shutdown(uint32_t socket, uint32_t receiving, uint32_t sending,
                                                          virt_result *result);
VIRT_NET_IMPORT("close") void virt_import_net_close(uint32_t socket);
VIRT_NET_IMPORT("poll") void virt_import_net_poll(const virt_subscription *subscriptions, uint32_t len, uint32_t timed,
                                                  uint64_t timeout, virt_bytes_result *result);

// ---- Layouts, as the canonical ABI computes them ---------------------------------------------------------------------

#ifdef __cplusplus
#define VIRT_BYTES(type, bytes) static_assert(sizeof(type) == (bytes), #type)
#else
#define VIRT_BYTES(type, bytes) _Static_assert(sizeof(type) == (bytes), #type)
#endif

VIRT_BYTES(virt_result, 2);
VIRT_BYTES(virt_u32_result, 8);
VIRT_BYTES(virt_u64_result, 16);
VIRT_BYTES(virt_bytes_result, 12);
VIRT_BYTES(virt_string_result, 12);
VIRT_BYTES(virt_stat_result, 72);
VIRT_BYTES(virt_preopen, 12);
VIRT_BYTES(virt_entry, 32);
VIRT_BYTES(virt_entries_result, 12);
VIRT_BYTES(virt_variable, 16);
VIRT_BYTES(virt_endpoint_result, 16);
VIRT_BYTES(virt_datagram_result, 24);
VIRT_BYTES(virt_strings_result, 12);
VIRT_BYTES(virt_subscription, 8);

#ifdef __cplusplus
}
#endif
