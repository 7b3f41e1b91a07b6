// A logging proxy: passes every call on to what the module itself was granted, and writes a line for each to its own
// standard error, as `fs.open(folder=3, path="notes.txt", how=1) = 5` (see `log.h`).
//
// Files are in `logproxy_fs.c`. What is written to the standard error of the module that it stands before comes between
// the lines.
#include "log.h"

// The most bytes of one call.
#define MOST (1u << 20)
#define MOST_RANDOM 65536u

static virt_u64_result *time_result(const char *call, uint32_t clock, uint16_t error, uint64_t time) {
    static virt_u64_result result;
    log_call(call);
    log_number("clock", clock);
    result.failed = error != 0;
    if (result.failed) {
        result.error = (uint8_t)error;
        log_error(error);
    } else {
        result.value = time;
        log_value(time);
    }
    return &result;
}

virt_u64_result *virt_clock_now(uint32_t clock) {
    uint64_t time = 0;
    call_begins();
    uint16_t error = wasi_clock_time_get(clock, 1, &time);
    return time_result("clock.now", clock, error, time);
}

virt_u64_result *virt_clock_resolution(uint32_t clock) {
    uint64_t time = 0;
    call_begins();
    uint16_t error = wasi_clock_res_get(clock, &time);
    return time_result("clock.resolution", clock, error, time);
}

void virt_clock_sleep(uint64_t duration) {
    call_begins();
    log_call("clock.sleep");
    log_number("duration", duration);
    wasi_clock_subscription sleep = {.clock = VIRT_MONOTONIC, .timeout = duration, .precision = 1};
    wasi_event event;
    uint32_t events;
    log_error(wasi_poll_oneoff(&sleep, &event, 1, &events));
}

virt_bytes *virt_random_get(uint32_t len) {
    static virt_bytes result;
    call_begins();
    log_call("random.get");
    log_number("len", len);
    uint8_t *at = arena_rest(least(len, MOST_RANDOM), &len);
    uint16_t error = wasi_random_get(at, len);
    // There is no error to return: fewer bytes than were asked for is one to who asked.
    result = (virt_bytes){at, error == 0 ? len : 0};
    log_error(error);
    return &result;
}

virt_variables *virt_env_variables(void) {
    static virt_variables result;
    call_begins();
    log_call("env.variables");
    uint32_t count = 0;
    while (environment()[count] != NULL) count++;
    virt_variable *variables = arena_new(count * (uint32_t)sizeof *variables);
    result = (virt_variables){variables, 0};
    for (uint32_t i = 0; i < count && variables != NULL; i++) {
        const char *name = environment()[i];
        uint32_t len = 0, all = length(name);
        while (name[len] != 0 && name[len] != '=') len++;
        if (len == 0 || len == all || !is_text(name, all)) continue;
        // The proxy's own setting.
        if (len == 9 && same(name, "LOG_LINES", 9)) continue;
        variables[result.len++] = (virt_variable){{name, len}, {name + len + 1, all - len - 1}};
    }
    log_value(result.len);
    return &result;
}

virt_bytes_result *virt_stdio_read(uint32_t len) {
    static virt_bytes_result result;
    call_begins();
    log_call("stdio.read");
    log_number("len", len);
    uint8_t *at = arena_rest(least(len, MOST), &len);
    wasi_iovec part = {at, len};
    uint32_t read = 0;
    uint16_t error = wasi_fd_read(0, &part, 1, &read);
    result.failed = error != 0;
    if (result.failed) {
        result.error = (uint8_t)error;
        log_error(error);
    } else {
        result.value = (virt_bytes){at, read};
        log_value(read);
    }
    return &result;
}

virt_u32_result *virt_stdio_write(uint32_t to, const uint8_t *data, uint32_t len) {
    static virt_u32_result result;
    call_begins();
    log_call("stdio.write");
    log_text("to", to == VIRT_OUT ? "out" : "error", to == VIRT_OUT ? 3 : 5);
    log_number("len", len);
    wasi_ciovec part = {data, len};
    uint32_t written = 0;
    uint16_t error = wasi_fd_write(to == VIRT_OUT ? 1 : 2, &part, 1, &written);
    result.failed = error != 0;
    if (result.failed) {
        result.error = (uint8_t)error;
        log_error(error);
    } else {
        result.value = written;
        log_value(written);
    }
    return &result;
}
