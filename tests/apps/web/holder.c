// A library that holds the network, on one of two sides: so that two can hold parts of the same. For tests.

#include "net.h"

struct count {
    bool failed;
    int32_t number;
};

// Connects, and sends so many bytes in one call: how many, or the errno as a negative number. The connection stays.
EXPORT("test:holder/" SIDE "#spend") struct count *spend(uint32_t port, uint32_t bytes) {
    static struct count count;
    static char data[1000];
    struct number_or_errno socket, sent;
    count = (struct count){false, 0};
    net_connect("127.0.0.1", 9, port, true, &socket);
    if (socket.failed) {
        count.number = -socket.error;
        return &count;
    }
    if (bytes == 0) return &count;
    net_send(socket.number, data, bytes, true, &sent);
    count.number = sent.failed ? -sent.error : (int32_t)sent.number;
    return &count;
}

EXPORT("test:holder/" SIDE "#die") int die(void) {
    __builtin_trap();
}
