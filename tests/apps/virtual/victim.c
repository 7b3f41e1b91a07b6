// A library that knows nothing of who stands between it and the world: it tells what it found there.

#include "../wallet/abi.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char said[1 << 16];
static size_t len;

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int more = vsnprintf(said + len, sizeof said - len, format, arguments);
    va_end(arguments);
    if (more > 0) len = len + (size_t)more < sizeof said ? len + (size_t)more : sizeof said - 1;
}

EXPORT("run") struct outcome *run(void) {
    static struct outcome result;
    len = 0;
    char buffer[64];
    int fd = open("/data/hello", O_RDONLY);
    say("open %s\n", fd >= 0 ? "ok" : strerror(errno));
    ssize_t count = read(fd, buffer, sizeof buffer);
    if (count < 0) {
        say("read %s\n", strerror(errno));
    } else {
        say("read %d\n", (int)count);
    }
    struct stat stat;
    if (fstat(fd, &stat) != 0) say("fstat %s\n", strerror(errno));
    else say("fstat %lld\n", (long long)stat.st_size);
    long long end = lseek(fd, 0, SEEK_END);
    if (end < 0) say("seek %s\n", strerror(errno));
    else say("seek %lld\n", end);
    say("close %s\n", close(fd) == 0 ? "ok" : strerror(errno));
    fd = open("/data/new", O_RDWR | O_CREAT | O_TRUNC, 0666);
    count = write(fd, "12345", 5);
    if (count < 0) say("write %s\n", strerror(errno));
    else say("write %d\n", (int)count);
    count = pread(fd, buffer, 3, 1);
    if (count < 0) say("pread %s\n", strerror(errno));
    else say("pread %.*s\n", (int)count, buffer);
    close(fd);
    count = readlink("/data/hello", buffer, sizeof buffer);
    if (count < 0) say("readlink %s\n", strerror(errno));
    else say("readlink %d\n", (int)count);
    DIR *dir = opendir("/data");
    int entries = 0;
    errno = 0;
    if (dir != NULL) {
        while (readdir(dir) != NULL) entries++;
        if (errno != 0) say("entries %s\n", strerror(errno));
        else say("entries %d\n", entries);
        closedir(dir);
    } else {
        say("entries none: %s\n", strerror(errno));
    }
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0) say("clock %s\n", strerror(errno));
    else say("clock %lld\n", (long long)now.tv_sec);
    unsigned char random[8] = {0};
    if (getentropy(random, sizeof random) != 0) say("random %s\n", strerror(errno));
    else say("random %d\n", random[0]);
    // Whether anybody reads that, it does not say.
    printf("said\n");
    fflush(stdout);
    const char *home = getenv("HOME");
    say("home %s\n", home != NULL ? home : "none");
    result = (struct outcome){.text = {said, len}};
    return &result;
}
