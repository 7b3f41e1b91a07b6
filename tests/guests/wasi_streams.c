// What the standard streams are, as a program sees them.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int main(void) {
    char report[512];
    int used = 0;
    for (int fd = 0; fd < 3; fd++) {
        struct stat status;
        errno = 0;
        int tty = isatty(fd);
        const char *why = tty ? "terminal" : strerror(errno);
        const char *kind = fstat(fd, &status) != 0     ? "closed"
                           : S_ISCHR(status.st_mode)   ? "character device"
                           : S_ISREG(status.st_mode)   ? "file"
                           : S_ISFIFO(status.st_mode)  ? "pipe"
                           : S_ISSOCK(status.st_mode)  ? "socket"
                                                       : "other";
        long long place = lseek(fd, 0, SEEK_CUR);
        used += snprintf(report + used, sizeof report - used, "%d: %s, %s, %s\n", fd, kind, why,
                         place >= 0 ? "seeks" : strerror(errno));
    }
    char line[64];
    while (fgets(line, sizeof line, stdin))
        printf("in: %s", line);
    printf("%s", feof(stdin) ? "end\n" : "error\n");
    fflush(stdout);
    // Where standard error goes nowhere, the program goes on.
    fputs(report, stderr);
    return ferror(stderr) ? 3 : 0;
}
