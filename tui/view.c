#include "tui/view.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int paint(const painter *self, int x, int y, int width, theme_role role, const char *text) {
    if (width > self->area.width - x)
        width = self->area.width - x;
    if (width <= 0)
        return 0;
    return grid_text(self->out, &self->area, self->area.x + x, self->area.y + y, width,
                     theme_style(self->view->theme, role), text, self->view->glyphs->ellipsis);
}

void paint_right(const painter *self, int x, int y, int width, theme_role role, const char *text) {
    int columns = cell_text_width(text);
    if (columns < width)
        x += width - columns;
    paint(self, x, y, columns < width ? columns : width, role, text);
}

int paint_format(const painter *self, int x, int y, theme_role role, const char *format, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    return paint(self, x, y, self->area.width - x, role, text);
}

void paint_center(const painter *self, int y, theme_role role, const char *text) {
    int columns = cell_text_width(text);
    int x = columns < self->area.width ? (self->area.width - columns) / 2 : 0;
    paint(self, x, y, self->area.width - x, role, text);
}

static void put(grid *out, int x, int y, cell_style style, const char *text) {
    grid_text(out, NULL, x, y, 1, style, text, NULL);
}

void paint_frame(const view_context *view, grid *out, rect area, bool focus) {
    const glyph_table *g = view->glyphs;
    cell_style style = theme_style(view->theme, focus ? THEME_ACCENT : THEME_BORDER);
    int right = area.x + area.width - 1, bottom = area.y + area.height - 1;
    for (int x = area.x + 1; x < right; x++) {
        put(out, x, area.y, style, g->horizontal);
        put(out, x, bottom, style, g->horizontal);
    }
    for (int y = area.y + 1; y < bottom; y++) {
        put(out, area.x, y, style, g->vertical);
        put(out, right, y, style, g->vertical);
    }
    put(out, area.x, area.y, style, g->top_left);
    put(out, right, area.y, style, g->top_right);
    put(out, area.x, bottom, style, g->bottom_left);
    put(out, right, bottom, style, g->bottom_right);
}

void paint_selection(const painter *self, int y, int rows, bool focus) {
    rect row = {self->area.x, self->area.y + y, self->area.width, rows};
    row = rect_intersect(row, self->area);
    cell_style style = theme_style(self->view->theme, focus ? THEME_SELECTION : THEME_SELECTION_AWAY);
    for (int line = row.y; line < row.y + row.height; line++) {
        for (int x = row.x; x < row.x + row.width; x++) {
            cell *at = grid_at(self->out, x, line);
            if (!at)
                continue;
            // Colours that mean something stay; what is plain takes the colour of the selection.
            bool plain = at->style.fg == theme_style(self->view->theme, THEME_TEXT).fg ||
                         at->style.fg == theme_style(self->view->theme, THEME_STRONG).fg ||
                         at->style.fg == theme_style(self->view->theme, THEME_MUTED).fg;
            if (style.fg != CELL_COLOR_KEEP && plain)
                at->style.fg = style.fg;
            if (style.bg != CELL_COLOR_KEEP)
                at->style.bg = style.bg;
            at->style.attributes |= style.attributes;
        }
    }
}

void paint_scroll(const painter *self, size_t top, size_t page, size_t count) {
    if (count <= page || self->area.height < 2)
        return;
    int height = self->area.height;
    int size = (int)((size_t)height * page / count);
    size = size < 1 ? 1 : size;
    int at = (int)((size_t)(height - size) * top / (count - page));
    for (int i = 0; i < size; i++)
        put(self->out, self->area.x + self->area.width, self->area.y + at + i,
            theme_style(self->view->theme, THEME_MUTED), self->view->glyphs->scroll);
}

const char *view_bytes(double bytes, char out[8]) {
    static const char units[] = "\0KMGTPE";
    int unit = 0;
    while (bytes >= 999.5 && unit < 6) {
        bytes /= 1024;
        unit++;
    }
    if (bytes > 999)
        bytes = 999;
    if (unit && bytes < 9.95)
        snprintf(out, 8, "%.1f%c", bytes, units[unit]);
    else
        snprintf(out, 8, unit ? "%.0f%c" : "%.0f", bytes, units[unit]);
    return out;
}

const char *view_percent(double percent, char out[8]) {
    if (percent < 0)
        percent = 0;
    snprintf(out, 8, percent < 999.95 ? "%.1f" : "%.0f", percent > 99999 ? 99999 : percent);
    return out;
}

const char *view_age(int64_t seconds, char out[16]) {
    long long s = seconds < 0 ? 0 : seconds;
    if (s < 60)
        snprintf(out, 16, "%lld s", s);
    else if (s < 3600)
        snprintf(out, 16, "%lld min", s / 60);
    else if (s < 48 * 3600)
        snprintf(out, 16, "%lld h", s / 3600);
    else
        snprintf(out, 16, "%lld d", s / 86400 % 1000000);
    return out;
}

const char *view_state(const view_context *self, const model_container *container, theme_role *role) {
    if (model_container_busy(container)) {
        *role = THEME_BUSY;
        return self->glyphs->changing;
    }
    if (model_container_running(container)) {
        *role = THEME_GOOD;
        return self->glyphs->running;
    }
    bool bad = container->exit_code != 0 || strcmp(container->reason, "vm-lost") == 0 ||
               strcmp(container->reason, "shim-lost") == 0 || strcmp(container->reason, "start-failed") == 0;
    bool created = strcmp(container->state, "created") == 0;
    *role = bad && !created ? THEME_BAD : THEME_OFF;
    return bad && !created ? self->glyphs->failed : self->glyphs->stopped;
}

static size_t pane_items(const view_context *self, ui_pane pane) {
    return pane == PANE_CONTAINERS ? self->model->container_count
           : pane == PANE_IMAGES   ? self->model->image_count
                                   : self->model->task_count;
}

static const char *const pane_names[PANE_COUNT] = {"containers", "images", "tasks"};
static const char pane_keys[PANE_COUNT] = {'1', '2', '5'};

// One name in a title line: its key, its name, how many.
static int title_name(const painter *line, int x, ui_pane pane, bool focus) {
    const view_context *self = line->view;
    char key[2] = {pane_keys[pane], 0};
    x += paint(line, x, 0, 1, THEME_TEXT, " ");
    x += paint(line, x, 0, 1, focus ? THEME_ACCENT : THEME_MUTED, key);
    x += paint(line, x, 0, 1, THEME_TEXT, " ");
    x += paint(line, x, 0, 16, focus ? THEME_STRONG : THEME_TITLE, pane_names[pane]);
    size_t count = pane_items(self, pane), shown = self->ui->lists[pane].count;
    if (self->ui->lists[pane].filter[0])
        x += paint_format(line, x, 0, THEME_MATCH, " %zu of %zu", shown, count);
    else if (count)
        x += paint_format(line, x, 0, THEME_MUTED, " %zu", count);
    return x + paint(line, x, 0, 1, THEME_TEXT, " ");
}

static int sort_mark(const painter *line, int x, ui_pane pane) {
    static const char *const names[SORT_COUNT] = {NULL, "name", "cpu", "memory", "age"};
    const ui_list *list = &line->view->ui->lists[pane];
    if (list->sort == SORT_NATURAL && !list->reverse)
        return x;
    const glyph_table *g = line->view->glyphs;
    return x + paint_format(line, x, 0, THEME_MUTED, " by %s %s ",
                            names[list->sort] ? names[list->sort] : "state", list->reverse ? g->up : g->down);
}

static void filter_mark(const painter *line, ui_pane pane, int from) {
    const char *filter = line->view->ui->lists[pane].filter;
    if (!*filter)
        return;
    char text[UI_FILTER_SIZE + 8];
    snprintf(text, sizeof(text), " / %s ", filter);
    int width = cell_text_width(text);
    if (from + width < line->area.width)
        paint_right(line, from, 0, line->area.width - from, THEME_MATCH, text);
}

static void draw_lists(const view_context *self, grid *out, const layout_plan *layout) {
    bool focus = self->ui->focus == FOCUS_LIST;
    paint_frame(self, out, layout->lists, focus && layout->one_pane);
    bool welcome = layout->one_pane && view_welcome(self, out, rect_inset(layout->lists, 1, 1));
    cell_style border = theme_style(self->theme, THEME_BORDER);
    int right = layout->lists.x + layout->lists.width - 1;
    for (ui_pane pane = 0; pane < PANE_COUNT; pane++) {
        if (!layout->panes[pane].height)
            continue;
        int y = layout->titles[pane];
        bool here = focus && self->ui->pane == pane;
        if (!layout->one_pane && y > layout->lists.y) {
            for (int x = layout->lists.x + 1; x < right; x++)
                put(out, x, y, border, self->glyphs->horizontal);
            put(out, layout->lists.x, y, border, self->glyphs->tee_left);
            put(out, right, y, border, self->glyphs->tee_right);
        }
        painter line = {self, out, {layout->lists.x + 2, y, layout->lists.width - 4, 1}};
        int x = 0;
        if (layout->one_pane) {
            for (ui_pane each = 0; each < PANE_COUNT; each++)
                x = title_name(&line, x, each, each == pane);
        } else {
            x = title_name(&line, x, pane, here);
        }
        x = sort_mark(&line, x, pane);
        filter_mark(&line, pane, x);
        painter area = {self, out, layout->panes[pane]};
        if (welcome)
            continue;
        (pane == PANE_CONTAINERS ? pane_containers : pane == PANE_IMAGES ? pane_images : pane_tasks)(&area);
    }
}

// Where the focus is strikes the eye: the frame's left edge of that pane is in the accent.
static void mark_focus(const view_context *self, grid *out, const layout_plan *layout) {
    if (self->ui->focus != FOCUS_LIST || layout->one_pane || layout->kind != LAYOUT_WIDE)
        return;
    rect pane = layout->panes[self->ui->pane];
    cell_style accent = theme_style(self->theme, THEME_ACCENT);
    for (int y = pane.y; y < pane.y + pane.height; y++)
        put(out, layout->lists.x, y, accent, self->glyphs->vertical);
}

void view_draw(const view_context *self, grid *out) {
    grid_clear(out, theme_style(self->theme, THEME_TEXT));
    layout_plan layout = layout_compute(self->ui, self->model, out->columns, out->rows);
    if (layout.kind == LAYOUT_TINY) {
        painter all = {self, out, {0, 0, out->columns, out->rows}};
        paint(&all, 0, 0, out->columns, THEME_BAD, "too small");
        return;
    }
    view_header(&(painter){self, out, layout.header});
    if (layout.lists.width)
        draw_lists(self, out, &layout);
    mark_focus(self, out, &layout);
    if (layout.detail.width) {
        paint_frame(self, out, layout.detail, self->ui->focus != FOCUS_LIST);
        detail_title(self, out, layout.detail);
        detail_draw(&(painter){self, out, layout.content});
    }
    view_footer(&(painter){self, out, layout.footer});
    view_overlay(self, out);
}
