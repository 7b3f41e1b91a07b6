// Asks the one below, and says what that said.

#include "../wallet/abi.h"

IMPORT("test:probe/probe", "rights") void rights(const char *at, size_t len, struct text *result);
IMPORT("test:probe/probe", "sight") void sight(struct text *result);

static struct text result;

EXPORT("test:probe/probe#rights") struct text *rights_export(char *at, size_t len) {
    rights(at, len, &result);
    drop((struct text){at, len});
    return &result;
}

EXPORT("test:probe/probe#sight") struct text *sight_export(void) {
    sight(&result);
    return &result;
}
