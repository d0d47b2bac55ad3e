// The logs tab.
#include "tui/dashboard_private.h"

static void follow(dashboard *self, const char *id) {
    (void)id;
    self->ui.logs.follow = !self->ui.logs.follow;
    self->ui.logs.back = 0;
    dashboard_dirty(self);
}

static void wrap(dashboard *self, const char *id) {
    (void)id;
    self->ui.logs.wrap = !self->ui.logs.wrap;
    dashboard_dirty(self);
}

static void timestamps(dashboard *self, const char *id) {
    (void)id;
    self->ui.logs.timestamps = !self->ui.logs.timestamps;
    dashboard_dirty(self);
}

static void boot_log(dashboard *self, const char *id) {
    (void)id;
    self->ui.logs.boot = !self->ui.logs.boot;
    dashboard_detail_stop(self);
    dashboard_settle(self);
}

const dashboard_handler dashboard_logs_handlers[] = {
    {"logs.follow", follow}, {"logs.wrap", wrap}, {"logs.timestamps", timestamps},
    {"logs.boot", boot_log}, {NULL, NULL},
};
