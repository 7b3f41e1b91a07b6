// A parent and two children, each with a mark of its own: who sees whose?

#include "spy.h"

IMPORT("test:left/spy", "keep") void left_keep(uint32_t mark);
IMPORT("test:left/spy", "seen") uint32_t left_seen(uint32_t mark);
IMPORT("test:right/spy", "keep") void right_keep(uint32_t mark);
IMPORT("test:right/spy", "seen") uint32_t right_seen(uint32_t mark);

int main(void) {
    keep_mark(1);
    left_keep(2);
    right_keep(3);
    printf("parent: %u %u %u\n", marks_seen(1), marks_seen(2), marks_seen(3));
    printf("left: %u %u %u\n", left_seen(1), left_seen(2), left_seen(3));
    printf("right: %u %u %u\n", right_seen(1), right_seen(2), right_seen(3));
    return 0;
}
