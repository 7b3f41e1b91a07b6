// It drives the person's terminal: clears it, sets its title, asks it to answer, and writes over what was there.

#include "notify.h"

static void attack(void) {
    printf("\x1b[2J\x1b]0;wallet: all is well\x07\x1b[6n\x9b" "31mred\rwallet: address 0000000000000000\n");
}
