// Serves connections on the listening socket with the number that is the first argument, as many as the second says: each
// line comes back in capitals, and a count when the other side has said all.
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void must(int good, const char *what) {
    if (!good) {
        fprintf(stderr, "%s: %s\n", what, strerror(errno));
        exit(1);
    }
}

static void serve(int connection) {
    char buffer[256], answer[32];
    int lines = 0;
    ssize_t peeked = recv(connection, buffer, 1, MSG_PEEK);
    must(peeked >= 0, "recv with MSG_PEEK");
    printf("begins with %.*s\n", (int)peeked, buffer);
    for (;;) {
        struct pollfd wait = {connection, POLLIN, 0};
        must(poll(&wait, 1, 60000) == 1, "poll a connection");
        ssize_t size = recv(connection, buffer, sizeof buffer, 0);
        must(size >= 0, "recv");
        if (size == 0)
            break;
        for (ssize_t i = 0; i < size; i++) {
            lines += buffer[i] == '\n';
            buffer[i] = (char)toupper((unsigned char)buffer[i]);
        }
        must(send(connection, buffer, size, 0) == size, "send");
    }
    int length = snprintf(answer, sizeof answer, "%d lines\n", lines);
    must(write(connection, answer, length) == length, "write");
    must(shutdown(connection, SHUT_WR) == 0, "shutdown");
    must(send(connection, "x", 1, 0) == -1 && errno == EPIPE, "send after shutdown");
    must(close(connection) == 0, "close");
}

int main(int argc, char **argv) {
    if (argc != 3)
        return 2;
    int listener = atoi(argv[1]), count = atoi(argv[2]);
    for (int served = 0; served < count; served++) {
        struct pollfd wait = {listener, POLLIN, 0};
        must(poll(&wait, 1, 60000) == 1 && wait.revents & POLLIN, "poll the listener");
        struct sockaddr_storage address;
        socklen_t size = sizeof address;
        int connection = accept(listener, (struct sockaddr *)&address, &size);
        must(connection >= 0, "accept");
        serve(connection);
    }
    // Nobody is left, so there is nothing to wait for.
    must(fcntl(listener, F_SETFL, O_NONBLOCK) == 0, "O_NONBLOCK");
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    int none = accept(listener, (struct sockaddr *)&address, &size);
    printf("then: %s\n", none == -1 ? strerror(errno) : "somebody");
    printf("a file: %s\n", shutdown(0, SHUT_RD) == -1 ? strerror(errno) : "done");
    return 0;
}
