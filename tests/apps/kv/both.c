// Has buckets of two who keep some, and takes those of one for the other's if an argument says so.

#include "both.h"
#include <stdio.h>
#include <string.h>

static both_string_t text(const char *text)
{
    both_string_t it;
    both_string_set(&it, text);
    return it;
}

int main(int argc, char **argv)
{
    const char *wrong = argc > 1 ? argv[1] : "";
    both_string_t name = text("fruit"), value = text("one");
    cache_own_bucket_t cached = cache_constructor_bucket(&name);
    main_own_bucket_t kept = main_constructor_bucket(&name);
    cache_entry_t entry = {text("alpha"), {value.ptr, value.len}};
    cache_error_t error;
    if (!cache_method_bucket_set(cache_borrow_bucket(cached), &entry, &error))
        return 1;
    both_tuple2_u32_u64_t in_cache, in_main;
    cache_size(cache_borrow_bucket(cached), &in_cache);
    main_size(main_borrow_bucket(kept), &in_main);
    printf("cache: %u entries; main: %u\n", (unsigned) in_cache.f0, (unsigned) in_main.f0);

    main_own_bucket_t taken = {cached.__handle};
    if (!strcmp(wrong, "lend"))
        main_size(main_borrow_bucket(taken), &in_main);
    if (!strcmp(wrong, "give"))
        main_method_bucket_absorb(main_borrow_bucket(kept), taken);
    if (!strcmp(wrong, "self"))
        main_method_bucket_set((main_borrow_bucket_t) {cached.__handle}, (main_entry_t *) &entry, (main_error_t *) &error);
    if (!strcmp(wrong, "drop"))
        main_bucket_drop_own(taken);

    cache_bucket_drop_own(cached);
    printf("alive: %u in cache, %u in main\n", (unsigned) cache_alive(), (unsigned) main_alive());
    return 0;
}
