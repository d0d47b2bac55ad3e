// Cells as the sequences that print them.
#include <string.h>

#include "core/container/terminal_internal.h"

static void append_utf8(buffer *out, uint32_t character) {
    uint8_t bytes[4];
    size_t length;
    if (character < 0x80) {
        bytes[0] = (uint8_t)character;
        length = 1;
    } else if (character < 0x800) {
        bytes[0] = (uint8_t)(0xc0 | character >> 6);
        length = 2;
    } else if (character < 0x10000) {
        bytes[0] = (uint8_t)(0xe0 | character >> 12);
        length = 3;
    } else {
        bytes[0] = (uint8_t)(0xf0 | (character >> 18 & 7));
        length = 4;
    }
    for (size_t i = 1; i < length; i++)
        bytes[i] = (uint8_t)(0x80 | (character >> 6 * (length - 1 - i) & 0x3f));
    buffer_append(out, bytes, length);
}

static void append_color(buffer *out, const VTermColor *color, bool background) {
    if (background ? VTERM_COLOR_IS_DEFAULT_BG(color) : VTERM_COLOR_IS_DEFAULT_FG(color))
        return;
    if (VTERM_COLOR_IS_INDEXED(color))
        buffer_append_format(out, ";%d;5;%d", background ? 48 : 38, color->indexed.idx);
    else
        buffer_append_format(out, ";%d;2;%d;%d;%d", background ? 48 : 38, color->rgb.red, color->rgb.green,
                             color->rgb.blue);
}

static void append_pen(buffer *out, const VTermScreenCell *cell) {
    buffer_append_text(out, "\x1b[0");
    if (cell->attrs.bold)
        buffer_append_text(out, ";1");
    if (cell->attrs.italic)
        buffer_append_text(out, ";3");
    if (cell->attrs.underline == VTERM_UNDERLINE_SINGLE)
        buffer_append_text(out, ";4");
    if (cell->attrs.underline == VTERM_UNDERLINE_DOUBLE)
        buffer_append_text(out, ";21");
    if (cell->attrs.underline == VTERM_UNDERLINE_CURLY)
        buffer_append_text(out, ";4:3");
    if (cell->attrs.blink)
        buffer_append_text(out, ";5");
    if (cell->attrs.reverse)
        buffer_append_text(out, ";7");
    if (cell->attrs.strike)
        buffer_append_text(out, ";9");
    if (cell->attrs.font)
        buffer_append_format(out, ";%d", 10 + cell->attrs.font);
    append_color(out, &cell->fg, false);
    append_color(out, &cell->bg, true);
    buffer_append_text(out, "m");
}

static bool same_color(const VTermColor *one, const VTermColor *other) {
    // A default colour also carries the value it stands for; only that it is the default counts.
    if (VTERM_COLOR_IS_DEFAULT_FG(one) || VTERM_COLOR_IS_DEFAULT_BG(one) ||
        VTERM_COLOR_IS_DEFAULT_FG(other) || VTERM_COLOR_IS_DEFAULT_BG(other))
        return ((one->type ^ other->type) & VTERM_COLOR_DEFAULT_MASK) == 0;
    return vterm_color_is_equal(one, other);
}

static bool same_pen(const VTermScreenCell *one, const VTermScreenCell *other) {
    return one->attrs.bold == other->attrs.bold && one->attrs.italic == other->attrs.italic &&
           one->attrs.underline == other->attrs.underline && one->attrs.blink == other->attrs.blink &&
           one->attrs.reverse == other->attrs.reverse && one->attrs.strike == other->attrs.strike &&
           one->attrs.font == other->attrs.font && same_color(&one->fg, &other->fg) &&
           same_color(&one->bg, &other->bg);
}

static const VTermScreenCell *plain_cell(void) {
    static VTermScreenCell plain;
    plain.fg.type = VTERM_COLOR_DEFAULT_FG;
    plain.bg.type = VTERM_COLOR_DEFAULT_BG;
    return &plain;
}

static bool looks_empty(const VTermScreenCell *cell) {
    return cell->chars[0] == 0 && !cell->attrs.reverse && !cell->attrs.underline && !cell->attrs.strike &&
           VTERM_COLOR_IS_DEFAULT_BG(&cell->bg);
}

void cells_encode(const VTermScreenCell *cells, unsigned count, buffer *out) {
    const VTermScreenCell *pen = plain_cell();
    while (count && looks_empty(&cells[count - 1]))
        count--;
    for (unsigned i = 0; i < count; i++) {
        const VTermScreenCell *cell = &cells[i];
        if (cell->chars[0] == (uint32_t)-1)
            continue; // the right half of a wide character
        if (looks_empty(cell)) {
            // Left as it is: a blank that was printed is not one that never was.
            unsigned run = 1;
            while (i + run < count && looks_empty(&cells[i + run]))
                run++;
            buffer_append_format(out, "\x1b[%uC", run);
            i += run - 1;
            continue;
        }
        if (!same_pen(cell, pen))
            append_pen(out, pen = cell);
        if (cell->chars[0] == 0) {
            buffer_append_text(out, "\x1b[X\x1b[C"); // coloured, without a character
            continue;
        }
        for (unsigned j = 0; j < VTERM_MAX_CHARS_PER_CELL && cell->chars[j]; j++)
            append_utf8(out, cell->chars[j]);
    }
    if (pen != plain_cell())
        buffer_append_text(out, "\x1b[0m");
}

static void append_line_size(const terminal *self, int row, buffer *out) {
    const VTermLineInfo *line = vterm_state_get_lineinfo(vterm_obtain_state(self->vterm), row);
    if (line->doubleheight)
        buffer_append_text(out, line->doubleheight == 1 ? "\x1b#3" : "\x1b#4");
    else if (line->doublewidth)
        buffer_append_text(out, "\x1b#6");
}

void screen_encode(const terminal *self, buffer *out) {
    VTermScreenCell cells[TERMINAL_SIZE_MOST];
    for (unsigned row = 0; row < self->rows; row++) {
        for (unsigned column = 0; column < self->columns; column++)
            vterm_screen_get_cell(self->screen, (VTermPos){.row = (int)row, .col = (int)column},
                                  &cells[column]);
        buffer_append_format(out, "\x1b[%u;1H", row + 1);
        append_line_size(self, (int)row, out);
        cells_encode(cells, self->columns, out);
    }
    VTermState *state = vterm_obtain_state(self->vterm);
    VTermPos cursor;
    VTermScreenCell pen = *plain_cell();
    VTermValue value;
    vterm_state_get_cursorpos(state, &cursor);
    buffer_append_format(out, "\x1b[%d;%dH", cursor.row + 1, cursor.col + 1);
    vterm_state_get_penattr(state, VTERM_ATTR_BOLD, &value);
    pen.attrs.bold = value.boolean & 1;
    vterm_state_get_penattr(state, VTERM_ATTR_UNDERLINE, &value);
    pen.attrs.underline = value.number & 3;
    vterm_state_get_penattr(state, VTERM_ATTR_ITALIC, &value);
    pen.attrs.italic = value.boolean & 1;
    vterm_state_get_penattr(state, VTERM_ATTR_BLINK, &value);
    pen.attrs.blink = value.boolean & 1;
    vterm_state_get_penattr(state, VTERM_ATTR_REVERSE, &value);
    pen.attrs.reverse = value.boolean & 1;
    vterm_state_get_penattr(state, VTERM_ATTR_STRIKE, &value);
    pen.attrs.strike = value.boolean & 1;
    vterm_state_get_penattr(state, VTERM_ATTR_FONT, &value);
    pen.attrs.font = value.number & 15;
    vterm_state_get_penattr(state, VTERM_ATTR_FOREGROUND, &value);
    pen.fg = value.color;
    vterm_state_get_penattr(state, VTERM_ATTR_BACKGROUND, &value);
    pen.bg = value.color;
    append_pen(out, &pen);
}
