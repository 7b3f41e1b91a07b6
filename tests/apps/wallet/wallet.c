// A wallet: it keeps a seed, trades by a library that it did not write, and unpacks statements by another one.
//
//   wallet [ARCHIVE [FOLDER [CURRENCY]]]    statements.zip and incoming, both in its folder, unless it is told others;
//                                           and what a bitcoin costs in that currency, if it is told one

#include "easydex/trading.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

IMPORT("easydex:exchange/trading", "trade")
void trade(const char *pair_at, size_t pair_len, int32_t side, uint64_t amount, int32_t has_limit, uint64_t limit,
           const char *address_at, size_t address_len, struct traded *result);

IMPORT("demo:unzip/archives", "extract")
void extract(int dst, const char *archive_at, size_t archive_len, struct outcome *result);

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

IMPORT("demo:rates/prices", "price-of")
void price_of(const char *currency_at, size_t currency_len, struct price *result);

// A whole file of the wallet's folder.
static struct text contents(const char *name) {
    char path[256];
    snprintf(path, sizeof path, "/data/%s", name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fprintf(stderr, "wallet: %s: %s\n", name, strerror(errno));
        exit(1);
    }
    struct text text = {malloc(1 << 20), 0};
    if (text.at == NULL) abort();
    text.len = fread(text.at, 1, 1 << 20, file);
    fclose(file);
    return text;
}

// What the rest of the world may know of the seed (FNV-1a; a real wallet would do better).
static void address_of(struct text seed, char address[17]) {
    uint64_t hash = 0xcbf29ce484222325;
    for (size_t i = 0; i < seed.len; i++) hash = (hash ^ (uint8_t)seed.at[i]) * 0x100000001b3;
    snprintf(address, 17, "%016llx", (unsigned long long)hash);
}

int main(int argc, char **argv) {
    const char *archive_name = argc > 1 ? argv[1] : "statements.zip", *folder = argc > 2 ? argv[2] : "incoming";
    struct text seed = contents("seed.txt");
    char address[17];
    address_of(seed, address);
    printf("wallet: address %s\n", address);
    fflush(stdout); // others print, too

    struct text pair = borrowed("KMD/BTC");
    struct traded traded;
    trade(pair.at, pair.len, BUY, 3, true, 5000, address, strlen(address), &traded);
    if (traded.failed) printf("wallet: no trade: %.*s\n", SHOWN(traded.text));
    else printf("wallet: order %u, at %llu\n", traded.receipt.number, traded.receipt.price);
    if (!traded.failed && traded.receipt.has_untold)
        printf("wallet: nobody was told: %.*s\n", SHOWN(traded.receipt.untold));
    fflush(stdout);

    char path[256];
    snprintf(path, sizeof path, "/data/%s", folder);
    int dst = open(path, O_RDONLY | O_DIRECTORY);
    if (dst < 0) {
        fprintf(stderr, "wallet: %s: %s\n", folder, strerror(errno));
        return 1;
    }
    struct text archive = contents(archive_name);
    struct outcome extracted;
    extract(dst, archive.at, archive.len, &extracted);
    close(dst);
    if (extracted.failed) printf("wallet: %s: not extracted: %.*s\n", archive_name, SHOWN(extracted.text));
    else printf("wallet: %s: %u files\n", archive_name, extracted.number);

    if (argc > 3) {
        struct price price;
        price_of(argv[3], strlen(argv[3]), &price);
        if (price.failed) printf("wallet: no price: %.*s\n", SHOWN(price.text));
        else printf("wallet: a bitcoin costs %u %s, as of %llu\n", price.amount, argv[3], price.since);
    }

    struct text again = contents("seed.txt");
    bool same = again.len == seed.len && memcmp(again.at, seed.at, seed.len) == 0;
    printf("wallet: the seed is %s\n", same ? "as it was" : "another one");
    return 0;
}
