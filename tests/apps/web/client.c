// An HTTP/1.1 client: prints the body of what the URLs of its arguments name. Plain HTTP.

#include "net.h"
#include <errno.h>
#include <unistd.h>

// Says what is wrong, and ends.
static int failed_to(const char *what, const char *whom, int error) {
    fprintf(stderr, "client: %s %s: %s\n", what, whom, strerror(error));
    return 1;
}

// Reads all that comes, until the other end closes: by preview 1's own call.
static struct text all(int socket) {
    struct text got = {NULL, 0};
    for (;;) {
        char *more = realloc(got.at, got.len + 4096);
        if (more == NULL) abort();
        got.at = more;
        ssize_t len = read(socket, got.at + got.len, 4096);
        if (len <= 0) return got;
        got.len += (size_t)len;
    }
}

static int get(const char *url) {
    if (strncmp(url, "http://", 7) != 0) return failed_to("no URL", url, EINVAL);
    const char *host = url + 7, *path = strchr(host, '/');
    size_t len = path != NULL ? (size_t)(path - host) : strlen(host);
    size_t name = len;
    unsigned port = 80;
    const char *colon = memchr(host, ':', len);
    if (colon != NULL) {
        name = (size_t)(colon - host);
        port = (unsigned)strtoul(colon + 1, NULL, 10);
    }
    struct number_or_errno socket, sent;
    net_connect(host, name, port, true, &socket);
    if (socket.failed) return failed_to("connect to", url, socket.error);
    char *request = NULL;
    int size = asprintf(&request, "GET %s HTTP/1.1\r\nHost: %.*s\r\nConnection: close\r\n\r\n", path != NULL ? path : "/",
                        (int)len, host);
    if (size < 0) abort();
    net_send(socket.number, request, (size_t)size, true, &sent);
    free(request);
    if (sent.failed) return failed_to("send to", url, sent.error);
    struct text answer = all((int)socket.number);
    net_close(socket.number);
    char *body = memmem(answer.at, answer.len, "\r\n\r\n", 4);
    if (body == NULL) return failed_to("no answer from", url, EPROTO);
    fwrite(body + 4, 1, answer.len - (size_t)(body + 4 - answer.at), stdout);
    free(answer.at);
    return 0;
}

int main(int argc, char **argv) {
    int status = 0;
    for (int i = 1; i < argc; i++) status |= get(argv[i]);
    return status;
}
