// Places: panes, tabs, zoom, the way back; and the dashboard itself.
#include <stdio.h>
#include <string.h>

#include "tui/dashboard_private.h"
#include "tui/log_view.h"

static void focus_pane(dashboard *self, ui_pane pane) {
    ui_use_pane(&self->ui, pane);
    self->ui.focus = FOCUS_LIST;
    self->ui.detail_open = false;
    dashboard_settle(self);
}

static void next_pane(dashboard *self, const char *id) {
    (void)id;
    focus_pane(self, (ui_pane)((self->ui.pane + 1) % PANE_COUNT));
}

static void previous_pane(dashboard *self, const char *id) {
    (void)id;
    focus_pane(self, (ui_pane)((self->ui.pane + PANE_COUNT - 1) % PANE_COUNT));
}

// "view.pane-3": the pane with the key 3.
#define FOCUS_PANE(name_, pane_)                         \
    static void name_(dashboard *self, const char *id) { \
        (void)id;                                        \
        focus_pane(self, pane_);                         \
    }
FOCUS_PANE(focus_containers, PANE_CONTAINERS)
FOCUS_PANE(focus_images, PANE_IMAGES)
FOCUS_PANE(focus_networks, PANE_NETWORKS)
FOCUS_PANE(focus_volumes, PANE_VOLUMES)
FOCUS_PANE(focus_tasks, PANE_TASKS)
FOCUS_PANE(focus_events, PANE_EVENTS)

void dashboard_go_to(dashboard *self, ui_pane pane, const char *id) {
    ui_list *list = &self->ui.lists[pane];
    cleanup_free char *wanted = strdup(id);
    ui_use_pane(&self->ui, pane);
    for (int tries = 0; tries < 2; tries++) {
        free(list->selected);
        list->selected = strdup(wanted);
        ui_refresh_list(&self->ui, &self->model, pane);
        if (list->selected && strcmp(list->selected, wanted) == 0)
            break;
        list->filter[0] = 0;
    }
    self->ui.detail_top = 0;
}

void dashboard_open_detail(dashboard *self) {
    if (!self->ui.lists[self->ui.pane].selected)
        return;
    self->ui.detail_open = true;
    self->ui.focus = FOCUS_DETAIL;
    if (self->ui.pane == PANE_CONTAINERS && self->ui.tabs[PANE_CONTAINERS] == TAB_CONSOLE)
        dashboard_console_enter(self);
    dashboard_settle(self);
}

void dashboard_show_tab(dashboard *self, ui_tab tab) {
    self->ui.tabs[self->ui.pane] = tab;
    self->ui.detail_top = 0;
    if (!dashboard_layout(self).detail.width)
        dashboard_open_detail(self);
    if (self->ui.focus != FOCUS_LIST)
        self->ui.focus = FOCUS_DETAIL;
    dashboard_settle(self);
}

void dashboard_step_tab(dashboard *self, int direction) {
    ui_tab tabs[TAB_COUNT];
    size_t count = ui_pane_tabs(self->ui.pane, tabs), at = 0;
    for (size_t i = 0; i < count; i++)
        if (tabs[i] == ui_current_tab(&self->ui, self->ui.pane))
            at = i;
    dashboard_show_tab(self, tabs[(at + count + (size_t)direction) % count]);
}

static void detail(dashboard *self, const char *id) {
    (void)id;
    dashboard_open_detail(self);
}

static void next_tab(dashboard *self, const char *id) {
    (void)id;
    dashboard_step_tab(self, 1);
}

static void previous_tab(dashboard *self, const char *id) {
    (void)id;
    dashboard_step_tab(self, -1);
}

static void zoom(dashboard *self, const char *id) {
    (void)id;
    self->ui.zoom = !self->ui.zoom;
    dashboard_settle(self);
}

static const struct {
    const char *name;
    int share;
    bool below;
} layouts[] = {{"even", 450, false},
               {"wide lists", 650, false},
               {"wide detail", 280, false},
               {"detail below", 400, true}};

static void next_layout(dashboard *self, const char *id) {
    (void)id;
    size_t at = 0;
    int share = self->ui.share ? self->ui.share : layouts[0].share;
    for (size_t i = 0; i < array_length(layouts); i++)
        if (layouts[i].below == self->ui.below && (layouts[i].share == share || self->ui.below))
            at = i;
    at = (at + 1) % array_length(layouts);
    self->ui.share = layouts[at].share;
    self->ui.below = layouts[at].below;
    self->ui.zoom = false;
    memset(self->ui.heights, 0, sizeof(self->ui.heights));
    memset(self->ui.lefts, 0, sizeof(self->ui.lefts));
    ui_set_notice(&self->ui, NOTICE_INFO, layouts[at].name);
    dashboard_settle(self);
}

static void resize(dashboard *self, int delta) {
    int share = (self->ui.share ? self->ui.share : layouts[0].share) + delta;
    self->ui.share = share < 150 ? 150 : share > 850 ? 850 : share;
    dashboard_settle(self);
}

static void wider(dashboard *self, const char *id) {
    (void)id;
    resize(self, 30);
}

static void narrower(dashboard *self, const char *id) {
    (void)id;
    resize(self, -30);
}

// The line above the pane moves; of the first one, that below it.
static void resize_pane(dashboard *self, int rows) {
    layout_plan plan = dashboard_layout(self);
    int band = layout_band_of(&plan, self->ui.pane), line = band > 0 ? band : 1;
    if (band < 0)
        return;
    layout_line_move(&self->ui, &plan, LINE_BAND, line, 0,
                     plan.bands[line].title + (band > 0 ? -rows : rows));
    dashboard_settle(self);
}

static void taller(dashboard *self, const char *id) {
    (void)id;
    resize_pane(self, 1);
}

static void shorter(dashboard *self, const char *id) {
    (void)id;
    resize_pane(self, -1);
}

static void theme(dashboard *self, const char *id) {
    (void)id;
    dashboard_open_themes(self);
}

void dashboard_copy(dashboard *self, const char *text, const char *note) {
    bool copied = screen_copy(self->screen, text);
    ui_set_notice(&self->ui, copied ? NOTICE_INFO : NOTICE_BAD,
                  copied                            ? note
                  : strlen(text) > SCREEN_COPY_MOST ? "it is too long for a clipboard: 64 KiB at most"
                                                    : "this terminal takes nothing for the clipboard");
    dashboard_dirty(self);
}

static void command_chosen(dashboard *self, const char *command) {
    dashboard_copy(self, command, "the command is on the clipboard");
}

// The command lines of what can be done here.
static void copy_command(dashboard *self, const char *id) {
    (void)id;
    char *lines[64];
    size_t count = 0;
    for (size_t i = 0; i < action_count() && count < array_length(lines); i++) {
        const action *what = action_at(i);
        if (what->noun != ui_kind(self->ui.pane)->noun || (!what->words && !what->custom) ||
            !dashboard_applies(self, what))
            continue;
        lines[count++] = dashboard_command_here(self, what);
    }
    dashboard_open_choices(self, "copy a command", lines, count, command_chosen, NULL);
    for (size_t i = 0; i < count; i++)
        free(lines[i]);
}

static void back(dashboard *self, const char *id) {
    (void)id;
    ui_list *list = &self->ui.lists[self->ui.pane];
    if (ui_in_files(&self->ui) && dashboard_files_back(self)) {
        return;
    } else if (self->ui.focus == FOCUS_DETAIL) {
        self->ui.focus = FOCUS_LIST;
        self->ui.detail_open = false;
    } else if (self->ui.zoom) {
        self->ui.zoom = false;
    } else if (*list->filter) {
        list->filter[0] = 0;
        ui_refresh_list(&self->ui, &self->model, self->ui.pane);
    } else if (list->mark_count) {
        ui_marks_clear(list);
    } else if (self->ui.detail_open) {
        self->ui.detail_open = false;
    }
    dashboard_settle(self);
}

static void help(dashboard *self, const char *id) {
    (void)id;
    dashboard_open_help(self);
}

static void palette(dashboard *self, const char *id) {
    (void)id;
    dashboard_open_palette(self, false);
}

static void menu(dashboard *self, const char *id) {
    (void)id;
    dashboard_open_palette(self, true);
}

static void mouse(dashboard *self, const char *id) {
    (void)id;
    self->ui.mouse = !self->ui.mouse;
    screen_mouse(self->screen, self->ui.mouse);
    ui_set_notice(&self->ui, NOTICE_INFO,
                  self->ui.mouse ? "mouse on" : "mouse off: the terminal selects text");
    dashboard_dirty(self);
}

// The marked lines of the logs, or where none is the last one that is shown.
static void copy_lines(dashboard *self) {
    const ui_logs *logs = &self->ui.logs;
    size_t last = log_view_index(logs, logs->follow ? 0 : logs->back), count = 0;
    buffer text = BUFFER_INIT;
    for (size_t i = 0; i < logs->lines.count; i++) {
        const log_line *line = log_buffer_at(&logs->lines, i);
        if (line->marked)
            buffer_append_format(&text, "%s%s", count++ ? "\n" : "", line->text);
    }
    if (!count && last != LOG_VIEW_NONE) {
        buffer_append_format(&text, "%s", log_buffer_at(&logs->lines, last)->text);
        count = 1;
    }
    char note[64];
    snprintf(note, sizeof(note),
             count == 1 ? "the line is on the clipboard" : "%zu lines are on the clipboard", count);
    cleanup_free char *whole = buffer_steal_text(&text);
    if (count)
        dashboard_copy(self, whole, note);
}

// The file's text, or the path under the cursor: without what a shell would take for more than a path.
static void copy_file(dashboard *self) {
    const ui_files *files = &self->ui.files;
    const file_entry *entry = file_list_selected(&files->list);
    cleanup_free char *path = entry ? file_path_down(files->list.path, entry->bytes) : NULL;
    cleanup_free char *shown = path ? holm_text_escape(path, strlen(path)) : NULL;
    if (files->viewing)
        dashboard_copy(self, files->view.text, "all of it is on the clipboard");
    else if (shown)
        dashboard_copy(self, shown, "its path is on the clipboard");
}

static void copy(dashboard *self, const char *id) {
    (void)id;
    const ui_text *text = ui_focused_text(&self->ui);
    const char *selected = self->ui.lists[self->ui.pane].selected;
    if (ui_noun(&self->ui) == ACTION_NOUN_LOGS)
        copy_lines(self);
    else if (ui_in_files(&self->ui))
        copy_file(self);
    else if (text && text->text && selected && strcmp(text->id, selected) == 0)
        dashboard_copy(self, text->text, "all of it is on the clipboard");
    else if (selected)
        dashboard_copy(self, selected, "its id is on the clipboard");
}

static void redraw(dashboard *self, const char *id) {
    (void)id;
    screen_redraw(self->screen);
    dashboard_dirty(self);
}

static void suspend(dashboard *self, const char *id) {
    (void)id;
    screen_suspend(self->screen);
    dashboard_dirty(self);
}

static void quit(dashboard *self, const char *id) {
    (void)id;
    dashboard_leave(self);
}

const dashboard_handler dashboard_view_handlers[] = {
    {"view.help", help},
    {"view.palette", palette},
    {"view.menu", menu},
    {"view.next-pane", next_pane},
    {"view.previous-pane", previous_pane},
    {"view.pane-1", focus_containers},
    {"view.pane-3", focus_networks},
    {"view.pane-4", focus_volumes},
    {"view.pane-6", focus_events},
    {"view.pane-2", focus_images},
    {"view.pane-5", focus_tasks},
    {"view.detail", detail},
    {"view.previous-tab", previous_tab},
    {"view.next-tab", next_tab},
    {"view.zoom", zoom},
    {"view.layout", next_layout},
    {"view.wider", wider},
    {"view.narrower", narrower},
    {"view.taller", taller},
    {"view.shorter", shorter},
    {"view.theme", theme},
    {"view.copy-command", copy_command},
    {"view.back", back},
    {"view.mouse", mouse},
    {"view.copy", copy},
    {"view.redraw", redraw},
    {"view.suspend", suspend},
    {"view.quit", quit},
    {NULL, NULL},
};
