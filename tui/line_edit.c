#include "tui/line_edit.h"

#include <string.h>

#include "tui/cell.h"

static void insert(line_edit *self, const char *bytes, size_t length) {
    if (self->length + length >= LINE_EDIT_SIZE)
        return;
    memmove(self->text + self->cursor + length, self->text + self->cursor, self->length - self->cursor + 1);
    memcpy(self->text + self->cursor, bytes, length);
    self->length += length;
    self->cursor += length;
}

static void insert_char(line_edit *self, uint32_t c) {
    char bytes[4];
    if (cell_char_printable(c))
        insert(self, bytes, cell_utf8_encode(c, bytes));
}

static void erase(line_edit *self, size_t from, size_t to) {
    memmove(self->text + from, self->text + to, self->length - to + 1);
    self->length -= to - from;
    self->cursor = from;
}

static size_t before(const line_edit *self) {
    size_t at = self->cursor;
    while (at > 0 && ((unsigned char)self->text[--at] & 0xc0) == 0x80)
        ;
    return at;
}

static size_t after(const line_edit *self) {
    size_t at = self->cursor;
    if (at < self->length)
        at++;
    while (at < self->length && ((unsigned char)self->text[at] & 0xc0) == 0x80)
        at++;
    return at;
}

static size_t word_start(const line_edit *self) {
    size_t at = self->cursor;
    while (at > 0 && self->text[at - 1] == ' ')
        at--;
    while (at > 0 && self->text[at - 1] != ' ')
        at--;
    return at;
}

void line_edit_set(line_edit *self, const char *text) {
    *self = (line_edit){0};
    size_t length = strlen(text), used;
    for (size_t i = 0; i < length; i += used)
        insert_char(self, cell_utf8_decode(text + i, length - i, &used));
}

static bool paste(line_edit *self, const input_event *event) {
    size_t used;
    for (size_t i = 0; i < event->length; i += used) {
        uint32_t c = cell_utf8_decode(event->text + i, event->length - i, &used);
        insert_char(self, c == '\n' || c == '\r' || c == '\t' ? ' ' : c);
    }
    return true;
}

bool line_edit_key(line_edit *self, const input_event *event) {
    switch (event->key) {
    case INPUT_PASTE:
        return paste(self, event);
    case INPUT_BACKSPACE:
        erase(self, before(self), self->cursor);
        return true;
    case INPUT_DELETE:
        erase(self, self->cursor, after(self));
        return true;
    case INPUT_LEFT:
        self->cursor = before(self);
        return true;
    case INPUT_RIGHT:
        self->cursor = after(self);
        return true;
    case INPUT_HOME:
    case INPUT_CTRL('a'):
        self->cursor = 0;
        return true;
    case INPUT_END:
    case INPUT_CTRL('e'):
        self->cursor = self->length;
        return true;
    case INPUT_CTRL('u'):
        erase(self, 0, self->cursor);
        return true;
    case INPUT_CTRL('k'):
        erase(self, self->cursor, self->length);
        return true;
    case INPUT_CTRL('w'):
        erase(self, word_start(self), self->cursor);
        return true;
    default:
        if (event->key >= INPUT_UP || event->modifiers & (INPUT_ALT | INPUT_CONTROL) ||
            !cell_char_printable(event->key))
            return false;
        insert_char(self, event->key);
        return true;
    }
}

int line_edit_column(const line_edit *self) {
    char copy[LINE_EDIT_SIZE];
    memcpy(copy, self->text, self->cursor);
    copy[self->cursor] = 0;
    return cell_text_width(copy);
}
