// The detail side: its title with the tabs, and which tab draws.
#include <stdio.h>
#include <string.h>

#include "tui/text_search.h"
#include "tui/view.h"

static const char *subject(const view_context *self) {
    const void *item = ui_selected(self->ui, self->model, self->ui->pane);
    return item ? ui_kind(self->ui->pane)->title(item) : NULL;
}

static int one_tab(const painter *line, int x, ui_tab tab, bool current, bool focus) {
    const ui_state *ui = line->view->ui;
    view_target_add(line->view, (view_target){.kind = TARGET_TAB,
                                              .area = {line->area.x + x - 1, line->area.y,
                                                       (int)strlen(ui_tab_name(tab, ui->pane)) + 2, 1},
                                              .which = (int)tab});
    if (current) {
        x += paint(line, x, 0, 14, focus ? THEME_ACCENT : THEME_STRONG, ui_tab_name(tab, ui->pane));
        rect name = {line->area.x + x - (int)strlen(ui_tab_name(tab, ui->pane)), line->area.y,
                     (int)strlen(ui_tab_name(tab, ui->pane)), 1};
        grid_restyle(line->out, &name,
                     (cell_style){CELL_COLOR_KEEP, CELL_COLOR_KEEP,
                                  focus ? CELL_BOLD | CELL_UNDERLINE : CELL_UNDERLINE});
        return x;
    }
    return x + paint(line, x, 0, 14, THEME_TITLE, ui_tab_name(tab, ui->pane));
}

void detail_title(const view_context *self, grid *out, rect frame) {
    const char *name = subject(self);
    if (!name)
        return;
    bool focus = self->ui->focus != FOCUS_LIST;
    painter line = {self, out, {frame.x + 2, frame.y, frame.width - 4, 1}};
    ui_tab tabs[TAB_COUNT];
    size_t count = ui_pane_tabs(self->ui->pane, tabs);
    int total = 2;
    for (size_t i = 0; i < count; i++)
        total += (int)strlen(ui_tab_name(tabs[i], self->ui->pane)) + 2;
    int room = line.area.width - total - 3;
    bool all = room >= 8;
    int x = paint(&line, 0, 0, 1, THEME_TEXT, " ");
    x += paint(&line, x, 0, all ? room : line.area.width / 2, focus ? THEME_STRONG : THEME_TITLE, name);
    x += paint(&line, x, 0, 1, THEME_TEXT, " ");
    x += 1;
    x += paint(&line, x, 0, 1, THEME_TEXT, " ");
    for (size_t i = 0; i < count; i++) {
        bool current = tabs[i] == ui_current_tab(self->ui, self->ui->pane);
        if (!all && !current)
            continue;
        x = one_tab(&line, x, tabs[i], current, focus);
        x += paint(&line, x, 0, 2, THEME_TEXT, all && i + 1 < count ? "  " : " ");
    }
    if (!all && count > 1) {
        painter end = line;
        char text[16];
        snprintf(text, sizeof(text), " [ ] ");
        if (x + 6 < line.area.width)
            paint_right(&end, x, 0, line.area.width - x, THEME_MUTED, text);
    }
}

// Returns the rows of what is scrolled by ui.detail_top; 0: it sees to that itself.
static int container_tab(const painter *self) {
    const ui_state *ui = self->view->ui;
    switch (ui->tabs[PANE_CONTAINERS]) {
    case TAB_LOGS:
        detail_logs(self);
        return 0;
    case TAB_STATS:
        return detail_stats(self);
    case TAB_CONSOLE:
        detail_console(self);
        return 0;
    case TAB_PROCESSES:
        detail_text(self, &ui->processes, "asking the container");
        return 0;
    case TAB_FILES:
        detail_files(self);
        return 0;
    case TAB_INSPECT:
        detail_text(self, &ui->inspect, "reading");
        return 0;
    default:
        return detail_overview(self);
    }
}

static int image_tab(const painter *self, ui_tab tab) {
    switch (tab) {
    case TAB_LAYERS:
        return detail_layers(self);
    case TAB_CONFIGURATION:
        return detail_configuration(self);
    case TAB_USERS:
        return detail_image_users(self);
    default:
        return detail_image(self);
    }
}

static int scrolled_tab(const painter *self) {
    const ui_state *ui = self->view->ui;
    ui_tab tab = ui_current_tab(ui, ui->pane);
    if (ui->pane == PANE_CONTAINERS)
        return container_tab(self);
    if (tab == TAB_INSPECT) {
        detail_text(self, &ui->inspect, "reading");
        return 0;
    }
    return ui->pane == PANE_IMAGES     ? image_tab(self, tab)
           : ui->pane == PANE_NETWORKS ? detail_network(self)
           : ui->pane == PANE_VOLUMES  ? detail_volume(self)
                                       : detail_task(self);
}

int detail_rows(const painter *self) {
    const ui_state *ui = self->view->ui;
    return ui_selected(ui, self->view->model, ui->pane) ? scrolled_tab(self) : 0;
}

void detail_draw(const painter *self) {
    const view_context *view = self->view;
    if (view_welcome(view, self->out, self->area))
        return;
    if (!subject(view)) {
        paint(self, 1, 0, self->area.width - 2, THEME_MUTED, "nothing selected");
        return;
    }
    int rows = scrolled_tab(self), page = self->area.height, most = rows > page ? rows - page : 0;
    int top = (int)view->ui->detail_top < most ? (int)view->ui->detail_top : most;
    if (page > 0)
        paint_scroll(self, (size_t)top, (size_t)page, (size_t)rows);
}

// What is searched for stands out, most of all in the line that the search stands at.
static void mark_matches(const painter *self, int y, const ui_text *text, const char *line, bool here) {
    size_t length = strlen(text->search);
    cell_style style = theme_style(self->view->theme, THEME_MATCH);
    style.bg = CELL_COLOR_KEEP;
    style.attributes |= here ? CELL_BOLD | CELL_UNDERLINE | CELL_REVERSE : CELL_UNDERLINE;
    for (const char *at = line; (at = text_search_in(text, at)); at += length) {
        char before[2048], word[UI_FILTER_SIZE];
        snprintf(before, sizeof(before), "%.*s", (int)(at - line), line);
        snprintf(word, sizeof(word), "%.*s", (int)length, at);
        int x = 1 + cell_text_width(before), width = cell_text_width(word), room = self->area.width - 2 - x;
        rect cells = {self->area.x + x, self->area.y + y, width < room ? width : room, 1};
        if (cells.width > 0)
            grid_restyle(self->out, &cells, style);
    }
}

void detail_text(const painter *self, const ui_text *text, const char *waiting) {
    if (!text->text) {
        paint(self, 1, 0, self->area.width - 2, THEME_MUTED, waiting);
        return;
    }
    const char *at = text->text;
    size_t page = (size_t)self->area.height;
    size_t most = text->lines > page ? text->lines - page : 0;
    size_t top = text->top < most ? text->top : most;
    for (size_t skip = top; skip && *at; skip--) {
        at += strcspn(at, "\n");
        at += *at == '\n';
    }
    for (int y = 0; y < self->area.height && *at; y++) {
        size_t length = strcspn(at, "\n");
        char line[2048];
        snprintf(line, sizeof(line), "%.*s", (int)(length < sizeof(line) ? length : sizeof(line) - 1), at);
        paint(self, 1, y, self->area.width - 2, THEME_TEXT, line);
        mark_matches(self, y, text, line, top + (size_t)y == text->found);
        at += length + (at[length] == '\n');
    }
    paint_scroll(self, top, page, text->lines);
    if (*text->search) {
        char count[64];
        size_t matches = text_search_count(text);
        snprintf(count, sizeof(count), " %zu line%s ", matches, matches == 1 ? " matches" : "s match");
        paint_right(self, 1, self->area.height - 1, self->area.width - 2, THEME_MATCH, count);
    }
}
