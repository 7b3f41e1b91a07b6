// Prints the arguments after the program's name, and the environment.
#include <stdio.h>
#include <stdlib.h>

extern char **environ;

int main(int argc, char **argv) {
    printf("%d arguments\n", argc - 1);
    for (int i = 1; i < argc; i++)
        printf("[%s]\n", argv[i]);
    for (char **entry = environ; *entry; entry++)
        printf("{%s}\n", *entry);
    const char *home = getenv("HOME");
    printf("HOME %s\n", home ? home : "is not set");
    return argv[argc] != NULL;
}
