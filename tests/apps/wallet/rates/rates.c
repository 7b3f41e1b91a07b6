// What a bitcoin costs: a library as they were written when a library had the run of the machine. It keeps prices on the
// disk, looks at the clock whether they are of today, and asks a server if not. It has no manifest, and was not changed
// for Bailiwick; whoever uses it says what disk, clock and network it gets.

#include "../abi.h"
#include <errno.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define DAY 86400
#define CACHE "/var/cache/rates"

struct price {
    bool failed;
    union {
        struct {
            uint32_t amount;
            uint64_t since;
        };
        struct text text;
    };
};

// result<socket, errno>
struct connected {
    bool failed;
    union {
        int32_t socket;
        uint8_t error;
    };
};

IMPORT("bailiwick:virt/net", "connect")
void net_connect(const char *host_at, size_t host_len, int32_t port, int32_t wait, struct connected *result);

// The price that is on the disk, unless it is from before `oldest`.
static bool remembered(const char *currency, time_t oldest, uint32_t *amount, uint64_t *since) {
    char path[64];
    snprintf(path, sizeof path, CACHE "/%s", currency);
    FILE *file = fopen(path, "r");
    if (file == NULL) return false;
    long long then = 0;
    bool found = fscanf(file, "%u %lld", amount, &then) == 2 && then >= (long long)oldest;
    fclose(file);
    *since = (uint64_t)then;
    return found;
}

static bool remember(const char *currency, uint32_t amount, time_t now) {
    char path[64];
    mkdir("/var", 0777);
    mkdir("/var/cache", 0777);
    mkdir(CACHE, 0777);
    snprintf(path, sizeof path, CACHE "/%s", currency);
    FILE *file = fopen(path, "w");
    if (file == NULL) return false;
    fprintf(file, "%u %lld\n", amount, (long long)now);
    return fclose(file) == 0;
}

// Asks the server; the answer's body is a number.
static const char *asked(const char *currency, uint32_t *amount) {
    static const char *const host = "rates.example";
    struct connected connected;
    net_connect(host, strlen(host), 80, true, &connected);
    if (connected.failed) return strerror(connected.error);
    char request[128], answer[1024];
    int len = snprintf(request, sizeof request, "GET /%s HTTP/1.0\r\nHost: %s\r\n\r\n", currency, host);
    size_t have = 0;
    bool sent = write(connected.socket, request, (size_t)len) == len;
    for (ssize_t got = 1; sent && got > 0 && have < sizeof answer - 1; have += got > 0 ? (size_t)got : 0)
        got = read(connected.socket, answer + have, sizeof answer - 1 - have);
    close(connected.socket);
    answer[have] = 0;
    const char *body = strstr(answer, "\r\n\r\n");
    if (!sent || body == NULL || strncmp(answer, "HTTP/1.", 7) != 0) return "the server said nothing that makes sense";
    if (strncmp(answer + 8, " 200 ", 5) != 0) return "the server does not know it";
    return sscanf(body, "%u", amount) == 1 ? NULL : "the server said no number";
}

static struct price result;

EXPORT("demo:rates/prices#price-of") struct price *price_of(char *currency_at, size_t currency_len) {
    char currency[8] = "";
    if (currency_len < sizeof currency) memcpy(currency, currency_at, currency_len);
    drop((struct text){currency_at, currency_len});
    result = (struct price){0};
    time_t now = time(NULL);
    if (remembered(currency, now - DAY, &result.amount, &result.since)) return &result;
    const char *why = asked(currency, &result.amount);
    if (why == NULL && !remember(currency, result.amount, now)) why = strerror(errno);
    result.since = (uint64_t)now;
    if (why != NULL) {
        struct outcome failure = failed("%s: %s", currency, why);
        result = (struct price){.failed = true, .text = failure.text};
    }
    return &result;
}

EXPORT("cabi_post_demo:rates/prices#price-of") void price_done(struct price *price) {
    if (price->failed) drop(price->text);
}
