// A clock that stands.
//
// FIXED_CLOCK says the time, in RFC 3339 ("2026-01-31T12:00:00Z") or in nanoseconds since 1970; without it, it is the
// beginning of 2000. The other clocks begin at 0, and go on by what somebody sleeps, who does not wait for that.
#include "base.h"

static uint64_t fixed = 946684800u * UINT64_C(1000000000), passed;

// A number of so many digits; -1, if they are none.
static int64_t digits(const char **at, uint32_t count) {
    int64_t number = 0;
    for (; count != 0; count--, (*at)++) {
        if (**at < '0' || **at > '9') return -1;
        number = number * 10 + (**at - '0');
    }
    return number;
}

static bool next_is(const char **at, char c) {
    if (**at != c && !(c >= 'A' && **at == c + ('a' - 'A'))) return false;
    (*at)++;
    return true;
}

// Days from 1970 on, in the Gregorian calendar: a year of it begins in March, so that the leap day is its last.
static int64_t days(int64_t year, int64_t month, int64_t day) {
    year -= month <= 2;
    int64_t era = year / 400, of_era = year % 400;
    int64_t of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static bool is_leap(int64_t year) {
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

// RFC 3339, from 1970 to what fits.
static bool parse_date(const char *at, uint64_t *time) {
    static const uint8_t lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t year = digits(&at, 4);
    if (year < 1970 || !next_is(&at, '-')) return false;
    int64_t month = digits(&at, 2);
    if (month < 1 || month > 12 || !next_is(&at, '-')) return false;
    int64_t day = digits(&at, 2);
    if (day < 1 || day > lengths[month - 1] + (month == 2 && is_leap(year))) return false;
    if (!next_is(&at, 'T') && !next_is(&at, ' ')) return false;
    int64_t hour = digits(&at, 2);
    if (hour < 0 || hour > 23 || !next_is(&at, ':')) return false;
    int64_t minute = digits(&at, 2);
    if (minute < 0 || minute > 59 || !next_is(&at, ':')) return false;
    int64_t second = digits(&at, 2), fraction = 0;
    if (second < 0 || second > 59) return false;
    if (next_is(&at, '.')) {
        if (*at < '0' || *at > '9') return false;
        for (int64_t unit = 100000000; *at >= '0' && *at <= '9'; unit /= 10) fraction += digits(&at, 1) * unit;
    }
    int64_t offset = 0;
    if (!next_is(&at, 'Z')) {
        int64_t sign = *at == '-' ? -1 : 1;
        if (*at != '-' && *at != '+') return false;
        at++;
        int64_t hours = digits(&at, 2);
        if (hours < 0 || hours > 23 || !next_is(&at, ':')) return false;
        int64_t minutes = digits(&at, 2);
        if (minutes < 0 || minutes > 59) return false;
        offset = sign * (hours * 60 + minutes);
    }
    int64_t seconds = days(year, month, day) * 86400 + (hour * 60 + minute - offset) * 60 + second;
    if (*at != 0 || seconds < 0 || seconds >= INT64_MAX / 1000000000) return false;
    *time = (uint64_t)seconds * 1000000000 + (uint64_t)fraction;
    return true;
}

static bool parse_number(const char *at, uint64_t *time) {
    *time = 0;
    if (*at == 0) return false;
    for (; *at != 0; at++) {
        if (*at < '0' || *at > '9') return false;
        uint64_t digit = (uint64_t)(*at - '0');
        if (*time > (UINT64_MAX - digit) / 10) return false;
        *time = *time * 10 + digit;
    }
    return true;
}

VIRT_EXPORT("_initialize") void initialize(void) {
    const char *text = setting("FIXED_CLOCK");
    if (text != NULL && !parse_number(text, &fixed) && !parse_date(text, &fixed)) {
        give_up("fixedclock", "FIXED_CLOCK is neither a time as 2026-01-31T12:00:00Z nor nanoseconds since 1970");
    }
}

virt_u64_result *virt_clock_now(uint32_t clock) {
    static virt_u64_result result;
    call_begins();
    result.failed = false;
    result.value = clock == VIRT_REALTIME ? fixed : passed;
    return &result;
}

virt_u64_result *virt_clock_resolution(uint32_t clock) {
    static virt_u64_result result;
    (void)clock;
    call_begins();
    result.failed = false;
    result.value = 1;
    return &result;
}

void virt_clock_sleep(uint64_t duration) {
    call_begins();
    passed = duration > UINT64_MAX - passed ? UINT64_MAX : passed + duration;
}
