/* PCRE2's interpreter of regular expressions over a text: literals, classes, alternatives, captures, backtracking. */
#include "text.h"
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <string.h>
#ifndef SIZE
#define SIZE (96 << 10)
#endif

static const char *const patterns[] = {
    "timeout",
    "(?i)WARNING: *slow|refused",
    "^(\\d{4})-(\\d\\d)-(\\d\\d)T(\\d\\d):(\\d\\d) ",
    "(GET|POST) (/api/v\\d/(?:users|orders)/)(\\d+)?",
    "([a-z]+)\\.example\\.(?:org|net)\\b",
    "[45]\\d\\d (?!ok)\\w+",
    "(\\w+) .*? \\1",
    "\\b\\d{1,3}(?:\\.\\d{1,3}){3}\\b",
};

static char text[SIZE];
static uint64_t sum;

void setup(void) {
    fill(text, SIZE);
    sum = 0;
}

void kernel(void) {
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        int error;
        PCRE2_SIZE where;
        pcre2_code *code = pcre2_compile((PCRE2_SPTR)patterns[i], PCRE2_ZERO_TERMINATED, PCRE2_MULTILINE, &error, &where, NULL);
        if (!code) {
            sum = mixed(sum, where);
            continue;
        }
        pcre2_match_data *match = pcre2_match_data_create_from_pattern(code, NULL);
        for (PCRE2_SIZE at = 0; at < SIZE;) {
            int found = pcre2_match(code, (PCRE2_SPTR)text, SIZE, at, 0, match, NULL);
            if (found < 0) break;
            PCRE2_SIZE *ends = pcre2_get_ovector_pointer(match);
            for (int j = 0; j < 2 * found; j++) sum = mixed(sum, ends[j] == PCRE2_UNSET ? UINT64_MAX : ends[j]);
            at = ends[1] > at ? ends[1] : at + 1;
        }
        pcre2_match_data_free(match);
        pcre2_code_free(code);
    }
}

uint64_t checksum(void) { return sum; }
