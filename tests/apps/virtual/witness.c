// A library that has nothing to do with anybody: it reads a file of its own.

#include "../wallet/abi.h"

EXPORT("look") struct text *look(void) {
    static struct text result;
    static char buffer[64];
    FILE *file = fopen("/own/file", "r");
    result = borrowed("nothing");
    if (file != NULL) {
        result = (struct text){buffer, fread(buffer, 1, sizeof buffer, file)};
        fclose(file);
    }
    return &result;
}
