// An application that does nothing but show a message: for control runs, in which notify is handed far too much.

#include "../abi.h"

IMPORT("demo:notify/notifications", "notify")
void notify(const char *title_at, size_t title_len, const char *text_at, size_t text_len, struct outcome *result);

int main(void) {
    struct outcome outcome;
    notify("Hello", 5, "world", 5, &outcome);
    return outcome.failed;
}
