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

void view_target_add(const view_context *self, view_target target) {
    view_targets *all = self->targets;
    if (all && all->count < array_length(all->items))
        all->items[all->count++] = target;
}

bool rect_holds(const rect *self, int x, int y) {
    return x >= self->x && y >= self->y && x < self->x + self->width && y < self->y + self->height;
}

const view_target *view_target_at(const view_targets *self, int x, int y) {
    for (size_t i = self->count; i-- > 0;)
        if (rect_holds(&self->items[i].area, x, y))
            return &self->items[i];
    return NULL;
}

int view_scroll_mark(const view_target *bar, int *size) {
    size_t height = (size_t)bar->area.height;
    *size = (int)(height * bar->page / bar->count);
    *size = *size < 1 ? 1 : *size;
    return (int)((height - (size_t)*size) * bar->item / (bar->count - bar->page));
}

size_t view_scroll_top(const view_target *bar, int row) {
    int size;
    view_scroll_mark(bar, &size);
    int room = bar->area.height - size;
    row = row < 0 ? 0 : row > room ? room : row;
    return room ? ((size_t)row * (bar->count - bar->page) + (size_t)room / 2) / (size_t)room : 0;
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
    if (count <= page || self->area.height < 2 || self->view->ui->plain)
        return;
    view_target bar = {.kind = TARGET_SCROLL,
                       .area = {self->area.x + self->area.width, self->area.y, 1, self->area.height},
                       .item =
                           top < count - page ? top : count - page, // lines that wrap leave fewer in sight
                       .page = page,
                       .count = count};
    int size, at = view_scroll_mark(&bar, &size);
    for (int i = 0; i < size; i++)
        put(self->out, bar.area.x, bar.area.y + at + i, theme_style(self->view->theme, THEME_MUTED),
            self->view->glyphs->scroll);
    view_target_add(self->view, bar);
}

void paint_line(const painter *self, int x, int y, theme_role role, const char *text) {
    if (y >= 0 && y < self->area.height)
        paint(self, x, y, self->area.width - x, role, text);
}

int paint_wrapped(const painter *self, int x, int y, theme_role role, const char *text) {
    size_t width = self->area.width > x + 8 ? (size_t)(self->area.width - x) : 8;
    while (*text) {
        size_t length = strlen(text);
        if (length > width) {
            length = width;
            while (length && text[length] != ' ')
                length--;
            length = length ? length : width;
        }
        while ((text[length] & 0xc0) == 0x80) // not within a character
            length--;
        char line[512];
        snprintf(line, sizeof(line), "%.*s", (int)length, text);
        paint_line(self, x, y++, role, line);
        text += length;
        text += strspn(text, " ");
    }
    return y;
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
    if (model_container_unhealthy(container) || container->stalled) {
        *role = THEME_BAD;
        return self->glyphs->unwell;
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
    size_t count;
    ui_kind(pane)->items(self->model, &count);
    return count;
}

// How a name in a title line is written: all of it, without the count, or its key only.
enum name_form { NAME_FULL, NAME_PLAIN, NAME_KEY };

static void name_target(const painter *line, int from, int to, ui_pane pane) {
    view_target_add(line->view, (view_target){.kind = TARGET_PANE,
                                              .area = {line->area.x + from, line->area.y, to - from, 1},
                                              .which = (int)pane});
}

static int title_name(const painter *line, int x, ui_pane pane, bool focus, enum name_form form) {
    const view_context *self = line->view;
    int from = x;
    const ui_list *list = &self->ui->lists[pane];
    char key[2] = {ui_kind(pane)->key, 0};
    x += paint(line, x, 0, 1, THEME_TEXT, " ");
    x += paint(line, x, 0, 1, focus ? THEME_ACCENT : THEME_MUTED, key);
    if (form == NAME_KEY) {
        x += paint(line, x, 0, 1, THEME_TEXT, " ");
        name_target(line, from, x, pane);
        return x;
    }
    x += paint(line, x, 0, 1, THEME_TEXT, " ");
    x += paint(line, x, 0, 16, focus ? THEME_STRONG : THEME_TITLE, ui_kind(pane)->name);
    size_t count = pane_items(self, pane);
    if (list->filter[0])
        x += paint_format(line, x, 0, THEME_MATCH, " %zu of %zu", list->count, count);
    else if (count && form == NAME_FULL)
        x += paint_format(line, x, 0, THEME_MUTED, " %zu", count);
    if (list->mark_count)
        x += paint_format(line, x, 0, THEME_ACCENT, " %s%zu", self->glyphs->selected, list->mark_count);
    x += paint(line, x, 0, 1, THEME_TEXT, " ");
    name_target(line, from, x, pane);
    return x;
}

static int sort_mark(const painter *line, int x, ui_pane pane) {
    const ui_list *list = &line->view->ui->lists[pane];
    if (!list->sort && !list->reverse)
        return x;
    const glyph_table *g = line->view->glyphs;
    const char *name = list->sort ? ui_kind(pane)->columns[list->sort - 1].name : "usual";
    return x + paint_format(line, x, 0, THEME_MUTED, " by %s %s ", name, list->reverse ? g->up : g->down);
}

static void filter_mark(const painter *line, ui_pane pane, int from) {
    const ui_list *list = &line->view->ui->lists[pane];
    if (!*list->filter)
        return;
    char text[UI_FILTER_SIZE + 64];
    snprintf(text, sizeof(text), " / %s %s%s", list->filter, list->filter_problem ? list->filter_problem : "",
             list->filter_problem ? " " : "");
    int width = cell_text_width(text);
    if (from + width < line->area.width)
        paint_right(line, from, 0, line->area.width - from, list->filter_problem ? THEME_BAD : THEME_MATCH,
                    text);
}

// The names of all panes in one line: as much of them as there is room for.
static int all_names(const painter *line, ui_pane current) {
    grid scratch = {0};
    view_context unseen = *line->view;
    unseen.targets = NULL;
    painter trial = *line;
    trial.view = &unseen;
    grid_resize(&scratch, 200, 1);
    trial.out = &scratch;
    trial.area = (rect){0, 0, 200, 1};
    enum name_form form = NAME_FULL;
    for (; form < NAME_KEY; form++) {
        int x = 0;
        for (ui_pane each = 0; each < PANE_COUNT; each++)
            x = title_name(&trial, x, each, each == current, each == current ? NAME_FULL : form);
        if (x <= line->area.width)
            break;
    }
    grid_finish(&scratch);
    int x = 0;
    for (ui_pane each = 0; each < PANE_COUNT; each++)
        x = title_name(line, x, each, each == current, each == current ? NAME_FULL : form);
    return x;
}

static void one_list(const view_context *self, grid *out, const layout_plan *layout) {
    ui_pane pane = self->ui->pane;
    painter line = {self, out, {layout->lists.x + 2, layout->lists.y, layout->lists.width - 4, 1}};
    int x = all_names(&line, pane);
    if (x + 24 < line.area.width)
        x = sort_mark(&line, x, pane);
    filter_mark(&line, pane, x);
    if (!view_welcome(self, out, rect_inset(layout->lists, 1, 1)))
        view_list(&(painter){self, out, layout->panes[pane]}, pane);
}

// The border above a band, with the names of its panes.
static void band_title(const view_context *self, grid *out, const layout_plan *layout,
                       const layout_band *band) {
    cell_style border = theme_style(self->theme, THEME_BORDER);
    int left = layout->lists.x, right = left + layout->lists.width - 1, y = band->title;
    bool focus = self->ui->focus == FOCUS_LIST;
    if (y > layout->lists.y) {
        for (int x = left + 1; x < right; x++)
            put(out, x, y, border, self->glyphs->horizontal);
        put(out, left, y, border, self->glyphs->tee_left);
        put(out, right, y, border, self->glyphs->tee_right);
    }
    if (band->divider)
        put(out, band->divider, y, border, self->glyphs->tee_down);
    int x = 0;
    painter line = {self, out, {left + 2, y, layout->lists.width - 4, 1}};
    for (int i = 0; i < band->count; i++) {
        ui_pane pane = band->panes[i];
        bool shown = layout->panes[pane].height > 0;
        if (shown && band->shown == 2)
            line.area = (rect){layout->panes[pane].x + 1, y, layout->panes[pane].width - 2, 1}, x = 0;
        x = title_name(&line, x, pane, focus && self->ui->pane == pane, shown ? NAME_FULL : NAME_PLAIN);
        if (shown) {
            x = sort_mark(&line, x, pane);
            if (band->shown == band->count)
                filter_mark(&line, pane, x);
        }
    }
}

static void draw_lists(const view_context *self, grid *out, const layout_plan *layout) {
    paint_frame(self, out, layout->lists, self->ui->focus == FOCUS_LIST && layout->one_pane);
    if (layout->one_pane) {
        one_list(self, out, layout);
        return;
    }
    cell_style border = theme_style(self->theme, THEME_BORDER);
    for (int i = 0; i < layout->band_count; i++) {
        const layout_band *band = &layout->bands[i];
        band_title(self, out, layout, band);
        for (int k = 0; k < band->count; k++)
            if (layout->panes[band->panes[k]].height)
                view_list(&(painter){self, out, layout->panes[band->panes[k]]}, band->panes[k]);
        if (!band->divider)
            continue;
        rect pane = layout->panes[band->panes[0]];
        for (int y = pane.y; y < pane.y + pane.height; y++)
            put(out, band->divider, y, border, self->glyphs->vertical);
        put(out, band->divider, pane.y + pane.height, border, self->glyphs->tee_up);
    }
}

// Where the focus is strikes the eye: the frame's left edge of that pane is in the accent.
static void mark_focus(const view_context *self, grid *out, const layout_plan *layout) {
    if (self->ui->focus != FOCUS_LIST || layout->one_pane || layout->kind != LAYOUT_WIDE)
        return;
    rect pane = layout->panes[self->ui->pane];
    cell_style accent = theme_style(self->theme, THEME_ACCENT);
    for (int y = pane.y; y < pane.y + pane.height; y++)
        put(out, pane.x - 1, y, accent, self->glyphs->vertical);
}

void view_draw(const view_context *self, grid *out) {
    grid_clear(out, theme_style(self->theme, THEME_TEXT));
    layout_plan layout = layout_compute(self->ui, self->model, out->columns, out->rows);
    if (layout.kind == LAYOUT_TINY) {
        painter all = {self, out, {0, 0, out->columns, out->rows}};
        paint(&all, 0, 0, out->columns, THEME_BAD, "too small");
        return;
    }
    if (self->ui->plain) {
        view_plain(self, out, &layout);
        return;
    }
    view_header(&(painter){self, out, layout.header});
    if (layout.lists.width)
        draw_lists(self, out, &layout);
    mark_focus(self, out, &layout);
    if (layout.halves[0].width) {
        detail_split(self, out, &layout);
    } else if (layout.detail.width) {
        paint_frame(self, out, layout.detail, self->ui->focus != FOCUS_LIST);
        detail_title(self, out, layout.detail);
        detail_draw(&(painter){self, out, layout.content});
    }
    view_footer(&(painter){self, out, layout.footer});
    view_overlay(self, out);
}
