#include "tui/scrollback.h"

#include <stdlib.h>
#include <string.h>

#include "core/holm.h"
#include "tui/terminal.h"

typedef struct run {
    cell_style style;
    uint32_t length; ///< bytes of text
} run;

struct scrollback_line {
    uint32_t runs, bytes;
    // followed by the runs and the text
};

static run *line_runs(const scrollback_line *line) {
    return (run *)(line + 1);
}

static char *line_text(const scrollback_line *line) {
    return (char *)(line_runs(line) + line->runs);
}

static size_t line_size(const scrollback_line *line) {
    return sizeof(*line) + line->runs * sizeof(run) + line->bytes;
}

static bool is_blank(const cell *at) {
    return at->chars[0] == ' ' && !at->chars[1] && cell_style_equal(&at->style, &(cell_style){0});
}

static scrollback_line *pack(const cell *cells, int columns) {
    run runs[SCROLLBACK_COLUMNS];
    static _Thread_local char text[SCROLLBACK_COLUMNS * CELL_CHARS * 4];
    uint32_t run_count = 0, length = 0;
    for (int x = 0; x < columns; x++) {
        if (cells[x].width == 0)
            continue;
        if (!run_count || !cell_style_equal(&runs[run_count - 1].style, &cells[x].style))
            runs[run_count++] = (run){cells[x].style, 0};
        for (int i = 0; i < CELL_CHARS && cells[x].chars[i]; i++) {
            size_t step = cell_utf8_encode(cells[x].chars[i], text + length);
            length += (uint32_t)step;
            runs[run_count - 1].length += (uint32_t)step;
        }
    }
    scrollback_line *line = malloc(sizeof(*line) + run_count * sizeof(run) + length);
    if (!line)
        abort();
    line->runs = run_count;
    line->bytes = length;
    memcpy(line_runs(line), runs, run_count * sizeof(run));
    memcpy(line_text(line), text, length);
    return line;
}

static void drop_first(scrollback *self) {
    self->bytes -= line_size(self->lines[self->first]);
    free(self->lines[self->first]);
    self->first = (self->first + 1) % TERMINAL_SCROLLBACK_LINES;
    self->count--;
    self->dropped++;
}

void scrollback_push(scrollback *self, const cell *cells, int columns) {
    if (!self->lines && !(self->lines = calloc(TERMINAL_SCROLLBACK_LINES, sizeof(*self->lines))))
        abort();
    columns = columns > SCROLLBACK_COLUMNS ? SCROLLBACK_COLUMNS : columns;
    while (columns > 0 && is_blank(&cells[columns - 1]))
        columns--;
    if (self->count == TERMINAL_SCROLLBACK_LINES)
        drop_first(self);
    scrollback_line *line = pack(cells, columns);
    self->lines[(self->first + self->count++) % TERMINAL_SCROLLBACK_LINES] = line;
    self->bytes += line_size(line);
    while (self->bytes > TERMINAL_SCROLLBACK_BYTES && self->count > 1)
        drop_first(self);
}

void scrollback_draw(const scrollback *self, size_t index, grid *out, const rect *area, int y) {
    if (index >= self->count)
        return;
    const scrollback_line *line = self->lines[(self->first + index) % TERMINAL_SCROLLBACK_LINES];
    const run *runs = line_runs(line);
    const char *text = line_text(line);
    int x = area->x;
    for (uint32_t i = 0; i < line->runs && x < area->x + area->width; i++) {
        cleanup_free char *part = strndup(text, runs[i].length);
        if (!part)
            abort();
        int room = area->x + area->width - x;
        x += grid_text(out, area, x, area->y + y, room, runs[i].style, part, NULL);
        text += runs[i].length;
    }
}

static int line_columns(const scrollback_line *line) {
    cleanup_free char *text = strndup(line_text(line), line->bytes);
    if (!text)
        abort();
    return cell_text_width(text);
}

bool scrollback_pop(scrollback *self, cell *out, int columns) {
    size_t last = (self->first + self->count - 1) % TERMINAL_SCROLLBACK_LINES;
    if (!self->count || line_columns(self->lines[last]) > columns)
        return false;
    grid row = {0};
    grid_resize(&row, columns, 1);
    grid_clear(&row, (cell_style){0});
    scrollback_draw(self, self->count - 1, &row, &(rect){0, 0, columns, 1}, 0);
    for (int x = 0; x < columns; x++)
        out[x] = *grid_at(&row, x, 0);
    grid_finish(&row);
    self->bytes -= line_size(self->lines[last]);
    free(self->lines[last]);
    self->count--;
    return true;
}

void scrollback_finish(scrollback *self) {
    while (self->count)
        drop_first(self);
    free(self->lines);
    *self = (scrollback){0};
}
