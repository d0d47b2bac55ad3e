#include "tui/terminal.h"

#include <stdlib.h>
#include <string.h>

#include "tui/terminal_private.h"

static int clamp(int value, int least, int most) {
    return value < least ? least : value > most ? most : value;
}

static int on_damage(VTermRect area, void *data) {
    (void)area;
    ((terminal *)data)->changed = true;
    return 1;
}

static int on_cursor(VTermPos position, VTermPos before, int visible, void *data) {
    (void)position;
    (void)before;
    terminal *self = data;
    self->changed = true;
    self->cursor_visible = visible;
    return 1;
}

static void set_title(terminal *self) {
    free(self->shown_title);
    self->shown_title = holm_text_escape(self->title, self->title_length);
    self->changed = true;
}

static void add_title(terminal *self, const char *text, size_t length) {
    size_t space = TERMINAL_TITLE - self->title_length;
    length = length < space ? length : space;
    memcpy(self->title + self->title_length, text, length);
    self->title_length += length;
}

// From 0.2 on titles come in fragments.
static void title_property(terminal *self, const VTermValue *value) {
#if VTERM_VERSION_MAJOR == 0 && VTERM_VERSION_MINOR < 2
    self->title_length = 0;
    add_title(self, value->string, strlen(value->string));
    set_title(self);
#else
    if (value->string.initial)
        self->title_length = 0;
    add_title(self, value->string.str, value->string.len);
    if (value->string.final)
        set_title(self);
#endif
}

static int on_property(VTermProp property, VTermValue *value, void *data) {
    terminal *self = data;
    if (property == VTERM_PROP_TITLE)
        title_property(self, value);
    else if (property == VTERM_PROP_CURSORVISIBLE)
        self->cursor_visible = value->boolean;
    else if (property == VTERM_PROP_ALTSCREEN)
        self->alternate = value->boolean;
    else if (property == VTERM_PROP_MOUSE)
        self->mouse = value->number;
    self->changed = true;
    return 1;
}

static cell_color convert_color(VTermColor color) {
    if (VTERM_COLOR_IS_DEFAULT_FG(&color) || VTERM_COLOR_IS_DEFAULT_BG(&color))
        return CELL_COLOR_DEFAULT;
    if (VTERM_COLOR_IS_INDEXED(&color))
        return CELL_COLOR_INDEXED(color.indexed.idx);
    return CELL_COLOR_RGB(color.rgb.red, color.rgb.green, color.rgb.blue);
}

cell_style terminal_convert_style(const VTermScreenCell *from) {
    cell_style style = {convert_color(from->fg), convert_color(from->bg), 0};
    style.attributes =
        (uint16_t)((from->attrs.bold ? CELL_BOLD : 0) | (from->attrs.italic ? CELL_ITALIC : 0) |
                   (from->attrs.underline ? CELL_UNDERLINE : 0) | (from->attrs.reverse ? CELL_REVERSE : 0) |
                   (from->attrs.blink ? CELL_BLINK : 0) | (from->attrs.strike ? CELL_STRIKE : 0));
    return style;
}

// The emulator's idea of a width lays the line out; a character that this system measures differently would
// shift it, so it is shown as a replacement.
void terminal_convert_cell(const VTermScreenCell *from, cell *out) {
    *out = (cell){.chars = {' '}, .width = 1, .style = terminal_convert_style(from)};
    uint32_t first = from->chars[0];
    if (first == (uint32_t)-1) { // the right half of a wide cell
        out->chars[0] = 0;
        out->width = 0;
        return;
    }
    if (first == 0)
        return;
    if (first < 0x7f && first >= 0x20 && from->width == 1 && !from->chars[1]) { // most are
        out->chars[0] = first;
        return;
    }
    if (!cell_char_printable(first) || cell_char_width(first) != from->width) {
        out->chars[0] = 0xfffd;
        return;
    }
    out->chars[0] = first;
    out->width = (uint8_t)from->width;
    int count = 1;
    for (int i = 1; i < VTERM_MAX_CHARS_PER_CELL && from->chars[i] && count < CELL_CHARS; i++)
        if (cell_char_printable(from->chars[i]) && cell_char_width(from->chars[i]) == 0)
            out->chars[count++] = from->chars[i];
}

// Never written to, or erased without a colour.
static bool looks_empty(const VTermScreenCell *at) {
    return at->chars[0] == 0 && VTERM_COLOR_IS_DEFAULT_BG(&at->bg) && !at->attrs.reverse;
}

int terminal_push_line(int columns, const VTermScreenCell *cells, void *data) {
    terminal *self = data;
    if (self->alternate || columns > SCROLLBACK_COLUMNS)
        return 0;
    cell line[SCROLLBACK_COLUMNS];
    while (columns > 0 && looks_empty(&cells[columns - 1]))
        columns--;
    for (int i = 0; i < columns; i++)
        terminal_convert_cell(&cells[i], &line[i]);
    scrollback_push(&self->history, line, columns);
    self->pushed_out += self->resizing;
    return 1;
}

static VTermColor revert_color(cell_color color, VTermColor fallback) {
    VTermColor out = fallback;
    if (CELL_COLOR_IS_INDEXED(color))
        vterm_color_indexed(&out, CELL_COLOR_INDEX(color));
    else if (CELL_COLOR_IS_RGB(color))
        vterm_color_rgb(&out, (uint8_t)(color >> 16), (uint8_t)(color >> 8), (uint8_t)color);
    return out;
}

static void revert_cell(const terminal *self, const cell *from, VTermScreenCell *out) {
    *out = (VTermScreenCell){.width = from->width > 1 ? 2 : 1};
    bool blank = from->chars[0] == ' ' && !from->chars[1] && cell_style_equal(&from->style, &(cell_style){0});
    for (int i = 0; !blank && from->width && i < CELL_CHARS && i < VTERM_MAX_CHARS_PER_CELL; i++)
        out->chars[i] = from->chars[i];
    unsigned attributes = from->style.attributes;
    out->attrs.bold = (attributes & CELL_BOLD) != 0;
    out->attrs.italic = (attributes & CELL_ITALIC) != 0;
    out->attrs.underline = (attributes & CELL_UNDERLINE) != 0;
    out->attrs.reverse = (attributes & CELL_REVERSE) != 0;
    out->attrs.blink = (attributes & CELL_BLINK) != 0;
    out->attrs.strike = (attributes & CELL_STRIKE) != 0;
    VTermColor fg, bg;
    vterm_state_get_default_colors(vterm_obtain_state(self->emulator), &fg, &bg);
    out->fg = revert_color(from->style.fg, fg);
    out->bg = revert_color(from->style.bg, bg);
}

// A screen that grows again gets back what it had to give away when it shrank, and nothing older: what a
// program has cleared does not come back.
static int on_pop(int columns, VTermScreenCell *cells, void *data) {
    terminal *self = data;
    cell line[SCROLLBACK_COLUMNS];
    if (!self->pushed_out || columns > SCROLLBACK_COLUMNS || !scrollback_pop(&self->history, line, columns))
        return 0;
    self->pushed_out--;
    for (int i = 0; i < columns; i++)
        revert_cell(self, &line[i], &cells[i]);
    return 1;
}

static void on_output(const char *bytes, size_t length, void *data) {
    terminal *self = data;
    self->output(bytes, length, self->data);
}

static const VTermScreenCallbacks callbacks = {
    .damage = on_damage,
    .movecursor = on_cursor,
    .settermprop = on_property,
    .sb_pushline = terminal_push_line,
    .sb_popline = on_pop,
};

static void pass_batch(terminal *self) {
    if (self->batched)
        terminal_pass(self, self->batch, self->batched);
    self->batched = 0;
}

static void on_filtered(const char *bytes, size_t length, void *data) {
    terminal *self = data;
    if (!self->batch && !(self->batch = malloc(TERMINAL_BATCH)))
        abort();
    if (self->batched + length > TERMINAL_BATCH)
        pass_batch(self);
    memcpy(self->batch + self->batched, bytes, length);
    self->batched += length;
}

terminal *terminal_create(int columns, int rows, terminal_output output, void *data) {
    terminal *self = calloc(1, sizeof(*self));
    if (!self)
        abort();
    self->output = output;
    self->data = data;
    self->emulator = vterm_new(clamp(rows, 1, 1000), clamp(columns, 2, 1000));
    if (!self->emulator)
        abort();
    terminal_filter_init(&self->filter, (unsigned)terminal_columns(self), on_filtered, self);
    vterm_set_utf8(self->emulator, 1);
    vterm_output_set_callback(self->emulator, on_output, self);
    self->screen = vterm_obtain_screen(self->emulator);
    vterm_screen_set_callbacks(self->screen, &callbacks, self);
    vterm_screen_enable_altscreen(self->screen, 1);
    vterm_screen_set_damage_merge(self->screen, VTERM_DAMAGE_SCREEN);
    vterm_screen_reset(self->screen, 1);
    self->cursor_visible = true;
    self->changed = true;
    return self;
}

void terminal_destroy(terminal *self) {
    if (!self)
        return;
    vterm_free(self->emulator);
    scrollback_finish(&self->history);
    free(self->shown_title);
    free(self->batch);
    free(self);
}

void terminal_write(terminal *self, const char *bytes, size_t length) {
    terminal_filter_write(&self->filter, bytes, length);
    pass_batch(self);
    vterm_screen_flush_damage(self->screen);
}

void terminal_resize(terminal *self, int columns, int rows) {
    columns = clamp(columns, 2, 1000);
    rows = clamp(rows, 1, 1000);
    if (columns == terminal_columns(self) && rows == terminal_rows(self))
        return;
    self->resizing = true;
    vterm_set_size(self->emulator, rows, columns);
    self->resizing = false;
    VTermPos cursor;
    vterm_state_get_cursorpos(vterm_obtain_state(self->emulator), &cursor);
    terminal_filter_resize(&self->filter, (unsigned)columns, cursor.row, cursor.col);
    pass_batch(self);
    vterm_screen_flush_damage(self->screen);
    self->changed = true;
}

bool terminal_changed(terminal *self) {
    bool changed = self->changed;
    self->changed = false;
    return changed;
}

static VTermModifier convert_modifiers(unsigned modifiers) {
    return (VTermModifier)((modifiers & INPUT_SHIFT ? VTERM_MOD_SHIFT : 0) |
                           (modifiers & INPUT_ALT ? VTERM_MOD_ALT : 0) |
                           (modifiers & INPUT_CONTROL ? VTERM_MOD_CTRL : 0));
}

static VTermKey convert_key(uint32_t key) {
    static const VTermKey keys[] = {
        [INPUT_UP - INPUT_UP] = VTERM_KEY_UP,          [INPUT_DOWN - INPUT_UP] = VTERM_KEY_DOWN,
        [INPUT_LEFT - INPUT_UP] = VTERM_KEY_LEFT,      [INPUT_RIGHT - INPUT_UP] = VTERM_KEY_RIGHT,
        [INPUT_HOME - INPUT_UP] = VTERM_KEY_HOME,      [INPUT_END - INPUT_UP] = VTERM_KEY_END,
        [INPUT_PAGE_UP - INPUT_UP] = VTERM_KEY_PAGEUP, [INPUT_PAGE_DOWN - INPUT_UP] = VTERM_KEY_PAGEDOWN,
        [INPUT_INSERT - INPUT_UP] = VTERM_KEY_INS,     [INPUT_DELETE - INPUT_UP] = VTERM_KEY_DEL,
    };
    if (key >= INPUT_FUNCTION_1 && key <= INPUT_FUNCTION_12)
        return (VTermKey)VTERM_KEY_FUNCTION(key - INPUT_FUNCTION_1 + 1);
    return key - INPUT_UP < array_length(keys) ? keys[key - INPUT_UP] : VTERM_KEY_NONE;
}

// Characters go as they came: the emulator would make CSI u of ctrl-i and its like.
static void character(terminal *self, const input_event *event) {
    char bytes[5];
    size_t length = 0;
    if (event->modifiers & INPUT_ALT)
        bytes[length++] = 0x1b;
    uint32_t c = event->key;
    if (event->modifiers & INPUT_CONTROL && c >= '@' && c < 0x7f)
        c &= 0x1f;
    length += cell_utf8_encode(c, bytes + length);
    self->output(bytes, length, self->data);
}

static void mouse(terminal *self, const input_event *event) {
    if (!self->mouse || event->x < 0 || event->y < 0 || event->x >= terminal_columns(self) ||
        event->y >= terminal_rows(self))
        return;
    VTermModifier modifiers = convert_modifiers(event->modifiers);
    vterm_mouse_move(self->emulator, event->y, event->x, modifiers);
    bool wheel = event->button & 64, motion = event->button & 32;
    int button = wheel ? 4 + (event->button & 1) : (event->button & 3) + 1;
    if (!motion && button <= 5)
        vterm_mouse_button(self->emulator, button, event->pressed, modifiers);
}

// A paste must not end its own brackets: escape characters in it are dropped.
static void paste(terminal *self, const input_event *event) {
    char part[256];
    size_t length = 0;
    for (size_t i = 0; i < event->length; i++) {
        char c = event->text[i];
        if (c != 0x1b)
            part[length++] = (char)(c == '\n' ? '\r' : c);
        if (length == sizeof(part) || (i + 1 == event->length && length)) {
            self->output(part, length, self->data);
            length = 0;
        }
    }
}

void terminal_key(terminal *self, const input_event *event) {
    if (event->key < INPUT_UP) {
        character(self, event);
    } else if (event->key == INPUT_MOUSE) {
        mouse(self, event);
    } else if (event->key == INPUT_PASTE) {
        if (!self->pasting) // its pieces are one paste
            vterm_keyboard_start_paste(self->emulator);
        self->pasting = true;
        paste(self, event);
    } else if (event->key == INPUT_PASTE_END) {
        if (self->pasting)
            vterm_keyboard_end_paste(self->emulator);
        self->pasting = false;
    } else {
        VTermKey key = convert_key(event->key);
        if (key != VTERM_KEY_NONE)
            vterm_keyboard_key(self->emulator, key, convert_modifiers(event->modifiers));
    }
}

bool terminal_wants_mouse(const terminal *self) {
    return self->mouse != VTERM_PROP_MOUSE_NONE;
}

int terminal_columns(const terminal *self) {
    int rows, columns;
    vterm_get_size(self->emulator, &rows, &columns);
    return columns;
}

int terminal_rows(const terminal *self) {
    int rows, columns;
    vterm_get_size(self->emulator, &rows, &columns);
    return rows;
}

size_t terminal_scrollback(const terminal *self) {
    return self->alternate ? 0 : self->history.count;
}

static void draw_row(const terminal *self, grid *out, const rect *area, int y, int row) {
    int columns = terminal_columns(self);
    for (int x = 0; x < area->width && x < columns; x++) {
        VTermScreenCell from;
        cell converted;
        if (!vterm_screen_get_cell(self->screen, (VTermPos){.row = row, .col = x}, &from))
            return;
        terminal_convert_cell(&from, &converted);
        if (converted.width)
            grid_put(out, area, area->x + x, area->y + y, converted.chars, converted.width, converted.style);
    }
}

uint64_t terminal_first_line(const terminal *self) {
    return self->history.dropped + (self->alternate ? self->history.count : 0);
}

uint64_t terminal_end_line(const terminal *self) {
    return self->history.dropped + self->history.count + (uint64_t)terminal_rows(self);
}

void terminal_read_line(const terminal *self, uint64_t line, grid *row) {
    rect area = {0, 0, row->columns, 1};
    if (line < self->history.dropped || line >= terminal_end_line(self))
        return;
    size_t index = (size_t)(line - self->history.dropped);
    if (index < self->history.count)
        scrollback_draw(&self->history, index, row, &area, 0);
    else
        draw_row(self, row, &area, 0, (int)(index - self->history.count));
}

void terminal_draw(const terminal *self, grid *out, const rect *area, size_t back, bool cursor) {
    size_t most = terminal_scrollback(self);
    back = back < most ? back : most;
    int rows = terminal_rows(self);
    for (int y = 0; y < area->height; y++) {
        if ((size_t)y < back)
            scrollback_draw(&self->history, self->history.count - back + (size_t)y, out, area, y);
        else if (y - (int)back < rows)
            draw_row(self, out, area, y, y - (int)back);
    }
    VTermPos position;
    vterm_state_get_cursorpos(vterm_obtain_state(self->emulator), &position);
    int y = position.row + (int)back;
    if (cursor && self->cursor_visible && position.col < area->width && y < area->height) {
        out->cursor_visible = true;
        out->cursor_column = area->x + position.col;
        out->cursor_row = area->y + y;
    }
}

const char *terminal_title(const terminal *self) {
    return self->shown_title ? self->shown_title : "";
}
