#include "core/base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/buffer.h"

size_t text_decode(const char *text, size_t length, uint32_t *character) {
    const unsigned char *bytes = (const unsigned char *)text;
    if (length == 0)
        return 0;
    if (bytes[0] < 0x80) {
        *character = bytes[0];
        return 1;
    }
    size_t size = bytes[0] >= 0xf0 ? 4 : bytes[0] >= 0xe0 ? 3 : 2;
    if (bytes[0] < 0xc2 || bytes[0] > 0xf4 || size > length)
        return 0;
    uint32_t value = bytes[0] & (0x7fu >> size);
    for (size_t i = 1; i < size; i++) {
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
        value = value << 6 | (bytes[i] & 0x3fu);
    }
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (value < least[size] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
        return 0;
    *character = value;
    return size;
}

bool text_is_unsafe(uint32_t character) {
    return character < 0x20 || (character >= 0x7f && character <= 0x9f) ||
           (character >= 0x200b && character <= 0x200f) || // zero width, direction marks
           (character >= 0x2028 && character <= 0x202e) || // separators, embeddings, overrides
           (character >= 0x2060 && character <= 0x206f) || // isolates and other invisible ones
           character == 0x061c || character == 0xfeff || (character >= 0xfff9 && character <= 0xfffb) ||
           (character >= 0xe0000 && character <= 0xe007f); // tags
}

static void append_escape(buffer *out, uint32_t character) {
    if (character == '\n')
        buffer_append_text(out, "\\n");
    else if (character == '\t')
        buffer_append_text(out, "\\t");
    else if (character == '\r')
        buffer_append_text(out, "\\r");
    else if (character < 0x80)
        buffer_append_format(out, "\\x%02x", (unsigned)character);
    else
        buffer_append_format(out, "\\u%04x", (unsigned)character);
}

char *text_escape(const char *text, size_t length) {
    cleanup_buffer buffer out = BUFFER_INIT;
    buffer_append(&out, NULL, 0);
    while (length > 0) {
        uint32_t character;
        size_t size = text_decode(text, length, &character);
        if (size == 0) {
            buffer_append_format(&out, "\\x%02x", (unsigned char)text[0]);
            size = 1;
        } else if (text_is_unsafe(character)) {
            append_escape(&out, character);
        } else {
            buffer_append(&out, text, size);
        }
        text += size;
        length -= size;
    }
    return buffer_steal_text(&out);
}

const char *text_bytes(uint64_t bytes, char *out, size_t size) {
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = (double)bytes;
    size_t unit = 0;
    // 1023.95 would be printed as 1024.0: it belongs to the next unit.
    while (value >= (unit == 0 ? 1024 : 1023.95) && unit + 1 < array_length(units)) {
        value /= 1024;
        unit++;
    }
    snprintf(out, size, unit == 0 || value >= 99.95 ? "%.0f %s" : "%.1f %s", value, units[unit]);
    return out;
}

const char *text_duration(int64_t seconds, char *out, size_t size) {
    static const struct {
        int64_t seconds;
        const char *name;
    } units[] = {{365 * 86400, "year"}, {30 * 86400, "month"}, {7 * 86400, "week"}, {86400, "day"},
                 {3600, "hour"},        {60, "minute"},        {1, "second"}};
    if (seconds < 1) {
        snprintf(out, size, "less than a second");
        return out;
    }
    size_t unit = 0;
    while (units[unit].seconds > seconds)
        unit++;
    long long count = seconds / units[unit].seconds;
    snprintf(out, size, "%lld %s%s", count, units[unit].name, count == 1 ? "" : "s");
    return out;
}

bool text_parse_bytes(const char *text, uint64_t *bytes) {
    if (*text < '0' || *text > '9')
        return false;
    char *unit;
    double value = strtod(text, &unit);
    if (unit != text + strspn(text, "0123456789."))
        return false; // a form that only C knows: hexadecimal, an exponent
    static const char letters[] = "bkmgt";
    double factor = 1;
    if (*unit) {
        const char *letter = strchr(letters, *unit | 0x20);
        if (!letter)
            return false;
        factor = (double)(1ull << 10 * (letter - letters));
        const char *rest = unit + 1;
        if (*rest && letter == letters)
            return false;
        if (*rest && strcasecmp(rest, "b") != 0 && strcasecmp(rest, "ib") != 0)
            return false;
    }
    if (!(value * factor < 9.2e18))
        return false;
    *bytes = (uint64_t)(value * factor);
    return true;
}
