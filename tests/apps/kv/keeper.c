// Keeps buckets, each a list of entries. A bucket that may not be written to refuses that.

#include "keeper.h"
#include <stdlib.h>
#include <string.h>

#define MOST 8

struct exports_demo_kv_store_bucket_t {
    exports_demo_kv_store_access_t access;
    uint32_t count;
    exports_demo_kv_store_entry_t entries[MOST];
};
typedef exports_demo_kv_store_bucket_t bucket;

static uint32_t alive;

static bucket *make(exports_demo_kv_store_access_t access)
{
    bucket *it = calloc(1, sizeof *it);
    it->access = access;
    alive++;
    return it;
}

static bool same(const keeper_string_t *a, const keeper_string_t *b)
{
    return a->len == b->len && memcmp(a->ptr, b->ptr, a->len) == 0;
}

static exports_demo_kv_store_entry_t *find(bucket *it, const keeper_string_t *key)
{
    for (uint32_t i = 0; i < it->count; i++)
        if (same(&it->entries[i].key, key))
            return &it->entries[i];
    return NULL;
}

static void *copy(const void *from, size_t size)
{
    void *to = malloc(size ? size : 1);
    return memcpy(to, from, size);
}

void exports_demo_kv_store_bucket_destructor(bucket *it)
{
    for (uint32_t i = 0; i < it->count; i++)
        exports_demo_kv_store_entry_free(&it->entries[i]);
    free(it);
    alive--;
}

exports_demo_kv_store_own_bucket_t exports_demo_kv_store_constructor_bucket(keeper_string_t *name)
{
    keeper_string_free(name);
    return exports_demo_kv_store_bucket_new(
        make(EXPORTS_DEMO_KV_STORE_ACCESS_READ | EXPORTS_DEMO_KV_STORE_ACCESS_WRITE));
}

bool exports_demo_kv_store_static_bucket_open(keeper_string_t *name, exports_demo_kv_store_access_t access,
    exports_demo_kv_store_own_bucket_t *ret, exports_demo_kv_store_error_t *err)
{
    if (access == 0) {
        err->tag = EXPORTS_DEMO_KV_STORE_ERROR_MISSING;
        err->val.missing = *name;
        return false;
    }
    keeper_string_free(name);
    *ret = exports_demo_kv_store_bucket_new(make(access));
    return true;
}

bool exports_demo_kv_store_method_bucket_get(bucket *self, keeper_string_t *key, keeper_option_list_u8_t *ret,
    exports_demo_kv_store_error_t *err)
{
    exports_demo_kv_store_entry_t *found = find(self, key);
    keeper_string_free(key);
    if (!(self->access & EXPORTS_DEMO_KV_STORE_ACCESS_READ)) {
        err->tag = EXPORTS_DEMO_KV_STORE_ERROR_DENIED;
        err->val.denied = EXPORTS_DEMO_KV_STORE_ACCESS_READ;
        return false;
    }
    ret->is_some = found != NULL;
    if (found) {
        ret->val.ptr = copy(found->value.ptr, found->value.len);
        ret->val.len = found->value.len;
    }
    return true;
}

bool exports_demo_kv_store_method_bucket_set(bucket *self, exports_demo_kv_store_entry_t *entry,
    exports_demo_kv_store_error_t *err)
{
    if (!(self->access & EXPORTS_DEMO_KV_STORE_ACCESS_WRITE)) {
        err->tag = EXPORTS_DEMO_KV_STORE_ERROR_DENIED;
        err->val.denied = EXPORTS_DEMO_KV_STORE_ACCESS_WRITE;
    } else if (self->count == MOST) {
        err->tag = EXPORTS_DEMO_KV_STORE_ERROR_FULL;
    } else {
        self->entries[self->count++] = *entry;
        return true;
    }
    exports_demo_kv_store_entry_free(entry);
    return false;
}

void exports_demo_kv_store_method_bucket_entries(bucket *self, exports_demo_kv_store_order_t order,
    exports_demo_kv_store_list_entry_t *ret)
{
    ret->len = self->count;
    ret->ptr = malloc((self->count + 1) * sizeof *ret->ptr);
    for (uint32_t i = 0; i < self->count; i++) {
        bool up = order == EXPORTS_DEMO_KV_STORE_ORDER_ASCENDING;
        exports_demo_kv_store_entry_t *from = &self->entries[up ? i : self->count - 1 - i], *to = &ret->ptr[i];
        to->key.ptr = copy(from->key.ptr, from->key.len);
        to->key.len = from->key.len;
        to->value.ptr = copy(from->value.ptr, from->value.len);
        to->value.len = from->value.len;
    }
}

void exports_demo_kv_store_method_bucket_absorb(bucket *self, exports_demo_kv_store_own_bucket_t other)
{
    bucket *from = exports_demo_kv_store_bucket_rep(other);
    while (from->count > 0 && self->count < MOST)
        self->entries[self->count++] = from->entries[--from->count];
    exports_demo_kv_store_bucket_drop_own(other);
}

void exports_demo_kv_store_size(bucket *of, keeper_tuple2_u32_u64_t *ret)
{
    ret->f0 = of->count;
    ret->f1 = 0;
    for (uint32_t i = 0; i < of->count; i++)
        ret->f1 += of->entries[i].value.len;
}

uint32_t exports_demo_kv_store_alive(void) { return alive; }
