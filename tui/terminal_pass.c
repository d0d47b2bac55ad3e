// Lines that scroll by unseen need no cells. Where a program writes more plain lines at once than the screen
// has rows, all but the last screenful go straight to the scrollback: the emulator would move its whole
// screen up for each of them. It still reads every colour, so it is in the same state as if it had had them
// all.
#include <stdlib.h>
#include <string.h>

#include "tui/terminal_private.h"

#define LEAST_MORE 8 // lines more than the screen has: fewer are not worth it

// What makes a line other than a row of characters from the left edge on.
enum {
    ODD_REGION = 1,
    ODD_MARGINS = 2,
    ODD_ORIGIN = 4,
    ODD_INSERT = 8,
    ODD_REVERSE = 16,
    ODD_SET = 32,
    ODD_SHIFT = 64,
    ODD_SIZE = 128,
    ODD_PROTECTED = 256,
    ODD_CUT = 512, ///< long lines do not go on in the next row
};

// ---- tokens of what the filter lets through ----

typedef enum token_kind { TOKEN_TEXT, TOKEN_BREAK, TOKEN_GRAPHICS, TOKEN_OTHER } token_kind;

static size_t find_end(const char *bytes, size_t length, const char *end) {
    const char *found = memmem(bytes, length, end, strlen(end));
    return found ? (size_t)(found - bytes) + strlen(end) : length;
}

static size_t control_token(const char *bytes, size_t length, token_kind *kind) {
    size_t i = 2;
    bool plain = true;
    while (i < length && (bytes[i] < 0x40 || bytes[i] > 0x7e)) {
        plain = plain && bytes[i] >= '0' && bytes[i] <= ';';
        i++;
    }
    *kind = i < length && bytes[i] == 'm' && plain ? TOKEN_GRAPHICS : TOKEN_OTHER;
    return i < length ? i + 1 : length;
}

static size_t token(const char *bytes, size_t length, token_kind *kind) {
    size_t i = 0;
    *kind = TOKEN_OTHER;
    while (i < length && (uint8_t)(bytes[i] - 0x20) < 0x5f)
        i++;
    if (i) {
        *kind = TOKEN_TEXT;
        return i;
    }
    if (length > 1 && bytes[0] == '\r' && bytes[1] == '\n') {
        *kind = TOKEN_BREAK;
        return 2;
    }
    while (i < length && (uint8_t)bytes[i] >= 0x80)
        i++;
    if (i || bytes[0] != 0x1b || length < 2)
        return i ? i : 1;
    if (bytes[1] == '[')
        return control_token(bytes, length, kind);
    if (bytes[1] == ']')
        return find_end(bytes, length, "\a");
    if (bytes[1] == 'P')
        return find_end(bytes, length, "\x1b\\");
    size_t whole = strchr("()*+#", bytes[1]) ? 3 : 2;
    return whole < length ? whole : length;
}

// ---- odd modes ----

static void set_odd(terminal *self, unsigned bit, bool on) {
    self->odd = on ? self->odd | bit : self->odd & ~bit;
}

static void note_control(terminal *self, const char *bytes, size_t length) {
    char final = bytes[length - 1], between = bytes[length - 2];
    bool ask = bytes[2] == '?', on = final == 'h';
    int first = atoi(bytes + 2 + ask);
    const char *second = memchr(bytes, ';', length);
    if (ask && first == 7 && (on || final == 'l'))
        set_odd(self, ODD_CUT, !on);
    else if (ask && (on || final == 'l'))
        set_odd(self, first == 5 ? ODD_REVERSE : first == 6 ? ODD_ORIGIN : first == 69 ? ODD_MARGINS : 0, on);
    else if (!ask && first == 4 && (on || final == 'l'))
        set_odd(self, ODD_INSERT, on);
    else if (final == 'r')
        set_odd(self, ODD_REGION,
                first > 1 || (second && atoi(second + 1) && atoi(second + 1) != terminal_rows(self)));
    else if (final == 's' && length > 3)
        set_odd(self, ODD_MARGINS, true);
    else if (final == 'q' && between == '"')
        set_odd(self, ODD_PROTECTED, first == 1);
}

static void note(terminal *self, const char *bytes, size_t length) {
    char text[32] = ""; // ends with 0, for atoi
    if (bytes[0] == 0x0e || bytes[0] == 0x0f)
        set_odd(self, ODD_SHIFT, bytes[0] == 0x0e);
    if (bytes[0] != 0x1b || length < 2)
        return;
    memcpy(text, bytes, length < sizeof(text) - 1 ? length : sizeof(text) - 1);
    if (bytes[1] == '[' && length > 2 && length < sizeof(text))
        note_control(self, text, length);
    else if (bytes[1] == '[' && length > 2)
        set_odd(self, ODD_REGION, true); // too long for any that is known
    else if (bytes[1] == '(' && length > 2)
        set_odd(self, ODD_SET, bytes[2] != 'B');
    else if (bytes[1] == '#')
        set_odd(self, ODD_SIZE, true);
    else if (strchr("noNO", bytes[1]))
        set_odd(self, ODD_SHIFT, true);
    else if (bytes[1] == 'c')
        self->odd = 0;
}

// Whether text has a style behind this sequence: the emulator fills new lines with it.
static bool styled(const char *bytes, size_t length) {
    return !(length == 3 || (length == 4 && bytes[2] == '0'));
}

// ---- passing over ----

static cell_style pen(const terminal *self) {
    const VTermState *state = vterm_obtain_state(self->emulator);
    VTermScreenCell from = {0};
    VTermValue value;
    static const VTermAttr flags[] = {VTERM_ATTR_BOLD, VTERM_ATTR_ITALIC, VTERM_ATTR_BLINK,
                                      VTERM_ATTR_REVERSE, VTERM_ATTR_STRIKE};
    bool on[array_length(flags)];
    for (size_t i = 0; i < array_length(flags); i++)
        on[i] = vterm_state_get_penattr(state, flags[i], &value) && value.boolean;
    from.attrs.bold = on[0];
    from.attrs.italic = on[1];
    from.attrs.blink = on[2];
    from.attrs.reverse = on[3];
    from.attrs.strike = on[4];
    if (vterm_state_get_penattr(state, VTERM_ATTR_UNDERLINE, &value))
        from.attrs.underline = (unsigned)value.number & 3;
    if (vterm_state_get_penattr(state, VTERM_ATTR_FOREGROUND, &value))
        from.fg = value.color;
    if (vterm_state_get_penattr(state, VTERM_ATTR_BACKGROUND, &value))
        from.bg = value.color;
    return terminal_convert_style(&from);
}

static bool is_blank_below(const terminal *self, int row) {
    int rows = terminal_rows(self), columns = terminal_columns(self);
    for (; row < rows; row++) {
        for (int x = 0; x < columns; x++) {
            VTermScreenCell at;
            if (!vterm_screen_get_cell(self->screen, (VTermPos){.row = row, .col = x}, &at) || at.chars[0])
                return false;
            cell_style style = terminal_convert_style(&at);
            if (style.fg || style.bg || style.attributes)
                return false;
        }
    }
    return true;
}

static void push_rows(terminal *self, int count) {
    VTermScreenCell cells[SCROLLBACK_COLUMNS];
    int columns = terminal_columns(self);
    for (int row = 0; row < count; row++) {
        for (int x = 0; x < columns; x++)
            vterm_screen_get_cell(self->screen, (VTermPos){.row = row, .col = x}, &cells[x]);
        terminal_push_line(columns, cells, self);
    }
}

/// A row that is being read.
typedef struct row_reader {
    terminal *self;
    cell cells[SCROLLBACK_COLUMNS];
    int columns;
    size_t left; ///< rows that are wanted
} row_reader;

static void end_row(row_reader *rows) {
    scrollback_push(&rows->self->history, rows->cells, rows->columns);
    rows->columns = 0;
    rows->left--;
}

// Takes text until it begins a row that is not wanted; returns how much.
static size_t read_text(row_reader *rows, const char *bytes, size_t length, const cell_style *style) {
    int most = terminal_columns(rows->self);
    for (size_t i = 0; i < length; i++) {
        if (rows->columns == most)
            end_row(rows);
        if (!rows->left)
            return i;
        rows->cells[rows->columns++] = (cell){.chars = {(uint8_t)bytes[i]}, .width = 1, .style = *style};
    }
    return length;
}

// Puts so many rows into the scrollback; returns the bytes they take.
static size_t push_text(terminal *self, const char *bytes, size_t length, size_t count) {
    row_reader rows;
    rows.self = self;
    rows.columns = 0;
    rows.left = count;
    cell_style style = pen(self);
    size_t at = 0;
    while (rows.left) {
        token_kind kind;
        size_t step = token(bytes + at, length - at, &kind);
        if (kind == TOKEN_TEXT) {
            step = read_text(&rows, bytes + at, step, &style);
        } else if (kind == TOKEN_GRAPHICS) {
            vterm_input_write(self->emulator, bytes + at, step);
            style = pen(self);
        } else if (kind == TOKEN_BREAK) {
            end_row(&rows);
        }
        at += step;
    }
    return at;
}

// A stretch of plain lines with so many rows, the one that was begun before as one.
static void pass_over(terminal *self, const char *bytes, size_t length, size_t count) {
    size_t rows = (size_t)terminal_rows(self), at = find_end(bytes, length, "\r\n");
    VTermPos cursor;
    vterm_input_write(self->emulator, bytes, at); // the line that was begun before
    vterm_state_get_cursorpos(vterm_obtain_state(self->emulator), &cursor);
    cell_style now = pen(self);
    if (!now.fg && !now.bg && !now.attributes && is_blank_below(self, cursor.row)) {
        push_rows(self, cursor.row);
        at += push_text(self, bytes + at, length - at, count - rows);
        vterm_input_write(self->emulator, "\x1b[H\x1b[2J", 7);
        self->changed = true;
    }
    vterm_input_write(self->emulator, bytes + at, length - at);
}

/// Where the plain lines begin that are being read, and what has been seen of them.
typedef struct stretch {
    size_t from, line;       ///< line: where the last of them begins
    size_t rows, rows_until; ///< that are full; rows_until: where the last line begins
    size_t columns;          ///< of the last row
    bool begun, styled;      ///< begun: a line has ended since `from`, so the columns are known
} stretch;

// What lies before the stretch goes as it is, and so does a stretch that is too short.
static void finish_stretch(terminal *self, const char *bytes, size_t *written, const stretch *plain,
                           size_t end, size_t rows) {
    if (rows < (size_t)terminal_rows(self) + LEAST_MORE || self->odd)
        return;
    vterm_input_write(self->emulator, bytes + *written, plain->from - *written);
    *written = plain->from;
    if (self->alternate) // the other screen keeps nothing
        return;
    pass_over(self, bytes + plain->from, end - plain->from, rows);
    *written = end;
}

// Whether the token goes on with the stretch; a row that begins with a style does not.
static bool goes_on(stretch *plain, token_kind kind, size_t step, size_t most) {
    if (kind == TOKEN_OTHER || (kind == TOKEN_BREAK && plain->styled))
        return false;
    if (kind == TOKEN_TEXT && plain->begun) {
        plain->columns += step;
        size_t wrapped = (plain->columns - 1) / most;
        plain->rows += wrapped;
        plain->columns -= wrapped * most;
        return !wrapped || !plain->styled;
    }
    return true;
}

void terminal_pass(terminal *self, const char *bytes, size_t length) {
    size_t written = 0, most = (size_t)terminal_columns(self);
    stretch plain = {0};
    for (size_t at = 0, step; at < length; at += step) {
        token_kind kind;
        step = token(bytes + at, length - at, &kind);
        if (kind == TOKEN_GRAPHICS)
            plain.styled = styled(bytes + at, step);
        if (!goes_on(&plain, kind, step, most)) {
            // A line that is not plain is not one of them: they end before it.
            finish_stretch(self, bytes, &written, &plain, plain.begun ? plain.line : plain.from,
                           plain.rows_until);
            if (kind == TOKEN_OTHER)
                note(self, bytes + at, step);
            plain = (stretch){.from = at + step, .styled = plain.styled && kind != TOKEN_OTHER};
        } else if (kind == TOKEN_BREAK) {
            plain.rows_until = ++plain.rows;
            plain.line = at + step;
            plain.columns = 0;
            plain.begun = true;
        }
    }
    finish_stretch(self, bytes, &written, &plain, length, plain.rows);
    vterm_input_write(self->emulator, bytes + written, length - written);
}
