#include "tui/copy_mode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/holm.h"
#include "tui/copy_text.h"

static uint64_t last_line(const terminal *screen) {
    return terminal_end_line(screen) - 1;
}

static uint64_t clamp_line(const terminal *screen, int64_t line) {
    int64_t first = (int64_t)terminal_first_line(screen), last = (int64_t)last_line(screen);
    return (uint64_t)(line < first ? first : line > last ? last : line);
}

static uint64_t bottom_top(const terminal *screen) {
    return terminal_end_line(screen) - (uint64_t)terminal_rows(screen);
}

// Lines may have been dropped since, or the other screen been switched to.
static void settle(copy_mode *self, const terminal *screen) {
    self->line = clamp_line(screen, (int64_t)self->line);
    self->anchor_line = clamp_line(screen, (int64_t)self->anchor_line);
    uint64_t rows = (uint64_t)terminal_rows(screen), most = bottom_top(screen);
    if (self->line < self->top)
        self->top = self->line;
    if (self->line >= self->top + rows)
        self->top = self->line - rows + 1;
    self->top = self->top > most                          ? most
                : self->top < terminal_first_line(screen) ? terminal_first_line(screen)
                                                          : self->top;
    int columns = terminal_columns(screen);
    self->column = self->column < 0 ? 0 : self->column >= columns ? columns - 1 : self->column;
}

void copy_mode_begin(copy_mode *self, const terminal *screen) {
    if (self->on)
        return;
    self->on = true;
    self->typing = false;
    self->selection = COPY_NOTHING;
    self->top = bottom_top(screen);
    self->line = last_line(screen);
    self->column = 0;
    self->anchor_line = self->line;
    settle(self, screen);
}

void copy_mode_begin_search(copy_mode *self, const terminal *screen) {
    copy_mode_begin(self, screen);
    self->typing = self->back = true;
    line_edit_set(&self->input, "");
}

void copy_mode_scroll(copy_mode *self, const terminal *screen, int64_t delta) {
    if (!self->on && delta >= 0)
        return;
    copy_mode_begin(self, screen);
    int64_t first = (int64_t)terminal_first_line(screen), top = (int64_t)self->top + delta;
    uint64_t row = self->line - self->top;
    self->top = (uint64_t)(top < first ? first : top);
    self->line = self->top + row;
    settle(self, screen);
    if (delta > 0 && self->top == bottom_top(screen) && self->selection == COPY_NOTHING)
        self->on = false;
}

size_t copy_mode_back(const copy_mode *self, const terminal *screen) {
    uint64_t bottom = bottom_top(screen);
    return self->on && self->top < bottom ? (size_t)(bottom - self->top) : 0;
}

// ---- search ----

// Goes to the next match from where the cursor is, around the end if need be.
static void find(copy_mode *self, const terminal *screen, bool back) {
    uint64_t first = terminal_first_line(screen), count = terminal_end_line(screen) - first;
    cleanup_copy_line copy_line line = COPY_LINE_INIT;
    for (uint64_t step = 0; step <= count; step++) {
        uint64_t offset = (self->line - first + (back ? count - step % count : step)) % count;
        copy_line_read(&line, screen, first + offset);
        int column = step == 0 ? copy_line_find(&line, self->search, back, self->column)
                               : copy_line_find(&line, self->search, back, COPY_LINE_ANY);
        if (column < 0)
            continue;
        self->line = first + offset;
        self->column = column;
        uint64_t half = (uint64_t)terminal_rows(screen) / 2;
        if (self->line < self->top || self->line >= self->top + 2 * half)
            self->top = self->line > first + half ? self->line - half : first;
        settle(self, screen);
        return;
    }
}

static void count_matches(copy_mode *self, const terminal *screen) {
    cleanup_copy_line copy_line line = COPY_LINE_INIT;
    self->matches = 0;
    for (uint64_t at = terminal_first_line(screen); *self->search && at < terminal_end_line(screen); at++) {
        copy_line_read(&line, screen, at);
        self->matches += copy_line_find(&line, self->search, false, COPY_LINE_ANY) >= 0;
    }
}

static void type(copy_mode *self, const terminal *screen, const input_event *event) {
    if (event->key == INPUT_ESCAPE) {
        self->typing = false;
    } else if (event->key == INPUT_ENTER) {
        self->typing = false;
        snprintf(self->search, sizeof self->search, "%.*s", (int)sizeof self->search - 1, self->input.text);
        count_matches(self, screen);
        if (*self->search)
            find(self, screen, self->back);
    } else {
        line_edit_key(&self->input, event);
    }
}

// ---- selection ----

static void toggle(copy_mode *self, copy_selection kind) {
    if (self->selection == kind) {
        self->selection = COPY_NOTHING;
        return;
    }
    if (self->selection == COPY_NOTHING) {
        self->anchor_line = self->line;
        self->anchor_column = self->column;
    }
    self->selection = kind;
}

static copy_range range_of(const copy_mode *self, const terminal *screen) {
    copy_range range = {self->anchor_line, self->line, self->anchor_column, self->column};
    bool forward = self->anchor_line < self->line ||
                   (self->anchor_line == self->line && self->anchor_column <= self->column);
    if (!forward)
        range = (copy_range){self->line, self->anchor_line, self->column, self->anchor_column};
    if (self->selection == COPY_LINES) {
        range.first_column = 0;
        range.last_column = terminal_columns(screen) - 1;
    }
    return range;
}

// Without a selection: the line that the cursor is in.
static char *take(copy_mode *self, const terminal *screen) {
    if (self->selection == COPY_NOTHING)
        toggle(self, COPY_LINES);
    copy_range range = range_of(self, screen);
    self->on = false;
    return copy_range_text(&range, screen, COPY_MODE_MOST);
}

// ---- keys ----

// Moves by characters the user knows from less, vi and tmux. False: no key of these.
static bool move(copy_mode *self, const terminal *screen, uint32_t key) {
    int64_t page = terminal_rows(screen), line = (int64_t)self->line;
    switch (key) {
    case 'k':
    case INPUT_UP:
    case INPUT_CTRL('p'):
        line--;
        break;
    case 'j':
    case INPUT_DOWN:
    case INPUT_CTRL('n'):
        line++;
        break;
    case INPUT_PAGE_UP:
    case INPUT_CTRL('b'):
        line -= page - 1;
        break;
    case INPUT_PAGE_DOWN:
    case INPUT_CTRL('f'):
        line += page - 1;
        break;
    case INPUT_CTRL('u'):
        line -= page / 2;
        break;
    case INPUT_CTRL('d'):
        line += page / 2;
        break;
    case 'g':
        line = 0;
        break;
    case 'G':
        line = (int64_t)last_line(screen);
        break;
    case 'h':
    case INPUT_LEFT:
        self->column--;
        break;
    case 'l':
    case INPUT_RIGHT:
        self->column++;
        break;
    case '0':
    case '^':
    case INPUT_HOME:
        self->column = 0;
        break;
    case '$':
    case INPUT_END:
        self->column = copy_line_end(screen, self->line);
        break;
    case 'w':
        self->column = copy_word_next(screen, self->line, self->column);
        break;
    case 'b':
        self->column = copy_word_previous(screen, self->line, self->column);
        break;
    default:
        return false;
    }
    self->line = clamp_line(screen, line);
    settle(self, screen);
    return true;
}

char *copy_mode_key(copy_mode *self, const terminal *screen, const input_event *event) {
    settle(self, screen);
    if (self->typing) {
        type(self, screen, event);
        return NULL;
    }
    if (event->modifiers & (INPUT_ALT | INPUT_CONTROL) || move(self, screen, event->key))
        return NULL;
    switch (event->key) {
    case 'q':
    case INPUT_CTRL('c'):
        self->on = false;
        break;
    case INPUT_ESCAPE:
        if (self->selection == COPY_NOTHING)
            self->on = false;
        self->selection = COPY_NOTHING;
        break;
    case ' ':
    case 'v':
        toggle(self, COPY_CHARACTERS);
        break;
    case 'V':
        toggle(self, COPY_LINES);
        break;
    case 'y':
    case INPUT_ENTER:
        return take(self, screen);
    case '/':
    case '?':
        self->typing = true;
        self->back = event->key == '?';
        line_edit_set(&self->input, "");
        break;
    case 'n':
    case 'N':
        if (*self->search)
            find(self, screen, self->back == (event->key == 'n'));
        break;
    default:
        break;
    }
    return NULL;
}

char *copy_mode_mouse(copy_mode *self, const terminal *screen, const input_event *event) {
    if (event->button & 64) {
        copy_mode_scroll(self, screen, event->button & 1 ? 3 : -3);
        return NULL;
    }
    bool motion = event->button & 32;
    if ((event->button & 3) != 0 || (!self->on && (motion || !event->pressed)))
        return NULL;
    if (event->pressed && !motion) {
        copy_mode_begin(self, screen);
        self->selection = COPY_NOTHING;
    }
    self->line = clamp_line(screen, (int64_t)self->top + event->y);
    self->column = event->x;
    if (motion && self->selection == COPY_NOTHING)
        self->selection = COPY_CHARACTERS;
    if (event->pressed && !motion) {
        self->anchor_line = self->line;
        self->anchor_column = self->column;
    }
    if (event->pressed)
        return NULL;
    if (self->selection != COPY_NOTHING)
        return take(self, screen);
    if (self->top == bottom_top(screen)) // a click, nothing more
        self->on = false;
    return NULL;
}

// ---- drawing ----

static void mark(grid *out, const rect *area, int first, int last, int y, cell_style style) {
    rect marked = {area->x + first, area->y + y, last - first + 1, 1};
    marked = rect_intersect(marked, *area);
    grid_restyle(out, &marked, style);
}

static void draw_found(const copy_mode *self, const copy_line *line, grid *out, const rect *area, int y,
                       cell_style style) {
    int from = 0, width = cell_text_width(self->search);
    for (int at; (at = copy_line_find(line, self->search, false, from - 1)) >= from; from = at + width)
        mark(out, area, at, at + width - 1, y, style);
}

void copy_mode_draw(const copy_mode *self, const terminal *screen, grid *out, const rect *area,
                    cell_style selected, cell_style found) {
    copy_range range = range_of(self, screen);
    cleanup_copy_line copy_line text = COPY_LINE_INIT;
    for (int y = 0; y < area->height && y < terminal_rows(screen); y++) {
        uint64_t line = self->top + (uint64_t)y;
        if (*self->search) {
            copy_line_read(&text, screen, line);
            draw_found(self, &text, out, area, y, found);
        }
        if (self->selection == COPY_NOTHING || line < range.first || line > range.last)
            continue;
        mark(out, area, line == range.first ? range.first_column : 0,
             line == range.last ? range.last_column : terminal_columns(screen) - 1, y, selected);
    }
    out->cursor_visible = true;
    out->cursor_column = area->x + self->column;
    out->cursor_row = area->y + (int)(self->line - self->top);
}
