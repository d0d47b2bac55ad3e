// The logs that come in: of the selected container, of its machine, of several at once.
#include <string.h>

#include "tui/dashboard_private.h"
#include "tui/log_view.h"

#define LAST_LINES (LOG_BUFFER_LINES / 5)

struct log_source {
    dashboard *owner;
    holm_log *log;
    unsigned number; ///< in ui.logs.sources
};

void dashboard_logs_close(dashboard *self) {
    ui_logs *logs = &self->ui.logs;
    for (size_t i = 0; i < logs->source_count; i++) {
        if (self->log_sources[i]) {
            holm_log_close(self->log_sources[i]->log);
            free(self->log_sources[i]);
            self->log_sources[i] = NULL;
        }
        free(logs->sources[i].name);
    }
    logs->source_count = 0;
    free(logs->id);
    free(logs->ended);
    logs->id = logs->ended = NULL;
    log_buffer_finish(&logs->lines);
}

// Lines that nobody sees are no reason to draw.
static bool in_sight(const dashboard *self) {
    ui_tab tab = ui_current_tab(&self->ui, PANE_CONTAINERS);
    return self->ui.pane == PANE_CONTAINERS && (tab == TAB_LOGS || tab == TAB_OVERVIEW) &&
           dashboard_detail_visible(self);
}

static void on_line(holm_log *log, int64_t unix_ns, int stream, const char *bytes, size_t length,
                    bool partial, void *data) {
    (void)log;
    struct log_source *source = data;
    dashboard *self = source->owner;
    ui_logs *logs = &self->ui.logs;
    size_t count = logs->lines.count;
    uint64_t dropped = logs->lines.dropped;
    log_buffer_add(&logs->lines, source->number, unix_ns, stream, bytes, length, partial);
    size_t added = logs->lines.count - count + (size_t)(logs->lines.dropped - dropped);
    // What is looked at stays where it is.
    if (!logs->follow && added && log_view_shows(logs, log_buffer_at(&logs->lines, logs->lines.count - 1)))
        logs->back += added;
    if (!self->dirty && in_sight(self))
        dashboard_dirty(self);
}

static void on_log_ended(holm_log *log, const holm_error *error, void *data) {
    (void)log;
    struct log_source *source = data;
    dashboard *self = source->owner;
    self->log_sources[source->number] = NULL;
    free(source);
    const char *text = error ? holm_error_message(error) : "ended";
    bool others = false;
    for (size_t i = 0; i < self->ui.logs.source_count; i++)
        others |= self->log_sources[i] != NULL;
    if (!others || error) {
        free(self->ui.logs.ended);
        self->ui.logs.ended = holm_text_escape(text, strlen(text));
    }
    dashboard_dirty(self);
}

static const holm_log_events log_events = {.line = on_line, .ended = on_log_ended};

static void open_source(dashboard *self, const model_container *container, bool boot) {
    ui_logs *logs = &self->ui.logs;
    if (logs->source_count == UI_LOG_SOURCES)
        return;
    struct log_source *source = calloc(1, sizeof(*source));
    if (!source)
        abort();
    *source = (struct log_source){.owner = self, .number = (unsigned)logs->source_count};
    logs->sources[logs->source_count] = (ui_log_source){strdup(container->name), boot};
    self->log_sources[logs->source_count++] = source;
    holm_log_options options = {.container = container->id,
                                .boot = boot,
                                .follow = true,
                                .last = logs->since_ns ? -1 : LAST_LINES,
                                .since_ns = logs->since_ns};
    source->log = holm_log_open(self->client, &options, &log_events, source);
}

static void open_container(dashboard *self, const model_container *container) {
    if (self->ui.logs.kind != LOGS_BOOT)
        open_source(self, container, false);
    if (self->ui.logs.kind != LOGS_OWN)
        open_source(self, container, true);
}

static bool is_shown(const ui_logs *logs, const char *name) {
    for (size_t i = 0; i < logs->source_count; i++)
        if (strcmp(logs->sources[i].name, name) == 0)
            return true;
    return false;
}

// Those that are marked, or when none is, those that run: also those that have only now been started.
static void open_others(dashboard *self) {
    const ui_list *list = &self->ui.lists[PANE_CONTAINERS];
    for (size_t i = 0; self->ui.logs.merged && i < self->model.container_count; i++) {
        const model_container *other = &self->model.containers[i];
        bool wanted = list->mark_count ? ui_marked(list, other->id) : model_container_running(other);
        if (wanted && !is_shown(&self->ui.logs, other->name))
            open_container(self, other);
    }
}

static bool any_open(const dashboard *self) {
    for (size_t i = 0; i < self->ui.logs.source_count; i++)
        if (self->log_sources[i])
            return true;
    return false;
}

void dashboard_logs_follow(dashboard *self, const model_container *container) {
    ui_logs *logs = &self->ui.logs;
    ui_tab tab = ui_current_tab(&self->ui, PANE_CONTAINERS);
    if (!container || (tab != TAB_LOGS && tab != TAB_OVERVIEW) || !dashboard_detail_visible(self))
        return;
    bool same = logs->id && strcmp(logs->id, container->id) == 0;
    // A container that started again writes again.
    bool again = same && !any_open(self) && logs->ended && model_container_running(container);
    if (same && !again) {
        open_others(self);
        return;
    }
    dashboard_logs_close(self);
    logs->id = strdup(container->id);
    logs->follow = true;
    logs->back = 0;
    open_container(self, container);
    open_others(self);
}
