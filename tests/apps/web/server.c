// An HTTP/1.1 server on the sockets that listen from the beginning: answers as many requests as its argument says, several at
// a time.

#include "net.h"
#include <ctype.h>

enum { MOST = 64 };

// Connections, and what of their requests has come.
static struct {
    uint32_t socket;
    size_t len;
    char request[2048];
} connections[MOST];

static size_t open_connections;

static void answer(size_t i) {
    char path[64] = "", answer[512];
    sscanf(connections[i].request, "GET %63s", path);
    char body[128];
    int len = snprintf(body, sizeof body, "hello, you asked for %s\n", path);
    int size = snprintf(answer, sizeof answer,
                        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
                        len, body);
    struct number_or_errno sent;
    net_send(connections[i].socket, answer, (size_t)size, true, &sent);
}

// Takes what has come; whether the connection is done with.
static bool serve(size_t i) {
    struct bytes_or_errno got;
    size_t room = sizeof connections[i].request - 1 - connections[i].len;
    net_receive(connections[i].socket, (uint32_t)room, false, false, &got);
    if (got.failed) return got.error != 6; // again
    memcpy(connections[i].request + connections[i].len, got.bytes.at, got.bytes.len);
    connections[i].len += got.bytes.len;
    connections[i].request[connections[i].len] = 0;
    drop(got.bytes);
    bool whole = strstr(connections[i].request, "\r\n\r\n") != NULL;
    if (whole) answer(i);
    return whole || got.bytes.len == 0 || got.bytes.len == room;
}

int main(int argc, char **argv) {
    int left = argc > 1 ? atoi(argv[1]) : 1;
    struct numbers listeners;
    net_listeners(&listeners);
    if (listeners.len == 0) {
        fprintf(stderr, "server: nothing to listen on was granted\n");
        return 1;
    }
    struct endpoint_or_errno local;
    net_local(listeners.at[0], &local);
    printf("listening on %.*s:%d\n", SHOWN(local.endpoint.address), local.endpoint.port);
    fflush(stdout);
    while (left > 0) {
        struct subscription waits[1 + MOST] = {{listeners.at[0], READ}};
        for (size_t i = 0; i < open_connections; i++) waits[1 + i] = (struct subscription){connections[i].socket, READ};
        struct bytes_or_errno ready;
        net_poll(waits, 1 + open_connections, false, 0, &ready);
        if (ready.failed) return 1;
        for (size_t i = open_connections; i-- > 0;) {
            if (ready.bytes.at[1 + i] == 0 || !serve(i)) continue;
            net_close(connections[i].socket);
            connections[i] = connections[--open_connections];
            left--;
        }
        if (ready.bytes.at[0] != 0 && open_connections < MOST) {
            struct number_or_errno accepted;
            net_accept(listeners.at[0], false, &accepted);
            if (!accepted.failed) {
                connections[open_connections].socket = accepted.number;
                connections[open_connections++].len = 0;
            }
        }
        drop(ready.bytes);
    }
    return 0;
}
