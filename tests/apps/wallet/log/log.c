// Appends lines to a file. Several modules call one instance of it; none of them holds its folder.

#include "../abi.h"

EXPORT("demo:log/journal#note") void note(char *at, size_t len) {
    struct text line = {at, len};
    FILE *file = fopen("/journal/log.txt", "a");
    if (file != NULL) {
        fprintf(file, "%.*s\n", SHOWN(line));
        fclose(file);
    }
    drop(line);
}
