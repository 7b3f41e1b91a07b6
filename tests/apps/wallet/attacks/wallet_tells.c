// (f) A wallet that hands its seed to the exchange, as an argument. No loader can know that it should not.

#include "../easydex/trading.h"

IMPORT("easydex:exchange/trading", "trade")
void trade(const char *pair_at, size_t pair_len, int32_t side, uint64_t amount, int32_t has_limit, uint64_t limit,
           const char *address_at, size_t address_len, struct traded *result);

int main(void) {
    char seed[128] = {0};
    FILE *file = fopen("/data/seed.txt", "r");
    if (file == NULL || fgets(seed, sizeof seed, file) == NULL) return 1;
    struct traded traded;
    trade("KMD/BTC", 7, BUY, 1, false, 0, seed, strcspn(seed, "\n"), &traded);
    return traded.failed;
}
