// The logs tab.
#include <stdio.h>

#include "tui/dashboard_private.h"
#include "tui/log_view.h"

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

static void reopen(dashboard *self) {
    dashboard_logs_close(self);
    dashboard_settle(self);
}

static void boot_log(dashboard *self, const char *id) {
    (void)id;
    self->ui.logs.kind = (ui_log_kind)((self->ui.logs.kind + 1) % LOGS_KIND_COUNT);
    reopen(self);
}

static void merge(dashboard *self, const char *id) {
    (void)id;
    self->ui.logs.merged = !self->ui.logs.merged;
    reopen(self);
}

static void filter_entered(dashboard *self, const char *text) {
    ui_logs *logs = &self->ui.logs;
    snprintf(logs->filter, sizeof(logs->filter), "%s", text);
    logs->follow = true;
    logs->back = 0;
    dashboard_dirty(self);
}

static void filter(dashboard *self, const char *id) {
    (void)id;
    dashboard_open_prompt(self, "show only lines with", "! before it: only those without. Empty: all.",
                          self->ui.logs.filter, filter_entered);
}

static void since_entered(dashboard *self, const char *text) {
    int64_t since_ns = 0;
    if (*text && !holm_text_parse_time(text, &since_ns)) {
        dashboard_prompt_wrong(self, "that is neither a time nor a duration: 10m, 2h, 2026-11-22T13:00:00Z");
        return;
    }
    self->ui.logs.since_ns = since_ns;
    reopen(self);
}

static void since(dashboard *self, const char *id) {
    (void)id;
    dashboard_open_prompt(self, "lines since", "A time or how long ago (10m, 2h). Empty: the last ones.", "",
                          since_entered);
}

static void mark(dashboard *self, const char *id) {
    (void)id;
    ui_logs *logs = &self->ui.logs;
    size_t index = log_view_index(logs, logs->follow ? 0 : logs->back);
    if (index == LOG_VIEW_NONE)
        return;
    log_line *line = log_buffer_at(&logs->lines, index);
    line->marked = !line->marked;
    dashboard_dirty(self);
}

static void next_mark(dashboard *self, const char *id) {
    (void)id;
    if (!log_view_go(&self->ui.logs, log_view_marked, -1))
        ui_set_notice(&self->ui, NOTICE_INFO, "no other line is marked");
    dashboard_dirty(self);
}

static void save_entered(dashboard *self, const char *text) {
    if (*text)
        dashboard_logs_save(self, text);
}

static void save(dashboard *self, const char *id) {
    (void)id;
    char name[128] = "";
    const model_container *container = ui_container(&self->ui, &self->model);
    if (container)
        snprintf(name, sizeof(name), "%.100s.log", container->name);
    dashboard_open_prompt(self, "save the lines shown to",
                          "A new file; times are written where they are shown.", name, save_entered);
}

const dashboard_handler dashboard_logs_handlers[] = {
    {"logs.follow", follow}, {"logs.wrap", wrap},   {"logs.timestamps", timestamps},
    {"logs.boot", boot_log}, {"logs.merge", merge}, {"logs.filter", filter},
    {"logs.since", since},   {"logs.mark", mark},   {"logs.next-mark", next_mark},
    {"logs.save", save},     {NULL, NULL},
};
