// Fills in templates: `{name}` becomes the value of that name. The first line is the title.

#include "../abi.h"

// tuple<string, string>
struct pair {
    struct text name, value;
};

IMPORT("demo:notify/notifications", "notify")
void notify(const char *title_at, size_t title_len, const char *text_at, size_t text_len, struct outcome *result);

// Fills in `from`; gives the end of what was written.
static char *fill(char *to, char *end, const char *from, const struct pair *values, size_t count) {
    while (*from != '\0' && to < end) {
        const char *close = *from == '{' ? strchr(from, '}') : NULL;
        const struct pair *found = NULL;
        for (size_t i = 0; close != NULL && i < count && found == NULL; i++) {
            size_t len = (size_t)(close - from - 1);
            if (values[i].name.len == len && memcmp(values[i].name.at, from + 1, len) == 0) found = &values[i];
        }
        if (found == NULL) {
            *to++ = *from++;
            continue;
        }
        to += snprintf(to, (size_t)(end - to), "%.*s", SHOWN(found->value));
        if (to > end) to = end;
        from = close + 1;
    }
    return to;
}

static struct outcome announce(struct text template, const struct pair *values, size_t count) {
    char path[128], text[1024] = {0}, filled[2048];
    snprintf(path, sizeof path, "/templates/%.*s.txt", SHOWN(template));
    FILE *file = fopen(path, "r");
    if (file == NULL) return failed("there is no template %.*s", SHOWN(template));
    fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[strcspn(text, "\n")] = '\0';
    char *body = text + strlen(text) + 1;
    body[strcspn(body, "\n")] = '\0';
    char *end = fill(filled, filled + sizeof filled, body, values, count);
    struct outcome result;
    notify(text, strlen(text), filled, (size_t)(end - filled), &result);
    return result;
}

static struct outcome result;

EXPORT("demo:format/messages#announce")
struct outcome *announce_export(char *template_at, size_t template_len, struct pair *values, size_t count) {
    struct text template = {template_at, template_len};
    result = announce(template, values, count);
    drop(template);
    for (size_t i = 0; i < count; i++) drop(values[i].name), drop(values[i].value);
    if (count != 0) free(values);
    return &result;
}

EXPORT("cabi_post_demo:format/messages#announce") void announce_done(struct outcome *outcome) {
    if (outcome->failed) drop(outcome->text);
}
