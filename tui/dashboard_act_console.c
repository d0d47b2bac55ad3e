// A console that has the keys.
#include "tui/dashboard_private.h"

static void leave(dashboard *self, const char *id) {
    (void)id;
    self->ui.focus = FOCUS_LIST;
    self->ui.zoom = self->ui.detail_open = false;
    dashboard_settle(self);
}

static void next(dashboard *self, const char *id) {
    (void)id;
    dashboard_console_next(self);
}

static void look_back(dashboard *self, const char *id) {
    (void)id;
    if (dashboard_console(self))
        console_look_back(dashboard_console(self), false);
}

static void search(dashboard *self, const char *id) {
    (void)id;
    if (dashboard_console(self))
        console_look_back(dashboard_console(self), true);
}

static void zoom(dashboard *self, const char *id) {
    (void)id;
    self->ui.zoom = !self->ui.zoom;
    dashboard_settle(self);
}

static void split(dashboard *self, const char *id) {
    (void)id;
    dashboard_console_split(self);
}

static void other(dashboard *self, const char *id) {
    (void)id;
    dashboard_console_other(self);
}

const dashboard_handler dashboard_console_handlers[] = {
    {"console.leave", leave},   {"console.next", next}, {"console.copy", look_back},
    {"console.search", search}, {"console.zoom", zoom}, {"console.split", split},
    {"console.other", other},   {NULL, NULL},
};
