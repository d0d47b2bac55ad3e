// What a container has written.
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tui/view.h"

#define TIME_WIDTH 13

static void time_text(int64_t unix_ns, char out[16]) {
    time_t seconds = (time_t)(unix_ns / 1000000000);
    struct tm parts;
    if (!localtime_r(&seconds, &parts))
        memset(&parts, 0, sizeof(parts));
    size_t used = strftime(out, 16, "%H:%M:%S", &parts);
    snprintf(out + used, 16 - used, ".%03d", (int)(unix_ns / 1000000 % 1000));
}

// Rows a line takes at this width.
static int line_rows(const log_line *line, int width, bool wrap) {
    if (!wrap || width < 1)
        return 1;
    int columns = cell_text_width(line->text);
    return columns <= width ? 1 : (columns + width - 1) / width;
}

static void mark_matches(const painter *self, int x, int y, const char *text, const char *search) {
    size_t length = strlen(search);
    if (!length)
        return;
    for (const char *at = text; (at = strcasestr(at, search)); at += length) {
        char before[2048];
        snprintf(before, sizeof(before), "%.*s", (int)(at - text), text);
        char found[UI_FILTER_SIZE];
        snprintf(found, sizeof(found), "%.*s", (int)length, at);
        rect match = {self->area.x + x + cell_text_width(before), self->area.y + y, cell_text_width(found),
                      1};
        match = rect_intersect(match, self->area);
        cell_style style = theme_style(self->view->theme, THEME_MATCH);
        style.attributes |= CELL_REVERSE;
        grid_restyle(self->out, &match, style);
    }
}

// The part of a text that starts at its `column`th column.
static const char *skip_columns(const char *text, int column) {
    size_t length = strlen(text), used, i = 0;
    while (i < length && column > 0) {
        column -= cell_char_width(cell_utf8_decode(text + i, length - i, &used));
        i += used;
    }
    return text + i;
}

static void draw_line(const painter *self, const log_line *line, int y, int rows, const ui_logs *logs) {
    int x = 1;
    if (logs->timestamps) {
        char time[16];
        time_text(line->unix_ns, time);
        paint(self, x, y, TIME_WIDTH - 1, THEME_MUTED, time);
        x += TIME_WIDTH;
    }
    int width = self->area.width - x - 1;
    theme_role role = line->stream == 2 ? THEME_STDERR : THEME_TEXT;
    const char *text = line->text;
    for (int row = 0; row < rows; row++) {
        if (y + row >= 0) {
            grid_text(self->out, &self->area, self->area.x + x, self->area.y + y + row, width,
                      theme_style(self->view->theme, role), text,
                      rows > 1 ? NULL : self->view->glyphs->ellipsis);
            mark_matches(self, x, y + row, text, logs->search);
        }
        text = skip_columns(text, width);
    }
}

static void status_line(const painter *self, const ui_logs *logs) {
    char text[160];
    size_t count = logs->lines.count;
    if (logs->follow && logs->ended)
        snprintf(text, sizeof(text), " %zu lines, %s ", count, logs->ended);
    else if (logs->follow)
        snprintf(text, sizeof(text), " %zu lines, following ", count);
    else
        snprintf(text, sizeof(text), " line %zu of %zu ", count - (logs->back < count ? logs->back : count),
                 count);
    painter border = {
        self->view, self->out, {self->area.x, self->area.y + self->area.height, self->area.width, 1}};
    paint_right(&border, 1, 0, self->area.width - 2, logs->follow ? THEME_MUTED : THEME_MATCH, text);
    if (logs->boot)
        paint(&border, 1, 0, 12, THEME_BUSY, " boot log ");
}

static bool for_selected(const painter *self) {
    const model_container *container = ui_container(self->view->ui, self->view->model);
    const ui_logs *logs = &self->view->ui->logs;
    return container && logs->id && strcmp(logs->id, container->id) == 0;
}

void detail_logs(const painter *self) {
    const ui_logs *logs = &self->view->ui->logs;
    if (!for_selected(self))
        return;
    if (!logs->lines.count) {
        paint(self, 1, 0, self->area.width - 2, THEME_MUTED,
              logs->ended ? logs->ended : "nothing written yet");
        return;
    }
    int width = self->area.width - 2 - (logs->timestamps ? TIME_WIDTH : 0);
    size_t back = logs->follow ? 0 : logs->back;
    size_t last = logs->lines.count - (back < logs->lines.count ? back : logs->lines.count - 1);
    // From the last line upwards, until the pane is full; few lines stand at the top.
    size_t first = last;
    int used = 0;
    while (first > 0 && used < self->area.height)
        used += line_rows(log_buffer_at(&logs->lines, --first), width, logs->wrap);
    int y = used > self->area.height ? self->area.height - used : 0;
    for (size_t i = first; i < last; i++) {
        const log_line *line = log_buffer_at(&logs->lines, i);
        int rows = line_rows(line, width, logs->wrap);
        draw_line(self, line, y, rows, logs);
        y += rows;
    }
    paint_scroll(self, first, (size_t)self->area.height, logs->lines.count);
    status_line(self, logs);
}

void detail_log_tail(const painter *self, int y, int rows) {
    const ui_logs *logs = &self->view->ui->logs;
    if (!for_selected(self) || logs->boot)
        return;
    if (!logs->lines.count) {
        paint(self, 1, y, self->area.width - 2, THEME_MUTED, logs->ended ? "it has written nothing" : "");
        return;
    }
    ui_logs plain = {.lines = logs->lines};
    size_t count = logs->lines.count;
    size_t first = count > (size_t)rows ? count - (size_t)rows : 0;
    for (size_t i = first; i < count; i++)
        draw_line(self, log_buffer_at(&logs->lines, i), y++, 1, &plain);
}
