// An exchange: books an order, and has it announced.

#include "trading.h"

// tuple<string, string>
struct pair {
    struct text name, value;
};

IMPORT("demo:format/messages", "announce")
void announce(const char *template_at, size_t template_len, const struct pair *values, size_t count, struct outcome *);

IMPORT("demo:log/journal", "note") void note(const char *at, size_t len);

// The first number that no order has.
static uint32_t book(struct text pair, enum side side, uint64_t amount, uint64_t price, struct text address) {
    for (uint32_t number = 1; number < 1000; number++) {
        char path[64];
        snprintf(path, sizeof path, "/book/%03u.txt", number);
        FILE *file = fopen(path, "wx");
        if (file == NULL) continue;
        const char *verb = side == BUY ? "buy" : "sell";
        fprintf(file, "%s %llu %.*s at %llu for %.*s\n", verb, amount, SHOWN(pair), price, SHOWN(address));
        return fclose(file) == 0 ? number : 0;
    }
    return 0;
}

static struct traded trade(struct text pair, enum side side, uint64_t amount, const uint64_t *limit,
                           struct text address) {
    struct traded traded = {0};
    uint64_t price = limit != NULL && *limit < 4200 ? *limit : 4200;
    uint32_t number = book(pair, side, amount, price, address);
    if (number == 0) {
        traded.failed = true;
        traded.text = failed("the book takes no order").text;
        return traded;
    }
    traded.receipt.number = number;
    traded.receipt.price = price;

    char order[16], sum[32], line[64];
    snprintf(order, sizeof order, "%u", number);
    snprintf(sum, sizeof sum, "%llu", amount * price);
    struct pair values[] = {
        {borrowed("number"), borrowed(order)},
        {borrowed("pair"), pair},
        {borrowed("sum"), borrowed(sum)},
    };
    struct text template = borrowed("trade");
    struct outcome told;
    announce(template.at, template.len, values, 3, &told);
    if (told.failed) {
        traded.receipt.has_untold = true;
        traded.receipt.untold = told.text;
    }
    int len = snprintf(line, sizeof line, "easydex: order %u, %s", number, told.failed ? "untold" : "told");
    note(line, (size_t)len);
    return traded;
}

static struct traded result;

EXPORT("easydex:exchange/trading#trade")
struct traded *trade_export(char *pair_at, size_t pair_len, int32_t side, uint64_t amount, int32_t has_limit,
                            uint64_t limit, char *address_at, size_t address_len) {
    struct text pair = {pair_at, pair_len}, address = {address_at, address_len};
    result = trade(pair, (enum side)side, amount, has_limit ? &limit : NULL, address);
    drop(pair);
    drop(address);
    return &result;
}

EXPORT("cabi_post_easydex:exchange/trading#trade") void trade_done(struct traded *traded) {
    if (traded->failed) drop(traded->text);
    else if (traded->receipt.has_untold) drop(traded->receipt.untold);
}
