// The application: it asks one library twice what it found, and another one what it has.

#include "../wallet/abi.h"

IMPORT("$root", "run") void run(struct outcome *result);
IMPORT("$root", "look") void look(struct text *result);

int main(void) {
    struct text text;
    for (int i = 0; i < 2; i++) {
        struct outcome found;
        run(&found);
        printf("%s%.*s--\n", found.failed ? "failed: " : "", SHOWN(found.text));
        drop(found.text);
    }
    look(&text);
    printf("witness: %.*s\n", SHOWN(text));
    return 0;
}
