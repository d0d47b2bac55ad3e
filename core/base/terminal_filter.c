#include <string.h>

#include "core/base/terminal_filter_internal.h"

#define STRING_MOST (1u << 20) ///< a string that goes on for longer was none

enum { GROUND, ESCAPE, ESCAPE_REST, CONTROL, STRING, STRING_ESCAPE };

static void flush(terminal_filter *self) {
    if (self->used)
        self->pass(self->piece, self->used, self->data);
    self->used = 0;
}

void filter_put(terminal_filter *self, const char *bytes, size_t length) {
    if (self->used + length > sizeof self->piece)
        flush(self);
    memcpy(self->piece + self->used, bytes, length);
    self->used += length;
}

void filter_put_text(terminal_filter *self, const char *text) {
    filter_put(self, text, strlen(text));
}

void terminal_filter_init(terminal_filter *self, unsigned columns, terminal_filter_pass pass, void *data) {
    memset(self, 0, sizeof *self);
    self->columns = columns;
    self->pass = pass;
    self->data = data;
}

void terminal_filter_resize(terminal_filter *self, unsigned columns, int cursor_row, int cursor_column) {
    self->columns = columns;
    if (self->region) {
        int place[] = {cursor_row < 0 ? 1 : cursor_row + 1, cursor_column < 0 ? 1 : cursor_column + 1};
        filter_put_text(self, "\x1b[r\x1b[s");
        filter_put_control(self, 0, place, 2, 0, 'H');
        self->region = false;
    }
    // Any control sequence makes libvterm bring its cursor back inside; this one does nothing else.
    filter_put_text(self, "\x1b[0n");
    flush(self);
}

// ---- strings ----

static void begin_string(terminal_filter *self, uint8_t kind) {
    self->state = STRING;
    self->string_kind = kind;
    self->string_length = 0;
}

static void string_byte(terminal_filter *self, uint8_t byte) {
    if (byte < 0x20 || byte == 0x7f)
        return;
    if (self->string_length < sizeof self->string)
        self->string[self->string_length] = (char)byte;
    if (++self->string_length > STRING_MOST)
        self->state = GROUND;
}

// A character that was cut off at the end is left out.
static size_t whole_characters(const char *text, size_t length) {
    size_t start = length;
    while (start > 0 && length - start < 3 && ((uint8_t)text[start - 1] & 0xc0) == 0x80)
        start--;
    if (start == 0 || (uint8_t)text[start - 1] < 0xc0)
        return length;
    uint8_t first = (uint8_t)text[start - 1];
    size_t need = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    return length - (start - 1) < need ? start - 1 : length;
}

// DECRQSS. For a setting that it does not know libvterm 0.1.4 prints a number as a text.
static void pass_request(terminal_filter *self, const char *setting, size_t length) {
    static const char *const known[] = {"m", "r", "s", " q", "\"q"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strlen(known[i]) != length || memcmp(known[i], setting, length) != 0)
            continue;
        filter_put_text(self, "\x1bP$q");
        filter_put(self, setting, length);
        filter_put_text(self, "\x1b\\");
    }
}

// Titles (OSC 0 and 2) and requests for settings go on. The clipboard (OSC 52), colours, links, pictures and
// whatever else does not.
static void end_string(terminal_filter *self) {
    size_t length = self->string_length < sizeof self->string ? self->string_length : sizeof self->string;
    const char *text = self->string;
    self->state = GROUND;
    if (self->string_kind == ']' && length >= 2 && (text[0] == '0' || text[0] == '2') && text[1] == ';') {
        length = whole_characters(text + 2, length - 2);
        char title[TERMINAL_FILTER_TITLE + 8] = "\x1b]2;";
        memcpy(title + 4, text + 2, length);
        title[4 + length] = 0x07;
        filter_put(self, title, length + 5);
    } else if (self->string_kind == 'P' && length > 2 && text[0] == '$' && text[1] == 'q') {
        pass_request(self, text + 2, length - 2);
    }
}

// ---- sequences ----

static void begin_control(terminal_filter *self) {
    self->state = CONTROL;
    self->leader = self->between = 0;
    self->spoiled = false;
    self->count = 0;
    self->joined = 0;
}

// More parameters than there is room for end in one that nobody reads.
static void next_parameter(terminal_filter *self, bool joined) {
    if (self->count == 0)
        self->parameters[self->count++] = -1;
    if (self->count == TERMINAL_FILTER_PARAMETERS) {
        self->parameters[self->count - 1] = -1;
        return;
    }
    if (joined)
        self->joined |= 1u << self->count;
    self->parameters[self->count++] = -1;
}

static void digit(terminal_filter *self, unsigned value) {
    if (self->count == 0)
        self->parameters[self->count++] = -1;
    int *now = &self->parameters[self->count - 1];
    *now = (*now < 0 ? 0 : *now) * 10 + (int)value;
    if (*now > UINT16_MAX)
        *now = UINT16_MAX;
}

static void control_byte(terminal_filter *self, uint8_t byte) {
    if (byte >= '0' && byte <= '9') {
        self->spoiled |= self->between != 0;
        digit(self, byte - '0');
    } else if (byte == ';' || byte == ':') {
        next_parameter(self, byte == ':');
    } else if (byte >= '<' && byte <= '?') {
        self->spoiled |= self->leader || self->count || self->between;
        self->leader = byte;
    } else if (byte >= 0x20 && byte <= 0x2f) {
        self->spoiled |= self->between != 0;
        self->between = byte;
    } else {
        self->state = GROUND;
        if (byte >= 0x40 && byte <= 0x7e && !self->spoiled)
            filter_control(self, (char)byte);
    }
}

static void designate(terminal_filter *self, uint8_t final) {
    if (self->between < '(' || self->between > '+')
        return;
    // A set that is not known would leave line drawing on.
    char sequence[] = {0x1b, (char)self->between, final == '0' || final == 'A' ? (char) final : 'B'};
    filter_put(self, sequence, sizeof sequence);
}

static void escape_end(terminal_filter *self, uint8_t final) {
    char sequence[] = {0x1b, (char)self->between, (char) final};
    self->state = GROUND;
    if (self->between == '#' && strchr("34568", final))
        filter_put(self, sequence, sizeof sequence);
    else
        designate(self, final);
}

static void escape_byte(terminal_filter *self, uint8_t byte) {
    char sequence[] = {0x1b, (char)byte};
    self->state = GROUND;
    if (byte >= 0x20 && byte <= 0x2f) {
        self->between = byte;
        self->state = ESCAPE_REST;
    } else if (byte == '[') {
        begin_control(self);
    } else if (byte == ']' || byte == 'P' || byte == 'X' || byte == '^' || byte == '_' || byte == 'k') {
        begin_string(self, byte);
    } else if (byte == '8') {
        filter_put_text(self, "\x1b[?1048l"); // the same, and libvterm looks where the cursor ends up
    } else if (byte == 'Z') {
        filter_put_text(self, "\x1b[c");
    } else if (byte == 'c') {
        filter_reset(self);
    } else if (byte && strchr("7=>DEHMNOno", byte)) {
        filter_put(self, sequence, sizeof sequence);
    }
}

// ---- bytes ----

static void c0(terminal_filter *self, uint8_t byte) {
    if (byte >= 0x07 && byte <= 0x0f)
        filter_put(self, (const char *)&byte, 1);
}

// An invalid sequence is one replacement character (Unicode 3.9, U+FFFD).
static void utf8_byte(terminal_filter *self, uint8_t byte) {
    static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
    if ((byte & 0xc0) == 0x80 && self->missing) {
        self->character = self->character << 6 | (byte & 0x3f);
        if (--self->missing == 0)
            filter_character(self, self->character < self->least ? 0xfffd : self->character);
        return;
    }
    if (self->missing)
        filter_character(self, 0xfffd);
    self->missing = byte >= 0xf0 && byte <= 0xf4  ? 3
                    : byte >= 0xe0 && byte < 0xf0 ? 2
                                                  : byte >= 0xc2 && byte < 0xe0;
    self->least = least[self->missing];
    self->character = byte & (0x3fu >> self->missing);
    if (!self->missing)
        filter_character(self, 0xfffd);
}

static void ground_byte(terminal_filter *self, uint8_t byte) {
    if (byte >= 0x80) {
        utf8_byte(self, byte);
        return;
    }
    if (self->missing) {
        self->missing = 0;
        filter_character(self, 0xfffd);
    }
    if (byte < 0x20)
        c0(self, byte);
}

static void step(terminal_filter *self, uint8_t byte) {
    if (byte == 0x1b) {
        ground_byte(self, 0); // a character that was begun stays one
        self->state = self->state == STRING ? STRING_ESCAPE : ESCAPE;
    } else if (byte == 0x18 || byte == 0x1a) {
        self->state = GROUND;
    } else if (self->state == STRING) {
        if (byte == 0x07 && self->string_kind == ']')
            end_string(self);
        else
            string_byte(self, byte);
    } else if (self->state == STRING_ESCAPE && byte == '\\') {
        end_string(self);
    } else if (self->state == GROUND) {
        ground_byte(self, byte);
    } else if (byte < 0x20) {
        c0(self, byte); // goes on beside the sequence
    } else if (byte == 0x7f) {
        return;
    } else if (self->state == ESCAPE || self->state == STRING_ESCAPE) {
        escape_byte(self, byte);
    } else if (self->state == CONTROL) {
        control_byte(self, byte);
    } else if (byte >= 0x30) {
        escape_end(self, byte);
    }
}

// The length of the printable ASCII at the start.
static size_t plain(const uint8_t *bytes, size_t length) {
    size_t i = 0;
    while (i < length && (uint8_t)(bytes[i] - 0x20) < 0x5f)
        i++;
    return i;
}

void terminal_filter_write(terminal_filter *self, const void *bytes, size_t length) {
    const uint8_t *at = bytes, *end = at + length;
    while (at < end) {
        size_t most = (size_t)(end - at) < sizeof self->piece ? (size_t)(end - at) : sizeof self->piece;
        size_t run = self->state == GROUND && !self->missing ? plain(at, most) : 0;
        if (run) {
            filter_put(self, (const char *)at, run);
            self->last[0] = (char)at[run - 1];
            self->last_length = 1;
            self->marks = 0;
            at += run;
        } else if (self->state == GROUND && self->missing && (uint8_t)(*at - 0x20) < 0x5f) {
            ground_byte(self, 0);
        } else {
            step(self, *at++);
        }
    }
    flush(self);
}
