// Uses the buckets of a module that it knows by its WIT only, and has another report on them.

#include "app.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static demo_kv_store_borrow_bucket_t lend(demo_kv_store_own_bucket_t it) { return demo_kv_store_borrow_bucket(it); }

static void set(demo_kv_store_own_bucket_t into, const char *key, const char *value)
{
    demo_kv_store_entry_t entry;
    app_string_set(&entry.key, key);
    entry.value.ptr = (uint8_t *) value;
    entry.value.len = strlen(value);
    demo_kv_store_error_t error;
    if (!demo_kv_store_method_bucket_set(lend(into), &entry, &error))
        printf("%s is not set: %d\n", key, error.tag);
}

int main(void)
{
    app_string_t name;
    app_string_set(&name, "fruit");
    demo_kv_store_own_bucket_t fruit = demo_kv_store_constructor_bucket(&name);
    set(fruit, "alpha", "one");
    set(fruit, "beta", "two");

    demo_kv_store_list_entry_t entries;
    demo_kv_store_method_bucket_entries(lend(fruit), DEMO_KV_STORE_ORDER_DESCENDING, &entries);
    printf("entries:");
    for (size_t i = 0; i < entries.len; i++)
        printf(" %.*s=%.*s", (int) entries.ptr[i].key.len, (char *) entries.ptr[i].key.ptr,
            (int) entries.ptr[i].value.len, (char *) entries.ptr[i].value.ptr);
    demo_kv_store_list_entry_free(&entries);

    app_option_list_u8_t value;
    demo_kv_store_error_t error;
    app_string_set(&name, "alpha");
    demo_kv_store_method_bucket_get(lend(fruit), &name, &value, &error);
    printf("\nalpha: %u bytes", value.is_some ? (unsigned) value.val.len : 0);
    app_string_set(&name, "gamma");
    demo_kv_store_method_bucket_get(lend(fruit), &name, &value, &error);
    printf("; gamma: %s", value.is_some ? "something" : "nothing");

    demo_kv_store_own_bucket_t post;
    app_string_set(&name, "post");
    demo_kv_store_static_bucket_open(&name, DEMO_KV_STORE_ACCESS_WRITE, &post, &error);
    set(post, "delta", "three");
    app_string_set(&name, "delta");
    if (!demo_kv_store_method_bucket_get(lend(post), &name, &value, &error))
        printf("; reading is denied: %d\n", error.val.denied);

    app_tuple2_u32_u64_t size;
    demo_kv_store_size(lend(fruit), &size);
    printf("size: %u entries, %u bytes\n", (unsigned) size.f0, (unsigned) size.f1);

    app_string_t summary;
    if (demo_kv_report_summary(lend(fruit), &summary, &error)) {
        printf("summary: %.*s\n", (int) summary.len, (char *) summary.ptr);
        app_string_free(&summary);
    }

    demo_kv_store_own_bucket_t before;
    printf("kept: %s", demo_kv_report_swap(fruit, &before) ? "something" : "nothing");
    app_string_set(&name, "other");
    if (demo_kv_report_swap(demo_kv_store_constructor_bucket(&name), &fruit)) {
        demo_kv_store_size(lend(fruit), &size);
        printf(", then size %u\n", (unsigned) size.f0);
    }

    demo_kv_store_method_bucket_absorb(lend(fruit), post);
    demo_kv_store_size(lend(fruit), &size);
    // The other one is the teller's.
    printf("absorbed: %u entries, alive %u\n", (unsigned) size.f0, (unsigned) demo_kv_store_alive() - 1);
    demo_kv_store_bucket_drop_own(fruit);
    printf("dropped: alive %u\n", (unsigned) demo_kv_store_alive() - 1);
    return 0;
}
