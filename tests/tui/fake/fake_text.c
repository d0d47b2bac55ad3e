// The text functions of libholm, as simple as a test needs them.
#include <stdio.h>
#include <string.h>

#include "tests/tui/fake/fake_holm.h"

static bool hidden(const unsigned char *at, size_t left) {
    return left >= 3 && at[0] == 0xe2 &&
           ((at[1] == 0x80 && at[2] >= 0xaa && at[2] <= 0xae) ||
            (at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9));
}

char *holm_text_escape(const char *text, size_t length) {
    char *out = malloc(length * 6 + 1), *at = out;
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c < 0x20 || c == 0x7f) {
            at += sprintf(at, "\\x%02x", c);
        } else if (hidden((const unsigned char *)text + i, length - i)) {
            at += sprintf(at, "\\u%x",
                          0x2000u | (unsigned)((text[i + 1] & 0x3f) << 6) | (unsigned)(text[i + 2] & 0x3f));
            i += 2;
        } else {
            *at++ = (char)c;
        }
    }
    *at = 0;
    return out;
}

char *holm_text_document(const json_t *document, const char *format, holm_error **error) {
    (void)format;
    (void)error;
    return json_dumps(document, JSON_INDENT(2) | JSON_ENCODE_ANY);
}
