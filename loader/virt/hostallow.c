// Passes on what reaches the hosts that ALLOW names, of the network that the module itself has.
//
// ALLOW is "api.example:443,*.example.org,192.0.2.7,[2001:db8::1]:80": a name or address, and a port, else any. `*.` stands
// for one or more labels. Without it nothing is passed on. An address that a name was looked up to is as good as the name.
// Nobody is listened to; a socket for datagrams is bound to any port, and hears who answers.
#include "base.h"

#define MAX_HOST 253u

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool same_host(const char *a, const char *b, uint32_t len) {
    for (uint32_t i = 0; i < len; i++) {
        if (lower(a[i]) != lower(b[i])) return false;
    }
    return true;
}

// Whether a pattern of `end` bytes is of that host; `port` 0: whatever the port is.
static bool matches(const char *pattern, uint32_t end, const char *host, uint32_t len, uint32_t port) {
    uint32_t begin = 0, stop = end, after = end;
    if (end != 0 && pattern[0] == '[') {
        begin = 1;
        for (stop = 1; stop < end && pattern[stop] != ']'; stop++) {}
        if (stop == end) return false;
        after = stop + 1;
    } else {
        uint32_t colons = 0;
        for (uint32_t i = 0; i < end; i++) {
            if (pattern[i] == ':') after = i, colons++;
        }
        // More than one are of an address without a port.
        if (colons != 1) after = end;
        stop = after;
    }
    if (after < end) {
        uint32_t number = 0;
        if (pattern[after] != ':' || after + 1 == end || end - after > 6) return false;
        for (uint32_t i = after + 1; i < end; i++) {
            if (pattern[i] < '0' || pattern[i] > '9') return false;
            number = number * 10 + (uint32_t)(pattern[i] - '0');
        }
        if (port != 0 && number != port) return false;
    }
    const char *name = pattern + begin;
    uint32_t fixed = stop - begin;
    if (fixed == 1 && name[0] == '*') return true;
    if (fixed >= 2 && name[0] == '*' && name[1] == '.') {
        return len > fixed - 1 && same_host(host + len - (fixed - 1), name + 1, fixed - 1);
    }
    return fixed != 0 && len == fixed && same_host(host, name, len);
}

static bool listed(const char *host, uint32_t len, uint32_t port) {
    const char *list = setting("ALLOW");
    if (list == NULL || len == 0 || len > MAX_HOST || !is_text(host, len)) return false;
    // A name may end in the root's dot.
    if (host[len - 1] == '.' && --len == 0) return false;
    while (*list != 0) {
        uint32_t end = 0;
        while (list[end] != 0 && list[end] != ',') end++;
        if (matches(list, end, host, len, port)) return true;
        list += end + (list[end] == ',');
    }
    return false;
}

// ---- What names were looked up to ------------------------------------------------------------------------------------

#define MAX_ADDRESS 45u
#define REMEMBERED 128u

static struct {
    char address[MAX_ADDRESS], host[MAX_HOST];
    uint8_t address_len, host_len;
} remembered[REMEMBERED];
static uint32_t next_remembered;

static void remember(const char *host, uint32_t host_len, virt_string address) {
    if (address.len > MAX_ADDRESS) return;
    uint32_t i = next_remembered++ % REMEMBERED;
    copy(remembered[i].address, address.at, address.len);
    copy(remembered[i].host, host, host_len);
    remembered[i].address_len = (uint8_t)address.len;
    remembered[i].host_len = (uint8_t)host_len;
}

static bool allowed(const char *host, uint32_t len, uint32_t port) {
    if (port == 0) return false;
    if (listed(host, len, port)) return true;
    for (uint32_t i = 0; i < REMEMBERED; i++) {
        if (remembered[i].address_len == len && len != 0 && same_host(remembered[i].address, host, len)
            && listed(remembered[i].host, remembered[i].host_len, port)) return true;
    }
    return false;
}

// ---- The interface ---------------------------------------------------------------------------------------------------

static virt_u32_result u32_result;
static virt_bytes_result bytes_result;
static virt_endpoint_result endpoint_result;

static virt_u32_result *refused(void) {
    u32_result.failed = true;
    u32_result.error = VIRT_NOTCAPABLE;
    return &u32_result;
}

virt_strings_result *virt_net_resolve(const char *name, uint32_t name_len) {
    static virt_strings_result result;
    call_begins();
    if (!listed(name, name_len, 0)) {
        result.failed = true;
        result.error = VIRT_NOTCAPABLE;
        return &result;
    }
    // The name is needed when the answer is there.
    arena_keep(true);
    virt_import_net_resolve(name, name_len, &result);
    arena_keep(false);
    for (uint32_t i = 0; !result.failed && i < result.value.len; i++) remember(name, name_len, result.value.at[i]);
    return &result;
}

virt_u32_result *virt_net_connect(const char *host, uint32_t host_len, uint32_t port, uint32_t wait) {
    call_begins();
    if (!allowed(host, host_len, port)) return refused();
    virt_import_net_connect(host, host_len, port, wait, &u32_result);
    return &u32_result;
}

virt_sockets *virt_net_listeners(void) {
    static virt_sockets none;
    call_begins();
    return &none;
}

virt_u32_result *virt_net_listen(const char *address, uint32_t address_len, uint32_t port) {
    call_begins();
    (void)address, (void)address_len, (void)port;
    return refused();
}

virt_u32_result *virt_net_accept(uint32_t listener, uint32_t wait) {
    call_begins();
    (void)listener, (void)wait;
    return refused();
}

virt_u32_result *virt_net_send(uint32_t socket, const uint8_t *data, uint32_t len, uint32_t wait) {
    call_begins();
    virt_import_net_send(socket, data, len, wait, &u32_result);
    return &u32_result;
}

virt_bytes_result *virt_net_receive(uint32_t socket, uint32_t len, uint32_t peek, uint32_t wait) {
    call_begins();
    virt_import_net_receive(socket, len, peek, wait, &bytes_result);
    return &bytes_result;
}

virt_u32_result *virt_net_bind(const char *address, uint32_t address_len, uint32_t port) {
    call_begins();
    if (port != 0) return refused();
    virt_import_net_bind(address, address_len, port, &u32_result);
    return &u32_result;
}

virt_u32_result *virt_net_send_to(uint32_t socket, const uint8_t *data, uint32_t len, const char *host,
                                  uint32_t host_len, uint32_t port) {
    call_begins();
    if (!allowed(host, host_len, port)) return refused();
    virt_import_net_send_to(socket, data, len, host, host_len, port, &u32_result);
    return &u32_result;
}

virt_datagram_result *virt_net_receive_from(uint32_t socket, uint32_t len, uint32_t wait) {
    static virt_datagram_result result;
    call_begins();
    virt_import_net_receive_from(socket, len, wait, &result);
    return &result;
}

virt_endpoint_result *virt_net_local(uint32_t socket) {
    call_begins();
    virt_import_net_local(socket, &endpoint_result);
    return &endpoint_result;
}

virt_endpoint_result *virt_net_peer(uint32_t socket) {
    call_begins();
    virt_import_net_peer(socket, &endpoint_result);
    return &endpoint_result;
}

virt_result *virt_net_shutdown(uint32_t socket, uint32_t receiving, uint32_t sending) {
    static virt_result result;
    call_begins();
    virt_import_net_shutdown(socket, receiving, sending, &result);
    return &result;
}

void virt_net_close(uint32_t socket) {
    call_begins();
    virt_import_net_close(socket);
}

virt_bytes_result *virt_net_poll(const virt_subscription *subscriptions, uint32_t len, uint32_t timed,
                                 uint64_t timeout) {
    call_begins();
    virt_import_net_poll(subscriptions, len, timed, timeout, &bytes_result);
    return &bytes_result;
}
