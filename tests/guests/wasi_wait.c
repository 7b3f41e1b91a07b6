// Waiting: for standard input, and for times. Says what came; how long it took is for whoever started it.
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/select.h>
#include <time.h>
#include <unistd.h>

static void told(const char *what, int result, int set) {
    if (result < 0)
        printf("%s: %s\n", what, strerror(errno));
    else
        printf("%s: %d%s\n", what, result, set ? ", standard input" : "");
    fflush(stdout);
}

static int elapsed(struct timespec since) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int)((now.tv_sec - since.tv_sec) * 1000 + (now.tv_nsec - since.tv_nsec) / 1000000);
}

int main(void) {
    struct timespec begun, request = {0, 20000000}, left;
    char buffer[16];
    clock_gettime(CLOCK_MONOTONIC, &begun);
    told("nanosleep", nanosleep(&request, &left), 0);
    told("clock_nanosleep", clock_nanosleep(CLOCK_REALTIME, 0, &request, NULL), 0);
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += 1;
    told("clock_nanosleep to a time", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL), 0);
    told("usleep", usleep(1000), 0);
    printf("slept long enough: %s\n", elapsed(begun) >= 1040 ? "yes" : "no");

    // Nothing comes at first.
    struct pollfd input = {0, POLLIN, 0};
    told("poll without waiting", poll(&input, 1, 0), input.revents & POLLIN);
    told("poll for 20 ms", poll(&input, 1, 20), input.revents & POLLIN);
    fd_set set;
    FD_ZERO(&set);
    FD_SET(0, &set);
    struct timeval short_time = {0, 20000};
    told("select for 20 ms", select(1, &set, NULL, NULL, &short_time), FD_ISSET(0, &set));
    printf("now\n");
    fflush(stdout);

    // Now it does.
    input.revents = 0;
    told("poll for an hour", poll(&input, 1, 3600 * 1000), input.revents & POLLIN);
    FD_ZERO(&set);
    FD_SET(0, &set);
    struct timeval long_time = {3600, 0};
    told("select for an hour", select(1, &set, NULL, NULL, &long_time), FD_ISSET(0, &set));
    told("read", (int)read(0, buffer, sizeof buffer), 0);
    printf("end\n");
    fflush(stdout);
    told("poll for ever", poll(&input, 1, -1), 0);
    told("read the end", (int)read(0, buffer, sizeof buffer), 0);
    struct pollfd output = {1, POLLOUT, 0};
    told("poll for writing", poll(&output, 1, 1000), 0);
    printf("%s\n", output.revents == POLLOUT ? "can be written" : "can't be written");
    return 0;
}
