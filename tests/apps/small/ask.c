// Asks a probe what it sees, and what it can do below the folders that the arguments name.

#include "../wallet/abi.h"

IMPORT("test:probe/probe", "rights") void rights(const char *at, size_t len, struct text *result);
IMPORT("test:probe/probe", "sight") void sight(struct text *result);

int main(int argc, char **argv) {
    struct text said;
    if (argc < 2) {
        sight(&said);
        printf("%.*s\n", SHOWN(said));
    }
    for (int i = 1; i < argc; i++) {
        rights(argv[i], strlen(argv[i]), &said);
        printf("%s: %.*s\n", argv[i], SHOWN(said));
    }
    return 0;
}
