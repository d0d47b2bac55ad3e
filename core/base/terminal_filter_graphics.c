// SGR, in the form that libvterm 0.1.4 reads: colours whole and with semicolons (it takes parts of a colour
// for attributes of their own), no more parameters than it has room for.
#include "core/base/terminal_filter_internal.h"

#define TOGETHER 10 ///< parameters in one sequence; a colour adds five

typedef struct list {
    int values[TOGETHER + 5];
    unsigned count;
} list;

static void flush(terminal_filter *self, list *now) {
    if (now->count)
        filter_put_control(self, 0, now->values, now->count, 0, 'm');
    now->count = 0;
}

static void add(terminal_filter *self, list *now, int value) {
    if (now->count >= TOGETHER)
        flush(self, now);
    now->values[now->count++] = value;
}

static int byte_of(int value) {
    return value < 0 ? 0 : value > 255 ? 255 : value;
}

static void add_color(terminal_filter *self, list *now, int which, int kind, const int *values) {
    if (which == 58) // the underline's own, which nobody here draws
        return;
    if (now->count >= TOGETHER)
        flush(self, now);
    now->values[now->count++] = which;
    now->values[now->count++] = kind;
    for (unsigned i = 0; i < (kind == 5 ? 1 : 3); i++)
        now->values[now->count++] = byte_of(values[i]);
}

// `end` is behind the group that colons join. Returns what to go on with; a colour that is cut off ends it.
static unsigned color(terminal_filter *self, list *now, unsigned at, unsigned end) {
    const int *from = &self->parameters[at];
    bool colons = end > at + 1;
    unsigned have = (colons ? end : self->count) - at;
    if (have < 3)
        return colons ? end : self->count;
    if (from[1] == 5) {
        add_color(self, now, from[0], 5, from + 2);
        return colons ? end : at + 3;
    }
    if (from[1] != 2)
        return colons ? end : at + 2;
    // 38:2:space:r:g:b as the standard has it, or 38:2:r:g:b as most write it.
    if (have >= 5)
        add_color(self, now, from[0], 2, from + (colons && have >= 6 ? 3 : 2));
    return colons ? end : have >= 5 ? at + 5 : self->count;
}

static int underline(int kind) {
    return kind == 0 ? 24 : kind == 2 ? 21 : 4;
}

void filter_graphics(terminal_filter *self) {
    list now = {.count = 0};
    if (self->count == 0)
        add(self, &now, 0);
    for (unsigned i = 0; i < self->count;) {
        unsigned end = i + 1;
        int value = self->parameters[i] < 0 ? 0 : self->parameters[i];
        while (end < self->count && self->joined >> end & 1)
            end++;
        if (value == 38 || value == 48 || value == 58) {
            i = color(self, &now, i, end);
            continue;
        }
        if (value == 4 && end > i + 1 && self->parameters[i + 1] == 3) {
            flush(self, &now);
            filter_put_text(self, "\x1b[4:3m");
        } else if (value == 4 && end > i + 1) {
            add(self, &now, underline(self->parameters[i + 1]));
        } else if (end == i + 1 && value < 108) {
            add(self, &now, value == 6 ? 5 : value);
        }
        i = end;
    }
    flush(self, &now);
}
