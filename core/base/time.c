#include "core/base/time.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NS_PER_SECOND 1000000000LL

int64_t time_now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * NS_PER_SECOND + now.tv_nsec;
}

const char *time_format(int64_t unix_ns, char out[static TIME_TEXT_SIZE]) {
    int64_t nanoseconds = unix_ns % NS_PER_SECOND;
    if (nanoseconds < 0)
        nanoseconds += NS_PER_SECOND;
    time_t seconds = (unix_ns - nanoseconds) / NS_PER_SECOND;
    struct tm utc;
    gmtime_r(&seconds, &utc);
    size_t length = strftime(out, TIME_TEXT_SIZE, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(out + length, TIME_TEXT_SIZE - length, ".%09dZ", (int)nanoseconds);
    return out;
}

// ".123" as nanoseconds; digits after the ninth are read and dropped.
static const char *parse_fraction(const char *text, int64_t *ns) {
    int64_t unit = NS_PER_SECOND / 10;
    for (; *text >= '0' && *text <= '9'; text++, unit /= 10)
        *ns += unit * (*text - '0');
    return text;
}

static bool parse_offset(const char *text, int64_t *seconds) {
    if (strcmp(text, "Z") == 0 || strcmp(text, "z") == 0 || !*text)
        return true;
    int hours, minutes, length = 0;
    if ((*text != '+' && *text != '-') || sscanf(text + 1, "%2d:%2d%n", &hours, &minutes, &length) != 2 ||
        length != 5 || text[6] || hours < 0 || hours > 23 || minutes < 0 || minutes > 59)
        return false;
    *seconds = (*text == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
    return true;
}

bool time_parse(const char *text, int64_t *unix_ns) {
    struct tm utc = {0};
    const char *rest = strptime(text, "%Y-%m-%d", &utc);
    if (!rest)
        return false;
    int64_t fraction = 0, offset = 0;
    if (*rest == 'T' || *rest == 't' || *rest == ' ') {
        rest = strptime(rest + 1, "%H:%M:%S", &utc);
        if (!rest)
            return false;
        if (*rest == '.')
            rest = parse_fraction(rest + 1, &fraction);
    }
    if (!parse_offset(rest, &offset))
        return false;
    time_t seconds = timegm(&utc);
    if (seconds < -9000000000LL || seconds > 9000000000LL)
        return false; // beyond 64 bits of nanoseconds
    *unix_ns = (seconds - offset) * NS_PER_SECOND + fraction;
    return true;
}

static int64_t unit_ns(const char *unit, size_t length) {
    static const struct {
        const char *name;
        int64_t ns;
    } units[] = {
        {"ns", 1},
        {"us", 1000},
        {"ms", 1000000},
        {"s", NS_PER_SECOND},
        {"m", 60 * NS_PER_SECOND},
        {"h", 3600 * NS_PER_SECOND},
        {"d", 86400 * NS_PER_SECOND},
    };
    if (length == 0)
        return NS_PER_SECOND;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (strlen(units[i].name) == length && strncmp(units[i].name, unit, length) == 0)
            return units[i].ns;
    return 0;
}

bool time_parse_duration(const char *text, int64_t *ns) {
    double total = 0;
    if (!*text)
        return false;
    while (*text) {
        if (*text < '0' || *text > '9')
            return false;
        char *unit;
        double number = strtod(text, &unit);
        if (unit != text + strspn(text, "0123456789."))
            return false;
        size_t length = strspn(unit, "nmsuhd");
        int64_t factor = unit_ns(unit, length);
        if (factor == 0)
            return false;
        total += number * (double)factor;
        text = unit + length;
    }
    if (!(total <= (double)(INT64_MAX / 2)))
        return false;
    *ns = (int64_t)total;
    return true;
}
