// easydex:exchange/trading as it lies in memory.
#pragma once

#include "../abi.h"

enum side { BUY, SELL };

// record receipt
struct receipt {
    uint32_t number;
    uint64_t price;
    bool has_untold;
    struct text untold;
};

// result<receipt, string>
struct traded {
    bool failed;
    _Alignas(8) union {
        struct receipt receipt;
        struct text text;
    };
};
