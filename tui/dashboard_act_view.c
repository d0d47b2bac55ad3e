// Places: panes, tabs, zoom, the way back; and the dashboard itself.
#include "tui/dashboard_private.h"

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

static void back(dashboard *self, const char *id) {
    (void)id;
    ui_list *list = &self->ui.lists[self->ui.pane];
    if (self->ui.focus == FOCUS_DETAIL) {
        self->ui.focus = FOCUS_LIST;
        self->ui.detail_open = false;
    } else if (self->ui.zoom) {
        self->ui.zoom = false;
    } else if (*list->filter) {
        list->filter[0] = 0;
        ui_refresh_list(&self->ui, &self->model, self->ui.pane);
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

static void copy(dashboard *self, const char *id) {
    (void)id;
    const char *text = self->ui.lists[self->ui.pane].selected;
    if (!text)
        return;
    screen_copy(self->screen, text);
    ui_set_notice(&self->ui, NOTICE_INFO, "its id is on the clipboard");
    dashboard_dirty(self);
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
    {"view.back", back},
    {"view.mouse", mouse},
    {"view.copy", copy},
    {"view.redraw", redraw},
    {"view.suspend", suspend},
    {"view.quit", quit},
    {NULL, NULL},
};
