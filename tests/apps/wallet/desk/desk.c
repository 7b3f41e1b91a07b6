// The network, as a legacy library gets it: one server with one page for each currency that the wallet knows of. It is an
// ordinary module, and holds nothing: there is no network behind it.

#include "../abi.h"
#include "virt.h"

static const struct {
    const char *currency;
    unsigned price;
} PRICES[] = {{"EUR", 61250}, {"USD", 66100}, {"CHF", 58400}};

// One connection at a time is enough for whom this is for: what was asked, and what is left of the answer.
static char asked[256], answer[256];
static size_t asked_len, answered, answer_len;
static bool connected;

// What cabi_realloc allocated for a parameter, and is this module's to free.
static void done_with(const void *at, size_t len) {
    drop((struct text){(char *)at, len});
}

virt_u32_result *virt_net_connect(const char *host, uint32_t host_len, uint32_t port, uint32_t wait) {
    (void)wait;
    static virt_u32_result result;
    static const char *const name = "rates.example";
    bool known = host_len == strlen(name) && memcmp(host, name, host_len) == 0 && port == 80;
    done_with(host, host_len);
    result = (virt_u32_result){0};
    if (!known || connected) {
        result.failed = true;
        result.error = known ? VIRT_MFILE : VIRT_HOSTUNREACH;
        return &result;
    }
    connected = true;
    asked_len = answered = answer_len = 0;
    result.value = 1;
    return &result;
}

virt_u32_result *virt_net_send(uint32_t socket, const uint8_t *data, uint32_t len, uint32_t wait) {
    (void)wait;
    static virt_u32_result result;
    result = (virt_u32_result){.failed = socket != 1 || !connected, .error = VIRT_BADF};
    if (!result.failed) {
        // A request that is longer is answered as far as it was read.
        size_t room = sizeof asked - 1 - asked_len, taken = len < room ? len : room;
        memcpy(asked + asked_len, data, taken);
        asked_len += taken;
        asked[asked_len] = 0;
        result.value = len;
    }
    done_with(data, len);
    return &result;
}

// Answers when the request is whole.
static void serve(void) {
    char currency[8], body[16] = "";
    if (answer_len != 0 || strstr(asked, "\r\n\r\n") == NULL) return;
    const char *status = "404 Not Found";
    if (sscanf(asked, "GET /%7[A-Z] ", currency) == 1)
        for (size_t i = 0; i < sizeof PRICES / sizeof *PRICES; i++)
            if (strcmp(currency, PRICES[i].currency) == 0) {
                status = "200 OK";
                snprintf(body, sizeof body, "%u\n", PRICES[i].price);
            }
    answer_len = (size_t)snprintf(answer, sizeof answer, "HTTP/1.0 %s\r\nContent-Length: %zu\r\n\r\n%s", status,
                                  strlen(body), body);
}

virt_bytes_result *virt_net_receive(uint32_t socket, uint32_t len, uint32_t peek, uint32_t wait) {
    (void)wait;
    static virt_bytes_result result;
    result = (virt_bytes_result){.failed = socket != 1 || !connected, .error = VIRT_BADF};
    if (result.failed) return &result;
    serve();
    size_t left = answer_len - answered, given = len < left ? len : left;
    result.value = (virt_bytes){(const uint8_t *)answer + answered, given};
    if (!peek) answered += given;
    return &result;
}

void virt_net_close(uint32_t socket) {
    if (socket == 1) connected = false;
}

// All that is asked for can be done at once.
virt_bytes_result *virt_net_poll(const virt_subscription *subscriptions, uint32_t len, uint32_t timed, uint64_t timeout) {
    (void)timed, (void)timeout;
    static uint8_t ready[64];
    static virt_bytes_result result;
    result = (virt_bytes_result){.failed = len > sizeof ready, .error = VIRT_INVAL};
    for (uint32_t i = 0; i < len && !result.failed; i++) ready[i] = subscriptions[i].interest;
    if (!result.failed) result.value = (virt_bytes){ready, len};
    done_with(subscriptions, len);
    return &result;
}

// ---- What this network does not have ---------------------------------------------------------------------------------

#define REFUSED(type, number)                                                                                          \
    static type result;                                                                                                \
    result = (type){.failed = true, .error = number};                                                                  \
    return &result

virt_strings_result *virt_net_resolve(const char *name, uint32_t name_len) {
    done_with(name, name_len);
    REFUSED(virt_strings_result, VIRT_NOTCAPABLE);
}

virt_sockets *virt_net_listeners(void) {
    static virt_sockets none;
    return &none;
}

virt_u32_result *virt_net_listen(const char *address, uint32_t address_len, uint32_t port) {
    (void)port;
    done_with(address, address_len);
    REFUSED(virt_u32_result, VIRT_NOTCAPABLE);
}

virt_u32_result *virt_net_bind(const char *address, uint32_t address_len, uint32_t port) {
    return virt_net_listen(address, address_len, port);
}

virt_u32_result *virt_net_accept(uint32_t listener, uint32_t wait) {
    (void)listener, (void)wait;
    REFUSED(virt_u32_result, VIRT_BADF);
}

virt_u32_result *virt_net_send_to(uint32_t socket, const uint8_t *data, uint32_t len, const char *host,
                                  uint32_t host_len, uint32_t port) {
    (void)socket, (void)port;
    done_with(data, len);
    done_with(host, host_len);
    REFUSED(virt_u32_result, VIRT_NOTSUP);
}

virt_datagram_result *virt_net_receive_from(uint32_t socket, uint32_t len, uint32_t wait) {
    (void)socket, (void)len, (void)wait;
    REFUSED(virt_datagram_result, VIRT_NOTSUP);
}

virt_endpoint_result *virt_net_local(uint32_t socket) {
    (void)socket;
    REFUSED(virt_endpoint_result, VIRT_NOTSUP);
}

virt_endpoint_result *virt_net_peer(uint32_t socket) {
    return virt_net_local(socket);
}

virt_result *virt_net_shutdown(uint32_t socket, uint32_t receiving, uint32_t sending) {
    (void)socket, (void)receiving, (void)sending;
    static virt_result done;
    return &done;
}
