// Unpacks ZIP files, as trustingly as such programs were before Zip Slip had a name: it takes every entry's name for a
// path and looks at none. What it can't do, it can't do because of what it was handed.

#include "../abi.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

IMPORT("demo:inflate/deflate", "inflate") void inflate(const char *at, size_t len, struct outcome *result);
IMPORT("demo:log/journal", "note") void note(const char *at, size_t len);

// A number of `size` bytes, the lowest first.
static uint32_t number(const char *at, unsigned size) {
    uint32_t value = 0;
    for (unsigned i = 0; i < size; i++) value |= (uint32_t)(uint8_t)at[i] << (8 * i);
    return value;
}

// The end record, which is behind everything but a comment.
static const char *directory_end(struct text archive) {
    for (size_t back = 22; back <= archive.len && back <= 22 + 0xffff; back++) {
        const char *at = archive.at + archive.len - back;
        if (number(at, 4) == 0x06054b50) return at;
    }
    return NULL;
}

// A name for a message: what crosses to another module as a string is UTF-8, and a name may be anything.
static const char *shown(const char *name) {
    static char text[256];
    size_t i = 0;
    for (; name[i] != '\0' && i < sizeof text - 1; i++) text[i] = name[i] < ' ' || name[i] > '~' ? '?' : name[i];
    text[i] = '\0';
    return text;
}

// Writes one file, folder or symbolic link below `dst`; gives what went wrong.
static const char *write_entry(int dst, const char *name, bool link, struct text content) {
    size_t len = strlen(name);
    if (len > 0 && name[len - 1] == '/') {
        bool there = mkdirat(dst, name, 0777) == 0 || errno == EEXIST;
        return there ? NULL : strerror(errno);
    }
    if (link) {
        char target[256];
        snprintf(target, sizeof target, "%.*s", SHOWN(content));
        return symlinkat(target, dst, name) == 0 ? NULL : strerror(errno);
    }
    int file = openat(dst, name, O_CREAT | O_WRONLY, 0666);
    if (file < 0) return strerror(errno);
    for (size_t done = 0; done < content.len;) {
        ssize_t written = write(file, content.at + done, content.len - done);
        if (written <= 0) {
            const char *reason = strerror(errno);
            close(file);
            return reason;
        }
        done += (size_t)written;
    }
    return close(file) == 0 ? NULL : strerror(errno);
}

static struct outcome extract(int dst, struct text archive) {
    const char *end = directory_end(archive);
    if (end == NULL) return failed("it is no ZIP file");
    uint32_t count = number(end + 10, 2), at = number(end + 16, 4), files = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (archive.len < 46 || at > archive.len - 46 || number(archive.at + at, 4) != 0x02014b50)
            return failed("its directory is damaged");
        const char *entry = archive.at + at;
        uint32_t method = number(entry + 10, 2), packed = number(entry + 20, 4), local = number(entry + 42, 4);
        uint32_t name_len = number(entry + 28, 2), mode = number(entry + 40, 2);
        if (name_len > archive.len - at - 46 || local > archive.len - 30) return failed("its directory is damaged");
        char name[256];
        snprintf(name, sizeof name, "%.*s", (int)name_len, entry + 46);
        uint64_t data = (uint64_t)local + 30 + number(archive.at + local + 26, 2) + number(archive.at + local + 28, 2);
        if (data + packed > archive.len) return failed("%s: it is cut off", shown(name));
        struct text content = {archive.at + data, packed};
        struct outcome inflated = {.text = {NULL, 0}};
        if (method == 8) {
            inflate(content.at, content.len, &inflated);
            if (inflated.failed) {
                struct outcome result = failed("%s: %.*s", shown(name), SHOWN(inflated.text));
                drop(inflated.text);
                return result;
            }
            content = inflated.text;
        } else if (method != 0) {
            return failed("%s: it is packed by method %u", shown(name), method);
        }
        const char *error = write_entry(dst, name, (mode & S_IFMT) == 0120000, content);
        drop(inflated.text);
        if (error != NULL) return failed("%s: %s", shown(name), error);
        files += name[0] != '\0' && name[strlen(name) - 1] != '/';
        at += 46 + name_len + number(entry + 30, 2) + number(entry + 32, 2);
    }
    char line[64];
    int len = snprintf(line, sizeof line, "unzipper: %u files", files);
    note(line, (size_t)len);
    return (struct outcome){.number = files};
}

static struct outcome result;

EXPORT("demo:unzip/archives#extract") struct outcome *extract_export(int dst, char *at, size_t len) {
    struct text archive = {at, len};
    result = extract(dst, archive);
    drop(archive);
    return &result;
}

EXPORT("cabi_post_demo:unzip/archives#extract") void extract_done(struct outcome *outcome) {
    if (outcome->failed) drop(outcome->text);
}
