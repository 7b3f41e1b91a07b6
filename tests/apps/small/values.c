// Sends a value of every type there and back, and compares.

#include "values.h"

IMPORT("test:echo/echo", "echo") void echo(const struct everything *value, struct everything *result);

static unsigned wrong;

#define SAME(field) compare(#field, sent->field == got->field)
#define SAME_TEXT(field) \
    compare(#field, sent->field.len == got->field.len && memcmp(sent->field.at, got->field.at, sent->field.len) == 0)

static void compare(const char *name, bool same) {
    if (!same) printf("%s is another one\n", name), wrong++;
}

static void compare_all(const struct everything *sent, const struct everything *got) {
    SAME(yes), SAME(a), SAME(b), SAME(c), SAME(d), SAME(e), SAME(f), SAME(g), SAME(h), SAME(i), SAME(j), SAME(letter);
    SAME_TEXT(text), SAME_TEXT(bytes);
    SAME(wide.len), SAME(wide.at[0]), SAME(wide.at[1]);
    SAME(words.len), SAME_TEXT(words.at[0]), SAME_TEXT(words.at[1]), SAME_TEXT(words.at[2]);
    SAME(pair.number), SAME_TEXT(pair.text);
    SAME(colour), SAME(access), SAME(shape.kind), SAME(maybe.some);
    switch (sent->shape.kind) {
    case DOT: SAME(shape.dot.x), SAME(shape.dot.y); break;
    case NAME: SAME_TEXT(shape.name); break;
    case FAR: SAME(shape.far); break;
    }
    if (sent->maybe.some) SAME(maybe.point.x), SAME(maybe.point.y);
    SAME(well.failed), SAME(well.number), SAME(ill.failed), SAME_TEXT(ill.text);
    compare("the memory that it lies in", got->text.at != sent->text.at && got->words.at != sent->words.at);
}

int main(void) {
    uint64_t wide[] = {1, UINT64_MAX};
    struct text words[] = {borrowed(""), borrowed("ßüß"), borrowed("🦉")};
    struct everything value = {
        .yes = true, .a = 255, .b = -128, .c = 65535, .d = -32768, .e = UINT32_MAX, .f = INT32_MIN,
        .g = UINT64_MAX, .h = INT64_MIN, .i = 0.1f, .j = -1e300, .letter = 0x1f989,
        .text = borrowed("grüße"), .bytes = {"\0\xff\x01", 3}, .wide = {wide, 2}, .words = {words, 3},
        .pair = {7, borrowed("seven")}, .colour = 2, .access = 5, .maybe = {1, {-1, 2}},
        .well = {.number = 9}, .ill = {.failed = true, .text = borrowed("ill")},
    };
    for (uint8_t kind = NOTHING; kind <= FAR; kind++) {
        value.shape.kind = kind;
        if (kind == DOT) value.shape.dot = (struct point){3, -4};
        if (kind == NAME) value.shape.name = borrowed("name");
        if (kind == FAR) value.shape.far = 1ull << 63;
        value.maybe.some = kind % 2;
        struct everything got;
        memset(&got, 0x55, sizeof got);
        echo(&value, &got);
        compare_all(&value, &got);
    }
    puts(wrong == 0 ? "every value came back as it was" : "something is lost");
    return wrong != 0;
}
