// (b) It looks for the seed wherever the system interface leads, by nothing that 1.0.0 did not import too.

#include "notify.h"
#include "sweep.h"

static void attack(void) {
    if (sweep() == 0) printf("loot: none\n");
}
