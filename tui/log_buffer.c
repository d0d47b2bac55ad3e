#include "tui/log_buffer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/holm.h"

#define MOST_LINE 8192

// The length of the escape sequence at the front of `bytes` (which is ESC); what is not whole is taken as
// one to the end.
static size_t sequence_length(const char *bytes, size_t length) {
    if (length < 2)
        return length;
    size_t at = 2;
    switch (bytes[1]) {
    case '[': // CSI: parameters and intermediates, one final byte
        while (at < length && bytes[at] >= 0x20 && bytes[at] < 0x40)
            at++;
        return at < length ? at + 1 : at;
    case ']': // OSC, DCS, SOS, PM, APC: up to BEL or ST
    case 'P':
    case 'X':
    case '^':
    case '_':
        while (at < length) {
            if (bytes[at] == '\a')
                return at + 1;
            if (bytes[at] == 0x1b && at + 1 < length && bytes[at + 1] == '\\')
                return at + 2;
            at++;
        }
        return at;
    default: // intermediates and one final byte
        at = 1;
        while (at < length && bytes[at] >= 0x20 && bytes[at] < 0x30)
            at++;
        return at < length ? at + 1 : at;
    }
}

char *log_text_strip(const char *bytes, size_t length) {
    if (length > MOST_LINE)
        length = MOST_LINE;
    char *plain = malloc(length * 8 + 1);
    if (!plain)
        abort();
    size_t out = 0, column = 0;
    for (size_t i = 0; i < length;) {
        if (bytes[i] == 0x1b) {
            i += sequence_length(bytes + i, length - i);
        } else if (bytes[i] == '\t') {
            do
                plain[out++] = ' ';
            while (++column % 8);
            i++;
        } else if (bytes[i] == '\r') { // a line that was written over: the last state counts
            if (i + 1 < length)
                out = column = 0;
            i++;
        } else {
            column += ((unsigned char)bytes[i] & 0xc0) != 0x80;
            plain[out++] = bytes[i++];
        }
    }
    char *safe = holm_text_escape(plain, out);
    free(plain);
    if (!safe)
        abort();
    return safe;
}

static void drop_first(log_buffer *self) {
    log_line *line = &self->lines[self->first];
    self->bytes -= strlen(line->text);
    free(line->text);
    line->text = NULL;
    self->first = (self->first + 1) % LOG_BUFFER_LINES;
    self->count--;
    self->dropped++;
}

static bool join_last(log_buffer *self, unsigned source, int stream, char *text) {
    log_line *last = log_buffer_at(self, self->count - 1);
    if (!self->open || !last || last->stream != stream || last->source != source)
        return false;
    size_t before = strlen(last->text), more = strlen(text);
    if (before + more > MOST_LINE)
        return false;
    char *joined = realloc(last->text, before + more + 1);
    if (!joined)
        abort();
    memcpy(joined + before, text, more + 1);
    last->text = joined;
    self->bytes += more;
    free(text);
    return true;
}

// Lines of one log stay as they came, whatever its clock says; of several, one log may be behind the others.
static void insert(log_buffer *self, log_line line) {
    size_t at = self->count++;
    for (; at > 0; at--) {
        const log_line *before = log_buffer_at(self, at - 1);
        if (before->source == line.source || before->unix_ns <= line.unix_ns)
            break;
        *log_buffer_at(self, at) = *before;
    }
    *log_buffer_at(self, at) = line;
}

void log_buffer_add(log_buffer *self, unsigned source, int64_t unix_ns, int stream, const char *bytes,
                    size_t length, bool partial) {
    if (!self->lines && !(self->lines = calloc(LOG_BUFFER_LINES, sizeof(log_line))))
        abort();
    char *text = log_text_strip(bytes, length);
    bool joined = join_last(self, source, stream, text);
    self->open = partial;
    if (joined)
        return;
    if (self->count == LOG_BUFFER_LINES)
        drop_first(self);
    self->bytes += strlen(text);
    insert(self, (log_line){unix_ns, (uint16_t)source, (uint8_t)stream, false, text});
    while (self->bytes > LOG_BUFFER_BYTES && self->count > 1)
        drop_first(self);
}

log_line *log_buffer_at(const log_buffer *self, size_t index) {
    return index < self->count ? &self->lines[(self->first + index) % LOG_BUFFER_LINES] : NULL;
}

void log_buffer_finish(log_buffer *self) {
    while (self->count)
        drop_first(self);
    free(self->lines);
    *self = (log_buffer){0};
}
