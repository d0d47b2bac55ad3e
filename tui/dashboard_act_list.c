// Lists, and what scrolls.
#include <stdio.h>
#include <string.h>

#include "tui/dashboard_private.h"
#include "tui/log_view.h"
#include "tui/text_search.h"

static size_t page(const dashboard *self) {
    layout_plan plan = dashboard_layout(self);
    int rows = plan.content.height;
    if (ui_in_files(&self->ui) && !self->ui.files.viewing)
        detail_files_rows(&self->ui.files, &plan.content, &rows);
    if (self->ui.focus == FOCUS_DETAIL)
        return rows > 1 ? (size_t)rows - 1 : 1;
    return layout_page(self->ui.pane, &plan);
}

static void scroll_text(const dashboard *self, ui_text *text, int64_t delta) {
    int64_t height = dashboard_layout(self).content.height;
    int64_t most = (int64_t)text->lines > height ? (int64_t)text->lines - height : 0;
    int64_t top = (int64_t)text->top + delta;
    text->top = top < 0 ? 0 : top > most ? (size_t)most : (size_t)top;
}

// What is drawn anew each time tells how many rows it has by drawing into nothing.
static void scroll_detail(dashboard *self, int64_t delta) {
    rect content = dashboard_layout(self).content;
    grid nothing = {0};
    view_context view = dashboard_view(self);
    int rows = detail_rows(&(painter){&view, &nothing, content});
    int64_t most = rows > content.height ? rows - content.height : 0;
    int64_t top = (int64_t)self->ui.detail_top + delta;
    self->ui.detail_top = top < 0 ? 0 : top > most ? (size_t)most : (size_t)top;
}

void dashboard_scroll(dashboard *self, int64_t delta) {
    ui_tab tab = ui_current_tab(&self->ui, self->ui.pane);
    if (tab == TAB_LOGS)
        log_view_scroll(&self->ui.logs, delta);
    else if (tab == TAB_INSPECT)
        scroll_text(self, &self->ui.inspect, delta);
    else if (tab == TAB_FILES)
        dashboard_files_scroll(self, delta);
    else if (tab == TAB_PROCESSES)
        scroll_text(self, &self->ui.processes, delta);
    else
        scroll_detail(self, delta);
    dashboard_dirty(self);
}

void dashboard_move(dashboard *self, int64_t delta) {
    if (ui_in_files(&self->ui) && !self->ui.files.viewing) {
        file_list_move(&self->ui.files.list, delta);
        dashboard_dirty(self);
        return;
    }
    if (self->ui.focus != FOCUS_LIST) {
        dashboard_scroll(self, delta);
        return;
    }
    ui_move(&self->ui, &self->model, self->ui.pane, delta);
    dashboard_settle(self);
}

static void down(dashboard *self, const char *id) {
    (void)id;
    dashboard_move(self, 1);
}

static void up(dashboard *self, const char *id) {
    (void)id;
    dashboard_move(self, -1);
}

static void first(dashboard *self, const char *id) {
    (void)id;
    dashboard_move(self, -1000000);
}

static void last(dashboard *self, const char *id) {
    (void)id;
    dashboard_move(self, 1000000);
}

static void page_down(dashboard *self, const char *id) {
    (void)id;
    dashboard_move(self, (int64_t)page(self));
}

static void page_up(dashboard *self, const char *id) {
    (void)id;
    dashboard_move(self, -(int64_t)page(self));
}

static void filter(dashboard *self, const char *id) {
    (void)id;
    const char *now =
        ui_in_files(&self->ui) ? self->ui.files.list.filter : self->ui.lists[self->ui.pane].filter;
    // A filter is changed, a search begins anew.
    line_edit_set(&self->ui.filter, dashboard_is_search(self) ? "" : now);
    self->ui.filtering = true;
    dashboard_dirty(self);
}

static void find_in_text(dashboard *self, ui_text *text, int direction) {
    char note[96];
    if (!*text->search)
        return;
    bool found = text_search_go(text, direction);
    snprintf(note, sizeof(note), "line %zu of %zu, %zu match", text->found + 1, text->lines,
             text_search_count(text));
    ui_set_notice(&self->ui, NOTICE_INFO, found ? note : "no line matches");
    dashboard_dirty(self);
}

static void find(dashboard *self, int direction) {
    ui_text *text = ui_focused_text(&self->ui);
    if (text) {
        find_in_text(self, text, direction);
        return;
    }
    if (!*self->ui.logs.search || ui_noun(&self->ui) != ACTION_NOUN_LOGS)
        return;
    if (!log_view_go(&self->ui.logs, log_view_found, direction))
        ui_set_notice(&self->ui, NOTICE_INFO, "no other line matches");
    dashboard_dirty(self);
}

static void find_next(dashboard *self, const char *id) {
    (void)id;
    find(self, 1);
}

static void find_previous(dashboard *self, const char *id) {
    (void)id;
    find(self, -1);
}

void dashboard_sorted(dashboard *self) {
    const ui_list *list = &self->ui.lists[self->ui.pane];
    char text[96];
    snprintf(text, sizeof(text), "sorted by %s%s",
             list->sort ? ui_kind(self->ui.pane)->columns[list->sort - 1].name : "the usual order",
             list->reverse ? ", turned round" : "");
    ui_set_notice(&self->ui, NOTICE_INFO, text);
    ui_refresh_list(&self->ui, &self->model, self->ui.pane);
    dashboard_settle(self);
}

static void sort(dashboard *self, const char *id) {
    (void)id;
    ui_list *list = &self->ui.lists[self->ui.pane];
    const list_kind *kind = ui_kind(self->ui.pane);
    uint32_t shown = list->columns ? list->columns : list_usual_columns(kind);
    // The next column that is shown and has an order of its own; after the last the kind's order.
    do
        list->sort = (list->sort + 1) % ((int)kind->column_count + 1);
    while (list->sort && (!kind->columns[list->sort - 1].compare || !(shown & 1u << (list->sort - 1))));
    list->reverse = false;
    dashboard_sorted(self);
}

static void sort_reverse(dashboard *self, const char *id) {
    (void)id;
    self->ui.lists[self->ui.pane].reverse = !self->ui.lists[self->ui.pane].reverse;
    dashboard_sorted(self);
}

static void columns(dashboard *self, const char *id) {
    (void)id;
    dashboard_open_columns(self);
}

static void group(dashboard *self, const char *id) {
    (void)id;
    dashboard_open_groups(self);
}

static void mark(dashboard *self, const char *id) {
    (void)id;
    ui_list *list = &self->ui.lists[self->ui.pane];
    if (!list->selected)
        return;
    ui_mark(list, list->selected, !ui_marked(list, list->selected));
    ui_move(&self->ui, &self->model, self->ui.pane, 1);
    dashboard_settle(self);
}

static const char *id_at(dashboard *self, size_t place) {
    return ui_kind(self->ui.pane)->id(ui_item_at(&self->ui, &self->model, self->ui.pane, place));
}

static size_t place_of(dashboard *self, const char *id) {
    const ui_list *list = &self->ui.lists[self->ui.pane];
    size_t place = 0;
    while (place < list->count && strcmp(id_at(self, place), id) != 0)
        place++;
    return place;
}

static void mark_range(dashboard *self, const char *id) {
    (void)id;
    ui_list *list = &self->ui.lists[self->ui.pane];
    if (!list->selected)
        return;
    size_t to = place_of(self, list->selected), from = to;
    if (list->mark_count)
        from = place_of(self, list->marked[list->mark_count - 1]);
    if (from == list->count) // the filter hides it
        from = to;
    for (int step = from < to ? 1 : -1;; from += (size_t)step) {
        ui_mark(list, id_at(self, from), true);
        if (from == to)
            break;
    }
    dashboard_dirty(self);
}

static void mark_all(dashboard *self, const char *id) {
    (void)id;
    ui_list *list = &self->ui.lists[self->ui.pane];
    bool any = list->mark_count > 0;
    ui_marks_clear(list);
    for (size_t i = 0; !any && i < list->count; i++)
        ui_mark(list, id_at(self, i), true);
    dashboard_dirty(self);
}

static void left(dashboard *self, const char *id) {
    (void)id;
    dashboard_step_tab(self, -1);
}

static void right(dashboard *self, const char *id) {
    (void)id;
    dashboard_step_tab(self, 1);
}

const dashboard_handler dashboard_list_handlers[] = {
    {"list.down", down},
    {"list.up", up},
    {"list.first", first},
    {"list.last", last},
    {"list.page-down", page_down},
    {"list.page-up", page_up},
    {"list.left", left},
    {"list.right", right},
    {"list.filter", filter},
    {"list.find-next", find_next},
    {"list.find-previous", find_previous},
    {"list.mark", mark},
    {"list.mark-range", mark_range},
    {"list.mark-all", mark_all},
    {"list.columns", columns},
    {"list.group", group},
    {"list.sort", sort},
    {"list.sort-reverse", sort_reverse},
    {NULL, NULL},
};
