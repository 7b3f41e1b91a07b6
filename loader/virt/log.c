#include "log.h"

#define LINE 1024u
// What is left of a text.
#define MOST_TEXT 200u

static char line[LINE];
static uint32_t used;
static bool first, begun;
static uint64_t left = 100000;

static void put(char c) {
    if (used < LINE - 1) line[used++] = c;
}

static void put_all(const char *text) {
    for (; *text != 0; text++) put(*text);
}

static void put_number(uint64_t number) {
    char digits[20];
    uint32_t count = 0;
    do digits[count++] = (char)('0' + number % 10); while ((number /= 10) != 0);
    while (count != 0) put(digits[--count]);
}

// ASCII as it is, but quotes, backslashes and what is no letter or sign by its number.
static void put_byte(uint8_t byte) {
    if (byte >= ' ' && byte < 0x7f && byte != '"' && byte != '\\') {
        put((char)byte);
        return;
    }
    put_all("\\x");
    put("0123456789abcdef"[byte >> 4]);
    put("0123456789abcdef"[byte & 15]);
}

void log_call(const char *name) {
    if (!begun) {
        begun = true;
        const char *lines = setting("LOG_LINES");
        for (left = lines == NULL ? left : 0; lines != NULL && *lines >= '0' && *lines <= '9'; lines++) {
            left = left > 1000000000 ? left : left * 10 + (uint64_t)(*lines - '0');
        }
    }
    used = 0;
    first = true;
    put_all(name);
    put('(');
}

static void put_name(const char *name) {
    if (!first) put_all(", ");
    first = false;
    put_all(name);
    put('=');
}

void log_text(const char *name, const char *at, uint32_t len) {
    put_name(name);
    put('"');
    for (uint32_t i = 0; i < len && i < MOST_TEXT; i++) put_byte((uint8_t)at[i]);
    put('"');
    if (len > MOST_TEXT) put_all("...");
}

void log_number(const char *name, uint64_t number) {
    put_name(name);
    put_number(number);
}

static void end(void) {
    if (left == 0) return;
    if (--left == 0) {
        used = 0;
        put_all("... no more lines are written: LOG_LINES");
    }
    line[used++] = '\n';
    wasi_ciovec part = {line, used};
    uint32_t written;
    (void)wasi_fd_write(2, &part, 1, &written);
}

void log_done(void) {
    put(')');
    end();
}

void log_error(uint32_t error) {
    put(')');
    if (error != VIRT_SUCCESS) {
        put_all(" error ");
        put_number(error);
    }
    end();
}

void log_value(uint64_t value) {
    put_all(") = ");
    put_number(value);
    end();
}
