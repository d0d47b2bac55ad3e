// The frame for screen readers: no frames and no graphs, a line of text for each thing, the terminal's cursor
// on what is selected, and one line at the bottom for what has changed. Figures that change every second are
// in the detail only, so that nothing is read out that nobody asked for.
#include <stdio.h>
#include <string.h>

#include "tui/view.h"

static bool blank(const cell *at) {
    return at->width == 1 && at->chars[0] == ' ';
}

// Runs of blanks become one, also those at the beginning; the cursor stays on its cell.
static void tighten(grid *out, int y) {
    int to = 0;
    bool gap = false, cursor_here = out->cursor_visible && out->cursor_row == y;
    int cursor = out->cursor_column;
    for (int x = 0; x < out->columns; x++) {
        const cell *from = grid_at(out, x, y);
        if (cursor_here && x == cursor)
            out->cursor_column = to + (gap && to > 0);
        if (blank(from)) {
            gap = true;
            continue;
        }
        cell kept = *from, space = *from;
        if (gap && to > 0) {
            memset(space.chars, 0, sizeof(space.chars));
            space.chars[0] = ' ';
            space.width = 1;
            *grid_at(out, to++, y) = space;
        }
        gap = false;
        *grid_at(out, to++, y) = kept;
    }
    rect rest = {to, y, out->columns - to, 1};
    grid_fill(out, &rest, grid_at(out, out->columns - 1, y)->style);
}

static void cursor_at(grid *out, int y) {
    out->cursor_visible = true;
    out->cursor_column = 0;
    out->cursor_row = y;
}

// What a column says, drawn into nothing but a line of its own.
static void column_text(const painter *self, const list_column *column, const void *item, char out[128]) {
    grid line = {0};
    size_t length = 0;
    grid_resize(&line, 40, 1);
    grid_clear(&line, theme_style(self->view->theme, THEME_TEXT));
    column->draw(&(painter){self->view, &line, {0, 0, 40, 1}}, 0, 0, 40, item);
    tighten(&line, 0);
    for (int x = 0; x < line.columns && length + 4 * CELL_CHARS < 127; x++) {
        const cell *at = grid_at(&line, x, 0);
        for (int i = 0; i < CELL_CHARS && at->chars[i]; i++)
            length += cell_utf8_encode(at->chars[i], out + length);
    }
    while (length && out[length - 1] == ' ')
        length--;
    out[length] = 0;
    grid_finish(&line);
}

static int say(const painter *self, int x, int y, const char *before, const char *text) {
    x += paint(self, x, y, self->area.width - x, THEME_TEXT, before);
    return x + paint(self, x, y, self->area.width - x, THEME_TEXT, text);
}

// "db, running, image postgres:16"
static void item_line(const painter *self, ui_pane pane, int y, const void *item) {
    const list_kind *kind = ui_kind(pane);
    const ui_list *list = &self->view->ui->lists[pane];
    char text[160] = "";
    theme_role role;
    int x = say(self, 0, y, ui_marked(list, kind->id(item)) ? "marked, " : "", kind->title(item));
    const model_container *container = pane == PANE_CONTAINERS ? item : NULL;
    if (container)
        x = say(self, x, y, ", ", container->state);
    if (container && *container->health)
        x = say(self, x, y, ", ", container->health);
    list_columns columns = view_list_columns(list, kind, 1000);
    for (int i = 1; i < columns.count; i++) {
        const list_column *column = &kind->columns[columns.index[i]];
        if (column->figure && container)
            continue;
        column_text(self, column, item, text);
        if (!*text)
            continue;
        x = say(self, x, y, ", ", column->name);
        x = say(self, x, y, " ", text);
    }
    text[0] = 0;
    if (kind->tail && kind->tail(self->view, item, false, text, &role) && *text &&
        (!container || strcmp(text, container->state) != 0))
        say(self, x, y, ", ", text);
}

static void draw_list(const view_context *self, grid *out, rect area) {
    ui_pane pane = self->ui->pane;
    const ui_list *list = &self->ui->lists[pane];
    const list_kind *kind = ui_kind(pane);
    painter lines = {self, out, area};
    int heads = layout_head_rows(pane), rows = kind->second && area.width >= 50 ? 2 : 1, y = heads;
    cursor_at(out, area.y);
    if (view_welcome(self, out, area))
        return;
    if (heads)
        paint_format(&lines, 0, 0, THEME_TITLE, "%s: %zu%s%s", kind->name, list->count,
                     *list->filter ? ", those that match " : "", list->filter);
    if (!list->count)
        paint(&lines, 0, heads, area.width, THEME_MUTED, kind->empty);
    for (size_t place = list->top; place < list->count && y < area.height; place++, y += rows) {
        const void *item = ui_item_at(self->ui, self->model, pane, place);
        if (!item)
            break;
        item_line(&lines, pane, y, item);
        if (rows > 1)
            kind->second(&lines, y + 1, item);
        if (place == list->index)
            cursor_at(out, area.y + y);
    }
}

static void place_line(const painter *self) {
    const ui_state *ui = self->view->ui;
    const void *item = ui_selected(ui, self->view->model, ui->pane);
    ui_tab tabs[TAB_COUNT];
    size_t count = ui_pane_tabs(ui->pane, tabs), at = 0;
    for (size_t i = 0; i < count; i++)
        at = tabs[i] == ui_current_tab(ui, ui->pane) ? i : at;
    paint_format(self, 0, 0, THEME_TITLE, "%s, %s, tab %zu of %zu",
                 item ? ui_kind(ui->pane)->title(item) : "", ui_tab_name(tabs[at], ui->pane), at + 1, count);
}

static void summary_line(const painter *self) {
    const model_state *model = self->view->model;
    unsigned running = model_running_count(model), unwell = 0;
    for (size_t i = 0; i < model->container_count; i++)
        unwell += model_container_unhealthy(&model->containers[i]);
    paint_format(self, 0, 0, THEME_TITLE, "holm: %u running, %u unhealthy, %zu stopped%s", running, unwell,
                 model->container_count - running, self->view->ui->read_only ? ", read-only" : "");
}

// What was said last, else what happened last.
static void status_line(const painter *self) {
    const ui_state *ui = self->view->ui;
    const model_state *model = self->view->model;
    if (ui->notice || ui->filtering || ui->focus == FOCUS_CONSOLE)
        view_footer(self);
    else if (model->lost)
        paint(self, 0, 0, self->area.width, THEME_BAD, model->lost);
    else if (model->event_count)
        paint_format(self, 0, 0, THEME_FOOTER, "%s %s: %s %s", model->events[0].kind, model->events[0].name,
                     model->events[0].action, model->events[0].text);
    else
        paint(self, 0, 0, self->area.width, THEME_FOOTER, "? help, : commands, q quit");
}

void view_plain(const view_context *self, grid *out, const layout_plan *layout) {
    const ui_state *ui = self->ui;
    bool on_top = ui->overlay.kind != OVERLAY_NONE, console = false;
    if (on_top) {
        cursor_at(out, 0);
        view_overlay(self, out);
    } else {
        painter top = {self, out, layout->header};
        if (layout->lists.width) {
            summary_line(&top);
            draw_list(self, out, layout->lists);
        } else {
            place_line(&top);
            cursor_at(out, layout->content.y);
            console = ui->pane == PANE_CONTAINERS && ui->tabs[PANE_CONTAINERS] == TAB_CONSOLE;
            detail_draw(&(painter){self, out, layout->content});
        }
        status_line(&(painter){self, out, layout->footer});
    }
    for (int y = 0; y < out->rows; y++) // what a program in a console draws stays where it is
        if (!console || !rect_holds(&layout->content, 0, y))
            tighten(out, y);
    // A question or a message is read from its first line.
    while (on_top && out->cursor_row + 1 < out->rows && blank(grid_at(out, 0, out->cursor_row)))
        out->cursor_row++;
    // Logs from their newest line that is shown.
    if (!on_top && layout->detail.width && ui_current_tab(ui, ui->pane) == TAB_LOGS) {
        int y = layout->content.y + layout->content.height - 1;
        while (y > layout->content.y && blank(grid_at(out, 0, y)))
            y--;
        cursor_at(out, y);
    }
}
