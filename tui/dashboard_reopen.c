// The consoles that were open when the dashboard was left, and which two stood side by side: kept with the
// state, and joined again at the next start where their programs still run.
#include <string.h>

#include "tui/dashboard_private.h"

#define KEPT_MOST 32

static bool goes_on(const ui_console *view) {
    return view->attached && view->terminal && !view->ended && *view->label;
}

static int place_of(const json_t *open, const ui_console *view) {
    for (size_t i = 0; view && i < json_array_size(open); i++) {
        const json_t *one = json_array_get(open, i);
        if (strcmp(json_string_value(json_object_get(one, "container")), view->container_id) == 0 &&
            strcmp(json_string_value(json_object_get(one, "session")), view->label) == 0)
            return (int)i;
    }
    return -1;
}

void dashboard_consoles_keep(dashboard *self) {
    const ui_state *ui = &self->ui;
    if (self->reopen)
        return; // it never came to those of before: they stay kept
    json_t *open = json_array();
    for (size_t i = 0; i < ui->console_count && json_array_size(open) < KEPT_MOST; i++)
        if (goes_on(ui->consoles[i]))
            json_array_append_new(open, json_pack("{s:s, s:s}", "container", ui->consoles[i]->container_id,
                                                  "session", ui->consoles[i]->label));
    self->reopen =
        json_pack("{s:o, s:[i, i], s:i, s:i}", "open", open, "split", place_of(open, ui->split[0]),
                  place_of(open, ui->split[1]), "half", ui->half, "focus",
                  ui->focus == FOCUS_CONSOLE ? place_of(open, ui_selected_console(ui, &self->model)) : -1);
}

static const char *text_of(const json_t *one, const char *key) {
    const char *text = json_string_value(json_object_get(one, key));
    return text ? text : "";
}

// The console that is open now for this one of those that were kept; NULL: its program has ended.
static ui_console *find(const dashboard *self, const json_t *place) {
    json_int_t at = json_is_integer(place) ? json_integer_value(place) : -1;
    const json_t *one = at >= 0 ? json_array_get(json_object_get(self->reopen, "open"), (size_t)at) : NULL;
    for (size_t i = 0; one && i < self->ui.console_count; i++)
        if (strcmp(self->ui.consoles[i]->container_id, text_of(one, "container")) == 0 &&
            strcmp(self->ui.consoles[i]->label, text_of(one, "session")) == 0)
            return self->ui.consoles[i];
    return NULL;
}

// All have answered: they stand as they stood, unless the user has gone elsewhere in the meantime.
static void arrange(dashboard *self) {
    const json_t *split = json_object_get(self->reopen, "split");
    ui_console *left = find(self, json_array_get(split, 0)), *right = find(self, json_array_get(split, 1));
    const ui_console *focus = find(self, json_object_get(self->reopen, "focus"));
    if (left && right && left != right && !self->ui.split[0]) {
        self->ui.split[0] = left;
        self->ui.split[1] = right;
        self->ui.half = json_integer_value(json_object_get(self->reopen, "half")) == 1;
    }
    bool idle = self->ui.focus == FOCUS_LIST && self->ui.overlay.kind == OVERLAY_NONE && !self->ui.filtering;
    for (size_t i = 0; focus && idle && i < self->ui.console_count; i++)
        if (self->ui.consoles[i] == focus)
            dashboard_console_use(self, i);
    json_decref(self->reopen);
    self->reopen = NULL;
    dashboard_dirty(self);
}

static bool runs(const json_t *sessions, const char *name) {
    for (size_t i = 0; i < json_array_size(sessions); i++) {
        const json_t *one = json_array_get(sessions, i);
        if (strcmp(text_of(one, "name"), name) == 0)
            return json_is_true(json_object_get(one, "running")) &&
                   json_is_true(json_object_get(one, "terminal"));
    }
    return false;
}

static void on_sessions(dashboard *self, const char *id, json_t *sessions, const holm_error *error) {
    const json_t *open = json_object_get(self->reopen, "open");
    for (size_t i = 0; !error && i < json_array_size(open); i++) {
        const json_t *one = json_array_get(open, i);
        if (strcmp(text_of(one, "container"), id) == 0 && runs(sessions, text_of(one, "session")))
            dashboard_console_join(self, id, text_of(one, "session"));
    }
    if (--self->reopening == 0)
        arrange(self);
}

static bool is_first(const json_t *open, size_t at) {
    for (size_t i = 0; i < at; i++)
        if (strcmp(text_of(json_array_get(open, i), "container"),
                   text_of(json_array_get(open, at), "container")) == 0)
            return false;
    return true;
}

void dashboard_consoles_restore(dashboard *self) {
    if (!self->reopen || self->reopening || self->read_only)
        return;
    const json_t *open = json_object_get(self->reopen, "open");
    self->reopening = 1; // nothing is over before all have been asked
    for (size_t i = 0; i < json_array_size(open) && i < KEPT_MOST; i++) {
        const char *id = text_of(json_array_get(open, i), "container");
        const model_container *container = model_find_container(&self->model, id);
        if (!container || !model_container_running(container) || !is_first(open, i))
            continue;
        self->reopening++;
        holm_container_sessions(self->client, id, dashboard_done, dashboard_request(self, id, on_sessions));
    }
    if (--self->reopening == 0)
        arrange(self);
}
