#include "tui/cli/detach.h"

#include <string.h>

static bool parse_key(const char *text, size_t length, unsigned char *key) {
    if (length == 1) {
        *key = (unsigned char)text[0];
        return true;
    }
    if (length != 6 || strncmp(text, "ctrl-", 5) != 0)
        return false;
    char letter = text[5];
    if (letter >= 'a' && letter <= 'z')
        *key = (unsigned char)(letter - 'a' + 1);
    else if (letter >= '@' && letter <= '_')
        *key = (unsigned char)(letter - '@');
    else
        return false;
    return true;
}

bool detach_parse(detach_matcher *self, const char *text) {
    *self = (detach_matcher){0};
    while (*text) {
        size_t length = strcspn(text, ",");
        if (length == 0 && text[0] == ',' && (text[1] == ',' || !text[1]))
            length = 1; // the comma itself is a key
        if (self->count == DETACH_KEYS_MAX || !parse_key(text, length, &self->keys[self->count]))
            return false;
        self->count++;
        text += length;
        if (*text == ',' && !*++text)
            return false;
    }
    return true;
}

static size_t release(detach_matcher *self, char *out) {
    memcpy(out, self->keys, self->matched);
    size_t released = self->matched;
    self->matched = 0;
    return released;
}

bool detach_feed(detach_matcher *self, const char *bytes, size_t length, char *out, size_t *out_length) {
    size_t put = 0;
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)bytes[i];
        if (self->count > 0 && byte == self->keys[self->matched]) {
            if (++self->matched < self->count)
                continue;
            self->matched = 0;
            *out_length = put;
            return true;
        }
        put += release(self, out + put);
        if (self->count > 0 && byte == self->keys[0])
            self->matched = 1;
        else
            out[put++] = bytes[i];
    }
    *out_length = put;
    return false;
}

size_t detach_flush(detach_matcher *self, char out[static DETACH_KEYS_MAX]) {
    return release(self, out);
}
