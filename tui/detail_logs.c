// What a container has written.
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tui/log_view.h"
#include "tui/view.h"

#define TIME_WIDTH 13
#define NAME_MOST  16

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

// Several logs: whose line it is, in a colour of its own.
static int name_width(const ui_logs *logs) {
    int width = 0;
    for (size_t i = 0; logs->source_count > 1 && i < logs->source_count; i++) {
        int own = cell_text_width(logs->sources[i].name) + (logs->sources[i].boot ? 5 : 0);
        width = own > width ? own : width;
    }
    return width > NAME_MOST ? NAME_MOST : width;
}

static int draw_name(const painter *self, int x, int y, const ui_logs *logs, const log_line *line) {
    static const theme_role roles[] = {THEME_ACCENT, THEME_GOOD,  THEME_BUSY,
                                       THEME_STDERR, THEME_TITLE, THEME_HEADER};
    int width = name_width(logs);
    if (!width || line->source >= logs->source_count)
        return 0;
    char name[64];
    const ui_log_source *source = &logs->sources[line->source];
    snprintf(name, sizeof(name), "%.40s%s", source->name, source->boot ? " boot" : "");
    paint(self, x, y, width, roles[line->source % array_length(roles)], name);
    return width + 1;
}

static int prefix_width(const ui_logs *logs) {
    int name = name_width(logs);
    return 1 + (logs->timestamps ? TIME_WIDTH : 0) + (name ? name + 1 : 0);
}

static void draw_line(const painter *self, const log_line *line, int y, int rows, const ui_logs *logs) {
    int x = 1;
    if (line->marked && y >= 0)
        paint(self, 0, y, 1, THEME_MATCH, ">");
    else if (line->stream == 2 && y >= 0) // not by its colour alone
        paint(self, 0, y, 1, THEME_STDERR, self->view->glyphs->unwell);
    if (logs->timestamps) {
        char time[16];
        time_text(line->unix_ns, time);
        paint(self, x, y, TIME_WIDTH - 1, THEME_MUTED, time);
        x += TIME_WIDTH;
    }
    x += draw_name(self, x, y, logs, line);
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

// At the left what is shown, at the right where we are in it.
static void status_line(const painter *self, const ui_logs *logs) {
    char text[256];
    size_t count = log_view_total(logs), back = logs->back < count ? logs->back : count;
    painter border = {
        self->view, self->out, {self->area.x, self->area.y + self->area.height, self->area.width, 1}};
    if (logs->follow && logs->ended)
        snprintf(text, sizeof(text), " %zu lines, %.100s ", count, logs->ended);
    else if (logs->follow)
        snprintf(text, sizeof(text), " %zu lines, following ", count);
    else
        snprintf(text, sizeof(text), " line %zu of %zu ", count - back, count);
    paint_right(&border, 1, 0, self->area.width - 2, logs->follow ? THEME_MUTED : THEME_MATCH, text);
    int room = self->area.width - 3 - cell_text_width(text), x = 1;
    const char *kind = logs->kind == LOGS_BOOT   ? " boot log "
                       : logs->kind == LOGS_BOTH ? " with boot log "
                                                 : "";
    x += paint(&border, x, 0, room, THEME_BUSY, kind);
    if (logs->source_count > 1 && logs->merged &&
        snprintf(text, sizeof(text), " %zu logs ", logs->source_count))
        x += paint(&border, x, 0, room - x, THEME_BUSY, text);
    if (*logs->filter && snprintf(text, sizeof(text), " only %.100s ", logs->filter))
        x += paint(&border, x, 0, room - x, THEME_MATCH, text);
    if (*logs->search &&
        snprintf(text, sizeof(text), " %.100s: %zu lines ", logs->search, log_view_matches(logs)))
        paint(&border, x, 0, room - x, THEME_MATCH, text);
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
              !logs->ended                        ? "nothing written yet"
              : strcmp(logs->ended, "ended") == 0 ? "it has written nothing"
                                                  : logs->ended);
        return;
    }
    // From the last line upwards, until the pane is full; few lines stand at the top.
    int width = self->area.width - 1 - prefix_width(logs), used = 0;
    size_t last = log_view_index(logs, logs->follow ? 0 : logs->back), first = last;
    for (size_t i = last; i != LOG_VIEW_NONE && used < self->area.height; i--) {
        const log_line *line = log_buffer_at(&logs->lines, i);
        if (log_view_shows(logs, line)) {
            used += line_rows(line, width, logs->wrap);
            first = i;
        }
        if (i == 0)
            break;
    }
    int y = used > self->area.height ? self->area.height - used : 0;
    for (size_t i = first; last != LOG_VIEW_NONE && i <= last; i++) {
        const log_line *line = log_buffer_at(&logs->lines, i);
        if (!log_view_shows(logs, line))
            continue;
        int rows = line_rows(line, width, logs->wrap);
        draw_line(self, line, y, rows, logs);
        y += rows;
    }
    size_t total = log_view_total(logs);
    if (total)
        paint_scroll(self, total - 1 - log_view_back(logs, first), (size_t)self->area.height, total);
    else
        paint(self, 1, 0, self->area.width - 2, THEME_MUTED, "no line holds that");
    status_line(self, logs);
}

void detail_log_tail(const painter *self, int y, int rows) {
    const ui_logs *logs = &self->view->ui->logs;
    if (!for_selected(self) || logs->kind != LOGS_OWN || logs->merged)
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
