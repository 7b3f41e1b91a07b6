// Shows a message to a person. Like many a library it looks for its settings in places where it finds nothing here: a
// file, the environment, the program's arguments. Their imports are inert: nobody handed it any of that.

#include "../abi.h"
#include <wasi/api.h>

// The mark in front of messages, if some file or variable says so.
static const char *mark(char space[64]) {
    const char *variable = getenv("NOTIFY_MARK");
    if (variable != NULL) return variable;
    FILE *file = fopen("/etc/notify.conf", "r");
    if (file != NULL) {
        char *line = fgets(space, 64, file);
        fclose(file);
        if (line != NULL) return strtok(line, "\n");
    }
    size_t count = 0, size = 0;
    if (__wasi_args_sizes_get(&count, &size) == 0 && count > 0 && size <= 64) {
        uint8_t *arguments[count];
        if (__wasi_args_get(arguments, (uint8_t *)space) == 0) return space;
    }
    return "notify";
}

static struct outcome result;

EXPORT("demo:notify/notifications#notify")
struct outcome *notify(char *title_at, size_t title_len, char *text_at, size_t text_len) {
    struct text title = {title_at, title_len}, text = {text_at, text_len};
    char space[64];
    int shown = printf("[%s] %.*s: %.*s\n", mark(space), SHOWN(title), SHOWN(text));
    bool flushed = fflush(stdout) == 0;
    drop(title);
    drop(text);
    result = shown > 0 && flushed ? (struct outcome){0} : failed("nobody can see it");
    return &result;
}

EXPORT("cabi_post_demo:notify/notifications#notify") void notify_done(struct outcome *outcome) {
    if (outcome->failed) drop(outcome->text);
}
