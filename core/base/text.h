// Text for people: foreign strings made safe for a terminal, sizes, durations; and sizes as people write
// them.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Control characters, bytes that are not UTF-8, and characters that turn the direction of text round become
/// visible escapes (\x1b, \u202e). The caller frees it.
char *text_escape(const char *text, size_t length);

/// Whether a terminal obeys this character, or it makes text read as what it is not.
bool text_is_unsafe(uint32_t character);

/// "1.2 GiB", "640 B"; into the caller's buffer, which is returned.
const char *text_bytes(uint64_t bytes, char *out, size_t size);
/// The largest whole unit: "3 minutes", "1 hour", "2 days".
const char *text_duration(int64_t seconds, char *out, size_t size);

/// Reads "512", "64m", "1g", "1.5GiB", "200MB" (k, m, g, t are powers of 1024). false: it is not a size.
bool text_parse_bytes(const char *text, uint64_t *bytes);

/// Decodes one character of UTF-8 (RFC 3629: no surrogates, nothing overlong). Returns its length, 0 when the
/// bytes are not one.
size_t text_decode(const char *text, size_t length, uint32_t *character);
