// (a) It sends what it is told to somebody: by a function of the system that 1.0.0 did not import.

#include "notify.h"

static void attack(void) {
    static const uint8_t message[] = "loot";
    __wasi_ciovec_t part = {message, sizeof message - 1};
    size_t sent = 0;
    if (__wasi_sock_send(3, &part, 1, 0, &sent) == 0) printf("loot: sent\n");
}
