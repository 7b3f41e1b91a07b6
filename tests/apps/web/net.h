// bailiwick:virt/net by hand: the core names of its functions, and how their results lie in memory (WIT's canonical ABI).
// Sockets are descriptors of preview 1 too: read, write, poll and close work on them.
#pragma once

#include "../wallet/abi.h"

#define NET(function) IMPORT("bailiwick:virt/net", function)

// An errno of preview 1, as <errno.h> has it.
struct nothing_or_errno {
    bool failed;
    uint8_t error;
};

struct number_or_errno {
    bool failed;
    union {
        uint8_t error;
        uint32_t number;
    };
};

struct bytes_or_errno {
    bool failed;
    union {
        uint8_t error;
        struct text bytes;
    };
};

struct texts_or_errno {
    bool failed;
    union {
        uint8_t error;
        struct {
            struct text *at;
            size_t len;
        } texts;
    };
};

struct endpoint {
    struct text address;
    uint16_t port;
};

struct endpoint_or_errno {
    bool failed;
    union {
        uint8_t error;
        struct endpoint endpoint;
    };
};

struct datagram_or_errno {
    bool failed;
    union {
        uint8_t error;
        struct {
            struct text data;
            struct endpoint sender;
        } datagram;
    };
};

enum { READ = 1, WRITE = 2, HANGUP = 4 };

struct subscription {
    uint32_t socket;
    uint8_t interest;
};

struct numbers {
    uint32_t *at;
    size_t len;
};

NET("resolve") void net_resolve(const char *name, size_t len, struct texts_or_errno *result);
NET("connect") void net_connect(const char *host, size_t len, uint32_t port, uint32_t wait, struct number_or_errno *result);
NET("listeners") void net_listeners(struct numbers *result);
NET("listen") void net_listen(const char *address, size_t len, uint32_t port, struct number_or_errno *result);
NET("accept") void net_accept(uint32_t listener, uint32_t wait, struct number_or_errno *result);
NET("send") void net_send(uint32_t socket, const char *data, size_t len, uint32_t wait, struct number_or_errno *result);
NET("receive") void net_receive(uint32_t socket, uint32_t len, uint32_t peek, uint32_t wait, struct bytes_or_errno *result);
NET("bind") void net_bind(const char *address, size_t len, uint32_t port, struct number_or_errno *result);
NET("send-to")
void net_send_to(uint32_t socket, const char *data, size_t len, const char *host, size_t host_len, uint32_t port,
                 struct number_or_errno *result);
NET("receive-from") void net_receive_from(uint32_t socket, uint32_t len, uint32_t wait, struct datagram_or_errno *result);
NET("local") void net_local(uint32_t socket, struct endpoint_or_errno *result);
NET("peer") void net_peer(uint32_t socket, struct endpoint_or_errno *result);
NET("shutdown") void net_shutdown(uint32_t socket, uint32_t receiving, uint32_t sending, struct nothing_or_errno *result);
NET("close") void net_close(uint32_t socket);
NET("poll")
void net_poll(const struct subscription *at, size_t len, uint32_t timed, uint64_t nanoseconds, struct bytes_or_errno *result);
