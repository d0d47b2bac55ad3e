#include "core/container/terminal.h"

#include <string.h>

#include "core/container/terminal_internal.h"

#define DEFAULT_COLUMNS  80
#define DEFAULT_ROWS     24
#define TITLE_MOST       1024
#define SCROLLBACK_BYTES (4u << 20)

// ---- what libvterm tells ----

static void drop_first(terminal *self) {
    saved_line *oldest = &self->scrollback[self->first];
    self->scrollback_bytes -= oldest->length;
    free(oldest->text);
    *oldest = (saved_line){0};
    self->first = (self->first + 1) % TERMINAL_SCROLLBACK;
    self->count--;
}

static int push_line(int columns, const VTermScreenCell *cells, void *data) {
    terminal *self = data;
    cleanup_buffer buffer text = BUFFER_INIT;
    cells_encode(cells, (unsigned)columns, &text);
    if (self->count == TERMINAL_SCROLLBACK)
        drop_first(self);
    saved_line *made = &self->scrollback[(self->first + self->count++) % TERMINAL_SCROLLBACK];
    made->length = text.length;
    made->text = malloc(text.length + 1);
    if (!made->text)
        abort();
    memcpy(made->text, buffer_text(&text), text.length + 1);
    self->scrollback_bytes += text.length;
    while (self->scrollback_bytes > SCROLLBACK_BYTES)
        drop_first(self);
    return 1;
}

// A title has no control characters: what comes here goes into sequences of ours.
static void set_title(terminal *self, const char *text, size_t length) {
    buffer_clear(&self->title_part);
    for (size_t i = 0; i < length && self->title_part.length < TITLE_MOST; i++)
        if ((unsigned char)text[i] >= 0x20 && text[i] != 0x7f)
            buffer_append(&self->title_part, &text[i], 1);
    free(self->title);
    self->title = strdup(buffer_text(&self->title_part));
}

#if VTERM_VERSION_MINOR >= 2
static void take_title(terminal *self, const VTermStringFragment *part) {
    if (part->initial)
        buffer_clear(&self->title_whole);
    if (self->title_whole.length + part->len <= TITLE_MOST)
        buffer_append(&self->title_whole, part->str, part->len);
    if (part->final)
        set_title(self, buffer_text(&self->title_whole), self->title_whole.length);
}
#else
static void take_title(terminal *self, const char *text) {
    set_title(self, text, strnlen(text, TITLE_MOST));
}
#endif

static int set_property(VTermProp property, VTermValue *value, void *data) {
    if (property == VTERM_PROP_TITLE) {
#if VTERM_VERSION_MINOR >= 2
        take_title(data, &value->string);
#else
        take_title(data, value->string);
#endif
    }
    return 1;
}

// ---- reading ----

// The first screen cannot be read while the other one is shown: it is kept in the moment of the switch.
static void switch_screen(terminal *self) {
    self->alternate = self->modes.on[MODE_ALTERNATE];
    buffer_clear(&self->primary);
    if (self->alternate)
        screen_encode(self, &self->primary);
}

static void feed_filtered(const char *bytes, size_t length, void *data) {
    terminal *self = data;
    size_t written = 0;
    for (size_t i = 0; i < length; i++) {
        if (!modes_step(&self->modes, (uint8_t)bytes[i]))
            continue;
        vterm_input_write(self->vterm, bytes + written, i - written);
        written = i;
        switch_screen(self);
    }
    vterm_input_write(self->vterm, bytes + written, length - written);
}

// ---- life ----

// At least 2: libvterm 0.1.4 writes a wide character beyond the end of a screen of one column.
static unsigned size_of(unsigned value, unsigned otherwise) {
    if (value == 0)
        return otherwise;
    return value < 2 ? 2 : value > TERMINAL_SIZE_MOST ? TERMINAL_SIZE_MOST : value;
}

terminal *terminal_create(unsigned columns, unsigned rows) {
    static const VTermScreenCallbacks callbacks = {.settermprop = set_property, .sb_pushline = push_line};
    terminal *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->columns = size_of(columns, DEFAULT_COLUMNS);
    self->rows = size_of(rows, DEFAULT_ROWS);
    modes_init(&self->modes);
    terminal_filter_init(&self->filter, self->columns, feed_filtered, self);
    self->vterm = vterm_new((int)self->rows, (int)self->columns);
    if (!self->vterm)
        abort();
    vterm_set_utf8(self->vterm, 1);
    self->screen = vterm_obtain_screen(self->vterm);
    vterm_screen_enable_altscreen(self->screen, 1);
    vterm_screen_set_callbacks(self->screen, &callbacks, self);
    vterm_screen_reset(self->screen, 1);
    return self;
}

void terminal_destroy(terminal *self) {
    if (!self)
        return;
    vterm_free(self->vterm);
    while (self->count)
        drop_first(self);
    buffer_finish(&self->primary);
    buffer_finish(&self->title_part);
    buffer_finish(&self->title_whole);
    free(self->title);
    free(self);
}

void terminal_resize(terminal *self, unsigned columns, unsigned rows) {
    columns = size_of(columns, self->columns);
    rows = size_of(rows, self->rows);
    if (columns == self->columns && rows == self->rows)
        return;
    self->columns = columns;
    self->rows = rows;
    self->modes.top = self->modes.bottom = 0; // as the filter does
    vterm_set_size(self->vterm, (int)rows, (int)columns);
    VTermPos cursor;
    vterm_state_get_cursorpos(vterm_obtain_state(self->vterm), &cursor);
    terminal_filter_resize(&self->filter, columns, cursor.row, cursor.col);
}

// ---- reading ----

void terminal_feed(terminal *self, const void *bytes, size_t length) {
    terminal_filter_write(&self->filter, bytes, length);
}

size_t terminal_answers(terminal *self, char *out, size_t size) {
    return vterm_output_read(self->vterm, out, size);
}

const char *terminal_title(const terminal *self) {
    return self->title ? self->title : "";
}

// ---- repainting ----

static void append_scrollback(const terminal *self, unsigned most, buffer *out) {
    unsigned lines = self->count < most ? self->count : most;
    for (unsigned i = self->count - lines; i < self->count; i++) {
        const saved_line *from = &self->scrollback[(self->first + i) % TERMINAL_SCROLLBACK];
        buffer_append(out, from->text, from->length);
        buffer_append_text(out, "\r\n");
    }
    // What still stands on the screen goes up, out of it.
    unsigned standing = lines < self->rows ? lines : self->rows - 1;
    if (lines)
        buffer_append_format(out, "\x1b[%u;1H", self->rows);
    for (unsigned i = 0; i < standing; i++)
        buffer_append_text(out, "\n");
}

static void append_region(const terminal *self, buffer *out) {
    const modes *now = &self->modes;
    bool region = now->top || now->bottom;
    if (!region && !now->on[MODE_ORIGIN])
        return;
    VTermPos cursor;
    vterm_state_get_cursorpos(vterm_obtain_state(self->vterm), &cursor);
    if (region)
        buffer_append_format(out, "\x1b[%u;%ur", now->top ? now->top : 1,
                             now->bottom && now->bottom <= self->rows ? now->bottom : self->rows);
    int first = now->on[MODE_ORIGIN] && now->top ? (int)now->top - 1 : 0;
    if (now->on[MODE_ORIGIN])
        buffer_append_text(out, "\x1b[?6h");
    int row = cursor.row - first;
    buffer_append_format(out, "\x1b[%d;%dH", (row < 0 ? 0 : row) + 1, cursor.col + 1);
}

void terminal_repaint(const terminal *self, unsigned scrollback, buffer *out) {
    // Modes to where a new terminal has them, without the flash of a hard reset.
    buffer_append_text(out, "\x1b[!p\x1b[?7h\x1b[4l\x1b(B\x1b)B\x0f\x1b[0m\x1b[r\x1b[H\x1b[2J");
    append_scrollback(self, scrollback, out);
    if (self->alternate) {
        buffer_append(out, self->primary.data, self->primary.length);
        buffer_append_text(out, "\x1b[?1049h\x1b[0m\x1b[2J");
    }
    screen_encode(self, out);
    append_region(self, out);
    modes_repaint(&self->modes, out);
    if (self->title)
        buffer_append_format(out, "\x1b]2;%s\x07", self->title);
}
