// Has two libraries spend what it lent to both: its arguments are a port, and what they do, as `left 60 right 40 left die`.

#include "../wallet/abi.h"

struct count {
    bool failed;
    int32_t number;
};

IMPORT("test:holder/left", "spend") void left_spend(uint32_t port, uint32_t bytes, struct count *result);
IMPORT("test:holder/left", "die") int left_die(void);
IMPORT("test:holder/right", "spend") void right_spend(uint32_t port, uint32_t bytes, struct count *result);
IMPORT("test:holder/right", "die") int right_die(void);

int main(int argc, char **argv) {
    uint32_t port = argc > 1 ? (uint32_t)atoi(argv[1]) : 0;
    for (int i = 2; i + 1 < argc; i += 2) {
        bool left = strcmp(argv[i], "left") == 0;
        if (strcmp(argv[i + 1], "die") == 0) {
            printf("%s %s\n", argv[i], (left ? left_die : right_die)() ? "is dead" : "lives");
            continue;
        }
        struct count count;
        (left ? left_spend : right_spend)(port, (uint32_t)atoi(argv[i + 1]), &count);
        if (count.failed) printf("%s is gone\n", argv[i]);
        else printf("%s %d\n", argv[i], (int)count.number);
    }
    return 0;
}
