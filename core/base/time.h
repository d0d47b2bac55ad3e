// Wall clock times as text: RFC 3339 in UTC with nine digits of fraction.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define TIME_TEXT_SIZE 32

/// Nanoseconds since 1970.
int64_t time_now_ns(void);
/// "2026-11-22T13:05:00.123456789Z"; into the caller's buffer, which is returned.
const char *time_format(int64_t unix_ns, char out[static TIME_TEXT_SIZE]);
/// Reads RFC 3339 (any number of digits of fraction, Z or an offset), also a date alone. false: it is not
/// one.
bool time_parse(const char *text, int64_t *unix_ns);
/// Reads a duration like "90s", "1h30m", "2d", "500ms", or a plain number of seconds.
bool time_parse_duration(const char *text, int64_t *ns);
