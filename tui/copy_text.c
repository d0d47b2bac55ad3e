#include "tui/copy_text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "core/holm.h"

void copy_line_finish(copy_line *self) {
    grid_finish(&self->row);
    free(self->text);
    free(self->columns);
    *self = COPY_LINE_INIT;
}

static void reserve(copy_line *self, size_t capacity) {
    if (capacity <= self->capacity)
        return;
    self->text = realloc(self->text, capacity + 1);
    self->columns = realloc(self->columns, (capacity + 1) * sizeof *self->columns);
    if (!self->text || !self->columns)
        abort();
    self->capacity = capacity;
}

void copy_line_read(copy_line *self, const terminal *screen, uint64_t number) {
    int width = terminal_columns(screen);
    if (self->row.columns != width || self->row.rows != 1)
        grid_resize(&self->row, width, 1);
    grid_clear(&self->row, (cell_style){0});
    terminal_read_line(screen, number, &self->row);
    reserve(self, (size_t)width * CELL_CHARS * 4);
    size_t end = 0;
    self->length = 0;
    for (int x = 0; x < width; x++) {
        const cell *at = grid_at(&self->row, x, 0);
        for (int i = 0; i < CELL_CHARS && at->chars[i]; i++) {
            size_t step = cell_utf8_encode(at->chars[i], self->text + self->length);
            for (size_t k = 0; k < step; k++)
                self->columns[self->length++] = x;
        }
        if (at->chars[0] && at->chars[0] != ' ')
            end = self->length;
    }
    self->length = end;
    self->text[end] = 0;
}

static bool has_capital(const char *text) {
    while (*text && !isupper((unsigned char)*text))
        text++;
    return *text;
}

int copy_line_find(const copy_line *self, const char *wanted, bool back, int from) {
    bool exact = has_capital(wanted);
    int found = -1;
    if (!*wanted || !self->text)
        return -1;
    for (const char *at = self->text; (at = exact ? strstr(at, wanted) : strcasestr(at, wanted)); at++) {
        int column = self->columns[at - self->text];
        if (from != COPY_LINE_ANY && (back ? column >= from : column <= from)) {
            if (back)
                break;
            continue;
        }
        found = column;
        if (!back)
            break;
    }
    return found;
}

int copy_line_end(const terminal *screen, uint64_t number) {
    cleanup_copy_line copy_line line = COPY_LINE_INIT;
    copy_line_read(&line, screen, number);
    return line.length ? line.columns[line.length - 1] : 0;
}

static bool is_word(const copy_line *line, int x) {
    const cell *at = grid_at(&line->row, x, 0);
    return at && (at->chars[0] >= 0x80 || isalnum((int)at->chars[0]) || at->chars[0] == '_');
}

int copy_word_next(const terminal *screen, uint64_t number, int column) {
    cleanup_copy_line copy_line line = COPY_LINE_INIT;
    copy_line_read(&line, screen, number);
    int x = column;
    while (x < line.row.columns && is_word(&line, x))
        x++;
    while (x < line.row.columns && !is_word(&line, x))
        x++;
    return x < line.row.columns ? x : column;
}

int copy_word_previous(const terminal *screen, uint64_t number, int column) {
    cleanup_copy_line copy_line line = COPY_LINE_INIT;
    copy_line_read(&line, screen, number);
    int x = column;
    while (x > 0 && !is_word(&line, x - 1))
        x--;
    while (x > 0 && is_word(&line, x - 1))
        x--;
    return x;
}

char *copy_range_text(const copy_range *self, const terminal *screen, size_t most) {
    cleanup_copy_line copy_line line = COPY_LINE_INIT;
    buffer out = BUFFER_INIT;
    for (uint64_t number = self->first; number <= self->last && out.length < most; number++) {
        copy_line_read(&line, screen, number);
        if (number > self->first)
            buffer_append(&out, "\n", 1);
        size_t from = 0, to = line.length;
        while (number == self->first && from < to && line.columns[from] < self->first_column)
            from++;
        while (number == self->last && to > from && line.columns[to - 1] > self->last_column)
            to--;
        while (out.length + (to - from) > most && to > from)
            to--;
        while (to > from && to < line.length && ((uint8_t)line.text[to] & 0xc0) == 0x80)
            to--;
        buffer_append(&out, line.text + from, to - from);
    }
    return buffer_steal_text(&out);
}
