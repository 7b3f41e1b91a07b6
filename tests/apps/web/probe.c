// Does with the network what its arguments say, one after the other, and prints what comes of it. For tests.

#include "net.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *name(int error) {
    static char other[16];
    switch (error) {
    case EAGAIN: return "again";
    case EADDRINUSE: return "addrinuse";
    case EBADF: return "badf";
    case ECONNREFUSED: return "connrefused";
    case EDQUOT: return "dquot";
    case EINVAL: return "inval";
    case EMFILE: return "mfile";
    case ENOENT: return "noent";
    case ENOTCAPABLE: return "notcapable";
    case ENOTCONN: return "notconn";
    case ENOTSOCK: return "notsock";
    case EPIPE: return "pipe";
    case ESTALE: return "stale";
    case ETIMEDOUT: return "timedout";
    }
    snprintf(other, sizeof other, "%d", error);
    return other;
}

static const char *said(bool failed, int error) {
    return failed ? name(error) : "ok";
}

static void say(const char *text) {
    printf("%s\n", text);
    fflush(stdout);
}

int main(int argc, char **argv) {
    uint32_t last = 0;
    int at = 1;
#define NEXT (at < argc ? argv[at++] : "")
#define NUMBER ((unsigned)strtoul(NEXT, NULL, 10))
    while (at < argc) {
        const char *what = NEXT;
        printf("%s ", what);
        struct number_or_errno number = {0};
        struct bytes_or_errno bytes = {0};
        if (strcmp(what, "use") == 0) {
            last = NUMBER;
            say("ok");
        } else if (strcmp(what, "connect") == 0 || strcmp(what, "connect-soon") == 0) {
            const char *host = NEXT;
            unsigned port = NUMBER;
            net_connect(host, strlen(host), port, what[7] == 0, &number);
            say(said(number.failed, number.error));
            if (!number.failed) last = number.number;
        } else if (strcmp(what, "resolve") == 0) {
            const char *host = NEXT;
            struct texts_or_errno texts;
            net_resolve(host, strlen(host), &texts);
            for (size_t i = 0; !texts.failed && i < texts.texts.len; i++) printf("%.*s ", SHOWN(texts.texts.at[i]));
            say(said(texts.failed, texts.error));
        } else if (strcmp(what, "send") == 0) {
            const char *data = NEXT;
            net_send(last, data, strlen(data), true, &number);
            if (number.failed) say(name(number.error));
            else printf("%u\n", number.number);
        } else if (strcmp(what, "write") == 0) {
            const char *data = NEXT;
            ssize_t len = write((int)last, data, strlen(data));
            if (len < 0) say(name(errno));
            else printf("%d\n", (int)len);
        } else if (strcmp(what, "flood") == 0) {
            // As many bytes as that, in pieces of 1000.
            unsigned left = NUMBER, done = 0;
            static char piece[1000];
            number.failed = false;
            while (left > 0 && !number.failed) {
                net_send(last, piece, left < sizeof piece ? left : sizeof piece, true, &number);
                if (number.failed) break;
                done += number.number;
                left -= number.number;
            }
            printf("%u %s\n", done, said(number.failed, number.error));
        } else if (strcmp(what, "receive") == 0 || strcmp(what, "peek") == 0 || strcmp(what, "receive-now") == 0) {
            net_receive(last, 4096, what[0] == 'p', what[7] == 0, &bytes);
            if (bytes.failed) say(name(bytes.error));
            else printf("\"%.*s\"\n", SHOWN(bytes.bytes));
        } else if (strcmp(what, "read") == 0) {
            char buffer[4096];
            ssize_t len = read((int)last, buffer, sizeof buffer);
            if (len < 0) say(name(errno));
            else printf("\"%.*s\"\n", (int)len, buffer);
        } else if (strcmp(what, "recv") == 0) {
            char buffer[4096];
            ssize_t len = recv((int)last, buffer, sizeof buffer, MSG_PEEK);
            if (len < 0) say(name(errno));
            else printf("\"%.*s\"\n", (int)len, buffer);
        } else if (strcmp(what, "nonblock") == 0) {
            say(said(fcntl((int)last, F_SETFL, O_NONBLOCK) != 0, errno));
        } else if (strcmp(what, "poll") == 0 || strcmp(what, "net-poll") == 0) {
            // As many sockets as that, the last ones, for reading; and a time in milliseconds.
            unsigned count = NUMBER, time = NUMBER;
            struct pollfd fds[64];
            struct subscription waits[64];
            for (unsigned i = 0; i < count; i++) {
                fds[i] = (struct pollfd){.fd = (int)(last - i), .events = POLLIN};
                waits[i] = (struct subscription){last - i, READ};
            }
            if (what[0] == 'p') {
                int ready = poll(fds, count, (int)time);
                printf("%d:", ready);
                for (unsigned i = 0; i < count; i++) printf(" %d", (fds[i].revents & POLLIN) != 0);
            } else {
                net_poll(waits, count, true, time * 1000000ull, &bytes);
                printf("%s:", said(bytes.failed, bytes.error));
                for (unsigned i = 0; !bytes.failed && i < count; i++) printf(" %d", bytes.bytes.at[i]);
            }
            printf("\n");
        } else if (strcmp(what, "writable") == 0) {
            struct subscription wait = {last, WRITE};
            net_poll(&wait, 1, true, 5000000000ull, &bytes);
            say(bytes.failed ? name(bytes.error) : bytes.bytes.at[0] & WRITE ? "ok" : "no");
        } else if (strcmp(what, "listen") == 0 || strcmp(what, "bind") == 0) {
            const char *address = NEXT;
            unsigned port = NUMBER;
            (what[0] == 'l' ? net_listen : net_bind)(address, strlen(address), port, &number);
            say(said(number.failed, number.error));
            if (!number.failed) last = number.number;
        } else if (strcmp(what, "listeners") == 0) {
            struct numbers numbers;
            net_listeners(&numbers);
            for (size_t i = 0; i < numbers.len; i++) printf("%u ", last = numbers.at[i]);
            say("ok");
        } else if (strcmp(what, "accept") == 0 || strcmp(what, "accept-now") == 0) {
            net_accept(last, what[6] == 0, &number);
            say(said(number.failed, number.error));
            if (!number.failed) last = number.number;
        } else if (strcmp(what, "sock-accept") == 0) {
            int socket = accept((int)last, NULL, NULL);
            say(said(socket < 0, errno));
            if (socket >= 0) last = (uint32_t)socket;
        } else if (strcmp(what, "send-to") == 0) {
            const char *host = NEXT;
            unsigned port = NUMBER;
            const char *data = NEXT;
            net_send_to(last, data, strlen(data), host, strlen(host), port, &number);
            if (number.failed) say(name(number.error));
            else printf("%u\n", number.number);
        } else if (strcmp(what, "receive-from") == 0 || strcmp(what, "receive-from-now") == 0) {
            struct datagram_or_errno got;
            net_receive_from(last, 2048, what[12] == 0, &got);
            if (got.failed) say(name(got.error));
            else printf("\"%.*s\" from %.*s\n", SHOWN(got.datagram.data), SHOWN(got.datagram.sender.address));
        } else if (strcmp(what, "local") == 0 || strcmp(what, "peer") == 0) {
            struct endpoint_or_errno end;
            (what[0] == 'l' ? net_local : net_peer)(last, &end);
            if (end.failed) say(name(end.error));
            else printf("%.*s %d\n", SHOWN(end.endpoint.address), end.endpoint.port);
        } else if (strcmp(what, "shutdown") == 0) {
            struct nothing_or_errno done;
            net_shutdown(last, false, true, &done);
            say(said(done.failed, done.error));
        } else if (strcmp(what, "close") == 0) {
            net_close(last);
            say("ok");
        } else if (strcmp(what, "sleep") == 0) {
            usleep(NUMBER * 1000);
            say("ok");
        } else if (strcmp(what, "trap") == 0) {
            say("now");
            __builtin_trap();
        } else {
            say("what?");
            return 2;
        }
        fflush(stdout);
    }
    return 0;
}
