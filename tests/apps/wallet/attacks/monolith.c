// How things are without nano-processes: the application and its libraries are one module. What an update of a library
// does then is said by the argument: the same code as in the attacks beside it.

#include "../abi.h"
#include "scan.h"
#include "sweep.h"
#include <unistd.h>

int main(int argc, char **argv) {
    const char *attack = argc > 1 ? argv[1] : "";
    char *seed = calloc(1, 128);
    FILE *file = fopen("/data/seed.txt", "r");
    if (file == NULL || fgets(seed, 128, file) == NULL) return 1;
    fclose(file);

    if (strcmp(attack, "scan") == 0) printf("loot: %s\n", find_seed() != 0 ? "the seed" : "none");
    if (strcmp(attack, "sweep") == 0 && sweep() == 0) printf("loot: none\n");
    if (strcmp(attack, "escapes") == 0) printf("\x1b[2J\n");
    if (strcmp(attack, "exit") == 0) __wasi_proc_exit(7);
    if (strcmp(attack, "close") == 0) close(STDOUT_FILENO);
    printf("wallet: goes on\n");
    return 0;
}
