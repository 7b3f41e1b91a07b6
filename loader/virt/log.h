// Lines of the logging proxy: a call, its arguments and what came of it, on the module's own standard error.
//
// A line is bounded in length, and what would be a control character in it is shown by an escape. LOG_LINES bounds how many
// there are, 100000 unless said; the last one says so.
#pragma once

#include "base.h"

// Begins a line: `name(`.
void log_call(const char *name);
void log_text(const char *name, const char *at, uint32_t len);
void log_number(const char *name, uint64_t number);
// Ends it: with an error's number, or what was returned.
void log_error(uint32_t error);
void log_done(void);
void log_value(uint64_t value);
