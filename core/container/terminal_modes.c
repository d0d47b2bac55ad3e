// The modes of a terminal, read from what the program prints.
#include <string.h>

#include "core/container/terminal_internal.h"

enum { GROUND, ESCAPE, CONTROL, STRING, STRING_ESCAPE, CHARSET_0, CHARSET_1, ESCAPE_REST };

static const struct {
    unsigned number;
    private_mode mode;
} numbers[] = {
    {1, MODE_CURSOR_KEYS},        {5, MODE_REVERSE},         {6, MODE_ORIGIN},        {7, MODE_WRAP},
    {9, MODE_MOUSE_X10},          {25, MODE_CURSOR_VISIBLE}, {47, MODE_ALTERNATE},    {1047, MODE_ALTERNATE},
    {1049, MODE_ALTERNATE},       {1000, MODE_MOUSE_CLICK},  {1002, MODE_MOUSE_DRAG}, {1003, MODE_MOUSE_MOVE},
    {1004, MODE_FOCUS},           {1005, MODE_MOUSE_UTF8},   {1006, MODE_MOUSE_SGR},  {1015, MODE_MOUSE_RXVT},
    {2004, MODE_BRACKETED_PASTE},
};

void modes_init(modes *self) {
    *self = (modes){.charset = {'B', 'B'}};
    self->on[MODE_WRAP] = self->on[MODE_CURSOR_VISIBLE] = true;
}

// DECSTR: what a soft reset brings back (DEC STD 070; libvterm does the same).
static void soft_reset(modes *self) {
    self->on[MODE_ORIGIN] = self->on[MODE_CURSOR_KEYS] = false;
    self->on[MODE_CURSOR_VISIBLE] = self->on[MODE_WRAP] = true;
    self->insert = self->keypad = self->shifted = false;
    self->charset[0] = self->charset[1] = 'B';
    self->top = self->bottom = 0;
}

static bool set_private(modes *self, bool on) {
    bool was = self->on[MODE_ALTERNATE];
    for (unsigned i = 0; i < self->parameter_count; i++)
        for (size_t j = 0; j < array_length(numbers); j++)
            if (numbers[j].number == self->parameters[i])
                self->on[numbers[j].mode] = on;
    return was != self->on[MODE_ALTERNATE];
}

static unsigned parameter(const modes *self, unsigned index) {
    return index < self->parameter_count ? self->parameters[index] : 0;
}

static bool control_end(modes *self, uint8_t final) {
    bool on = final == 'h';
    if (self->prefix == '?' && !self->between && (on || final == 'l'))
        return set_private(self, on);
    if (!self->prefix && !self->between && (on || final == 'l')) {
        for (unsigned i = 0; i < self->parameter_count; i++) {
            if (self->parameters[i] == 4)
                self->insert = on;
            if (self->parameters[i] == 20)
                self->newline = on;
        }
    } else if (!self->prefix && !self->between && final == 'r') {
        self->top = parameter(self, 0);
        self->bottom = parameter(self, 1);
    } else if (!self->prefix && self->between == ' ' && final == 'q') {
        self->cursor_shape = parameter(self, 0) <= 6 ? parameter(self, 0) : 0;
    } else if (!self->prefix && self->between == '!' && final == 'p') {
        soft_reset(self);
    }
    return false;
}

static bool control_step(modes *self, uint8_t byte) {
    if (byte >= '0' && byte <= '9') {
        unsigned *now = &self->parameters[self->parameter_count ? self->parameter_count - 1 : 0];
        if (!self->parameter_count)
            self->parameter_count = 1;
        if (*now < 100000)
            *now = *now * 10 + (byte - '0');
    } else if (byte == ';' || byte == ':') {
        if (!self->parameter_count)
            self->parameter_count = 1;
        if (self->parameter_count < MODES_PARAMETERS)
            self->parameter_count++;
    } else if (byte >= '<' && byte <= '?') {
        self->prefix = (char)byte;
    } else if (byte >= 0x20 && byte <= 0x2f) {
        self->between = (char)byte;
    } else if (byte >= 0x40 && byte <= 0x7e) {
        self->state = GROUND;
        return control_end(self, byte);
    } else if (byte == 0x18 || byte == 0x1a) {
        self->state = GROUND;
    }
    return false;
}

static bool escape_step(modes *self, uint8_t byte) {
    self->state = GROUND;
    switch (byte) {
    case '[':
        self->state = CONTROL;
        self->prefix = self->between = 0;
        self->parameter_count = 0;
        memset(self->parameters, 0, sizeof self->parameters);
        break;
    case ']':
    case 'P':
    case '_':
    case '^':
    case 'X':
        self->state = STRING;
        break;
    case '(':
        self->state = CHARSET_0;
        break;
    case ')':
        self->state = CHARSET_1;
        break;
    case '=':
    case '>':
        self->keypad = byte == '=';
        break;
    case 'c': {
        bool was = self->on[MODE_ALTERNATE];
        modes_init(self);
        return was;
    }
    default:
        if (byte >= 0x20 && byte <= 0x2f)
            self->state = ESCAPE_REST;
    }
    return false;
}

bool modes_step(modes *self, uint8_t byte) {
    if (byte == 0x1b && self->state != STRING) {
        self->state = ESCAPE;
        return false;
    }
    switch (self->state) {
    case ESCAPE:
        return escape_step(self, byte);
    case CONTROL:
        return control_step(self, byte);
    case STRING:
        if (byte == 0x07 || byte == 0x18 || byte == 0x1a)
            self->state = GROUND;
        else if (byte == 0x1b)
            self->state = STRING_ESCAPE;
        return false;
    case STRING_ESCAPE:
        // ESC \ ends the string; any other sequence ends it too and begins itself.
        self->state = ESCAPE;
        return byte == '\\' ? (self->state = GROUND, false) : escape_step(self, byte);
    case CHARSET_0:
    case CHARSET_1:
        self->charset[self->state == CHARSET_1] = byte >= 0x30 && byte <= 0x7e ? (char)byte : 'B';
        self->state = GROUND;
        return false;
    case ESCAPE_REST:
        if (byte >= 0x30)
            self->state = GROUND;
        return false;
    default:
        if (byte == 0x0e || byte == 0x0f)
            self->shifted = byte == 0x0e;
        return false;
    }
}

void modes_repaint(const modes *self, buffer *out) {
    for (size_t i = 0; i < array_length(numbers); i++) {
        private_mode mode = numbers[i].mode;
        bool first = mode == MODE_WRAP || mode == MODE_CURSOR_VISIBLE;
        if (mode != MODE_ALTERNATE && mode != MODE_ORIGIN && self->on[mode] != first)
            buffer_append_format(out, "\x1b[?%u%c", numbers[i].number, self->on[mode] ? 'h' : 'l');
    }
    if (self->insert)
        buffer_append_text(out, "\x1b[4h");
    if (self->newline)
        buffer_append_text(out, "\x1b[20h");
    if (self->keypad)
        buffer_append_text(out, "\x1b=");
    for (unsigned i = 0; i < 2; i++)
        if (self->charset[i] != 'B')
            buffer_append_format(out, "\x1b%c%c", i ? ')' : '(', self->charset[i]);
    if (self->shifted)
        buffer_append_text(out, "\x0e");
    if (self->cursor_shape)
        buffer_append_format(out, "\x1b[%u q", self->cursor_shape);
}
