// Control sequences: those that go on, and in which form.
#include <string.h>

#include "core/base/terminal_filter_internal.h"

#define KEY(leader, between, final) ((unsigned)(leader) << 16 | (unsigned)(between) << 8 | (unsigned)(final))

static size_t put_number(char *out, int value) {
    char digits[8];
    size_t count = 0, length = 0;
    do
        digits[count++] = (char)('0' + value % 10);
    while ((value /= 10) > 0);
    while (count)
        out[length++] = digits[--count];
    return length;
}

void filter_put_control(terminal_filter *self, char leader, const int *parameters, unsigned count,
                        char between, char final) {
    char text[8 + 6 * TERMINAL_FILTER_PARAMETERS] = "\x1b[";
    size_t length = 2;
    if (leader)
        text[length++] = leader;
    for (unsigned i = 0; i < count; i++) {
        if (i)
            text[length++] = ';';
        if (parameters[i] >= 0)
            length += put_number(text + length, parameters[i]);
    }
    if (between)
        text[length++] = between;
    text[length++] = final;
    filter_put(self, text, length);
}

static int parameter(const terminal_filter *self, unsigned index, int otherwise) {
    return index < self->count && self->parameters[index] >= 0 ? self->parameters[index] : otherwise;
}

static void pass(terminal_filter *self, unsigned most, char final) {
    filter_put_control(self, (char)self->leader, self->parameters, self->count < most ? self->count : most,
                       (char)self->between, final);
}

static bool mode_known(int mode) {
    static const int known[] = {1,    5,    6,    7,    12,   25,   69,   1000, 1002,
                                1003, 1004, 1005, 1006, 1015, 1047, 1048, 1049, 2004};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i] == mode)
            return true;
    return false;
}

// DECCOLM: the columns stay as many as they are, and all else that it does is done (DEC STD 070).
static void switch_columns(terminal_filter *self) {
    if (!self->may_switch_columns)
        return;
    self->margins = self->region = false;
    filter_put_text(self, "\x1b[?69l\x1b[r\x1b[H\x1b[2J");
}

// libvterm 0.1.4 reads the first parameter only, and does not know the oldest name of the other screen.
static void private_modes(terminal_filter *self, char final) {
    for (unsigned i = 0; i < self->count; i++) {
        int mode = self->parameters[i] == 47 ? 1047 : self->parameters[i];
        if (mode == 40)
            self->may_switch_columns = final == 'h';
        else if (mode == 3)
            switch_columns(self);
        if (!mode_known(mode))
            continue;
        if (mode == 69)
            self->margins = final == 'h';
        filter_put_control(self, '?', &mode, 1, 0, final);
    }
}

static void ansi_modes(terminal_filter *self, char final) {
    for (unsigned i = 0; i < self->count; i++)
        if (self->parameters[i] == 4 || self->parameters[i] == 20)
            filter_put_control(self, 0, &self->parameters[i], 1, 0, final);
}

// CSI s saves the cursor, unless left and right margins are in force: then it sets them.
static void margins_or_save(terminal_filter *self) {
    if (self->margins) {
        self->region = true;
        pass(self, 2, 's');
    } else if (self->count == 0) {
        filter_put_text(self, "\x1b"
                              "7");
    }
}

// libvterm 0.1.4 repeats without end what has no width, and writes a wide one over the edge.
static void repeat(terminal_filter *self) {
    int count = parameter(self, 0, 1);
    count = count < 1 ? 1 : count > (int)self->columns ? (int)self->columns : count;
    for (int i = 0; self->last_length && i < count; i++)
        filter_put(self, self->last, self->last_length);
}

// DECSTR, which 0.1.4 does not read (DEC STD 070, xterm): the cursor stays.
static void soft_reset(terminal_filter *self) {
    self->margins = self->region = false;
    filter_put_text(self, "\x1b[4l\x1b[?1l\x1b>\x1b[?25h\x1b[?7h\x1b[?69l\x1b(B\x1b)B\x0f\x1b[m\x1b"
                          "7\x1b[?6l\x1b[r\x1b[s\x1b[?1048l");
}

// RIS: 0.1.4 stays on the other screen and goes on telling of the mouse.
void filter_reset(terminal_filter *self) {
    self->margins = self->region = self->may_switch_columns = false;
    self->last_length = 0;
    filter_put_text(self, "\x1b[?1000l\x1b[?1006l\x1b[?1047l\x1b[?5l\x1b"
                          "c");
}

static void plain_control(terminal_filter *self, char final) {
    if (final == 'm')
        filter_graphics(self);
    else if (final == 'h' || final == 'l')
        ansi_modes(self, final);
    else if (final == 's')
        margins_or_save(self);
    else if (final == 'u' && self->count == 0)
        filter_put_text(self, "\x1b[?1048l");
    else if (final == 'b')
        repeat(self);
    else if (final == 'T' ? self->count <= 1 : final && strchr("@ABCDEFGIJKLMPSXZ`adegjk", final) != NULL)
        pass(self, 1, final);
    else if (final == 'H' || final == 'f')
        pass(self, 2, final);
    else if (final == 'n' ? parameter(self, 0, 0) == 5 || parameter(self, 0, 0) == 6
                          : final == 'c' && parameter(self, 0, 0) == 0)
        pass(self, 1, final);
    if (final == 'r') {
        self->region = true;
        pass(self, 2, final);
    }
}

void filter_control(terminal_filter *self, char final) {
    if (!self->leader && !self->between) {
        plain_control(self, final);
        return;
    }
    switch (KEY(self->leader, self->between, final)) {
    case KEY('?', 0, 'h'):
    case KEY('?', 0, 'l'):
        private_modes(self, final);
        break;
    case KEY('?', 0, 'n'):
        if (parameter(self, 0, 0) == 6)
            pass(self, 1, final);
        break;
    case KEY('?', 0, 'J'):
    case KEY('?', 0, 'K'):
    case KEY('?', '$', 'p'):
    case KEY('>', 0, 'c'):
    case KEY(0, ' ', 'q'):
    case KEY(0, '"', 'q'):
    case KEY(0, '\'', '}'):
    case KEY(0, '\'', '~'):
        pass(self, 1, final);
        break;
    case KEY(0, '!', 'p'):
        soft_reset(self);
        break;
    default:
        break;
    }
}
