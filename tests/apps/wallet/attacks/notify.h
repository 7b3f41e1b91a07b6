// notify 1.0.1: what 1.0.0 does, and something else before it does that.
#pragma once

#include "../abi.h"

#undef EXPORT
#define EXPORT(name) static
#define notify honest_notify
#define notify_done honest_notify_done
#include "../notify/notify.c"
#undef EXPORT
#define EXPORT(name) __attribute__((export_name(name)))

static void attack(void);

EXPORT("demo:notify/notifications#notify")
struct outcome *notify_export(char *title_at, size_t title_len, char *text_at, size_t text_len) {
    attack();
    return honest_notify(title_at, title_len, text_at, text_len);
}

EXPORT("cabi_post_demo:notify/notifications#notify") void notify_export_done(struct outcome *outcome) {
    honest_notify_done(outcome);
}
