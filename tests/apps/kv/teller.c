// Reports on buckets that it is lent, and keeps one that it is given.

#include "teller.h"
#include <stdio.h>
#include <string.h>

static exports_demo_kv_report_own_bucket_t kept;
static bool has;

bool exports_demo_kv_report_summary(exports_demo_kv_report_borrow_bucket_t of, teller_string_t *ret,
    exports_demo_kv_report_error_t *err)
{
    teller_tuple2_u32_u64_t size;
    demo_kv_store_size(of, &size);
    demo_kv_store_bucket_drop_borrow(of);
    char text[64];
    snprintf(text, sizeof text, "fruit: %u entries", (unsigned) size.f0);
    teller_string_dup(ret, text);
    return true;
}

bool exports_demo_kv_report_swap(exports_demo_kv_report_own_bucket_t next, exports_demo_kv_report_own_bucket_t *ret)
{
    bool had = has;
    if (had)
        *ret = kept;
    kept = next;
    has = true;
    return had;
}
