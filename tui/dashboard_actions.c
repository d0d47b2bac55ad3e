// What the actions of the table do in the dashboard.
#include <stdio.h>
#include <string.h>

#include "tui/dashboard_private.h"

void dashboard_report(dashboard *self, const char *what, const holm_error *error) {
    char text[512];
    const char *hint = holm_error_hint_of(error);
    snprintf(text, sizeof(text), "%s: %s%s%s", what, holm_error_message(error), hint ? "; " : "",
             hint ? hint : "");
    ui_set_notice(&self->ui, NOTICE_BAD, text);
    dashboard_dirty(self);
}

void dashboard_applied(dashboard *self, const char *id, json_t *result, const holm_error *error) {
    (void)result;
    model_container *container = model_find_container(&self->model, id);
    if (container)
        container->pending = false;
    if (error)
        dashboard_report(self, container ? container->name : "failed", error);
    dashboard_list_containers(self);
    dashboard_dirty(self);
}

void dashboard_apply(dashboard *self, const action *what, const char *id) {
    model_container *container =
        what->noun == ACTION_NOUN_CONTAINER ? model_find_container(&self->model, id) : NULL;
    if (container)
        container->pending = true;
    what->apply(self->client, id, dashboard_done, dashboard_request(self, id, dashboard_applied));
    dashboard_dirty(self);
}

bool dashboard_applies(const dashboard *self, const action *what) {
    const model_container *container = ui_container(&self->ui, &self->model);
    if (what->flags & ACTION_NO_ITEM)
        return true;
    if (what->noun == ACTION_NOUN_CONTAINER) {
        if (!container || self->ui.pane != PANE_CONTAINERS)
            return false;
        bool running = model_container_running(container);
        return !(what->flags & ACTION_RUNNING && !running) && !(what->flags & ACTION_STOPPED && running);
    }
    if (what->noun == ACTION_NOUN_IMAGE)
        return self->ui.pane == PANE_IMAGES && ui_image(&self->ui, &self->model);
    if (what->noun == ACTION_NOUN_TASK)
        return self->ui.pane == PANE_TASKS && ui_task(&self->ui, &self->model);
    return true;
}

// One file for each noun: dashboard_act_NOUN.c.
static const dashboard_handler *const rooms[ACTION_NOUN_COUNT] = {
    [ACTION_NOUN_VIEW] = dashboard_view_handlers,     [ACTION_NOUN_LIST] = dashboard_list_handlers,
    [ACTION_NOUN_LOGS] = dashboard_logs_handlers,     [ACTION_NOUN_CONTAINER] = dashboard_container_handlers,
    [ACTION_NOUN_IMAGE] = dashboard_image_handlers,   [ACTION_NOUN_TASK] = dashboard_task_handlers,
    [ACTION_NOUN_SYSTEM] = dashboard_system_handlers,
};

static const dashboard_handler *handler(const action *what) {
    for (const dashboard_handler *at = rooms[what->noun]; at && at->name; at++)
        if (strcmp(at->name, what->name) == 0)
            return at;
    return NULL;
}

bool dashboard_can(const action *what) {
    return handler(what) || what->apply || what->noun == ACTION_NOUN_CONSOLE;
}

static bool needs_item(const action *what) {
    return action_is_about_items(what->noun) && !(what->flags & ACTION_NO_ITEM);
}

// The id behind a reference that was typed: a name, an id, the start of one.
static const char *resolve(const dashboard *self, const action *what, const char *reference) {
    const model_state *m = &self->model;
    size_t length = strlen(reference);
    if (what->noun == ACTION_NOUN_CONTAINER)
        for (size_t i = 0; i < m->container_count; i++)
            if (strcmp(m->containers[i].name, reference) == 0 ||
                (length > 1 && strncmp(m->containers[i].id, reference, length) == 0))
                return m->containers[i].id;
    if (what->noun == ACTION_NOUN_IMAGE)
        for (size_t i = 0; i < m->image_count; i++)
            if (strcmp(m->images[i].name, reference) == 0)
                return m->images[i].id;
    return NULL;
}

static const char *selected_id(const dashboard *self, const action *what) {
    ui_pane pane = what->noun == ACTION_NOUN_CONTAINER ? PANE_CONTAINERS
                   : what->noun == ACTION_NOUN_IMAGE   ? PANE_IMAGES
                                                       : PANE_TASKS;
    return self->ui.lists[pane].selected;
}

void dashboard_act(dashboard *self, const action *what, const char *reference) {
    const char *id = reference          ? resolve(self, what, reference)
                     : needs_item(what) ? selected_id(self, what)
                                        : "";
    if (needs_item(what) && !id) {
        ui_set_notice(&self->ui, NOTICE_BAD, reference ? "there is no such thing" : "nothing is selected");
        dashboard_dirty(self);
        return;
    }
    const dashboard_handler *own = handler(what);
    if (own) {
        own->function(self, id);
        return;
    }
    if (what->apply)
        dashboard_apply(self, what, id);
    else
        ui_set_notice(&self->ui, NOTICE_INFO, "this one is for the command line: holm --help");
    dashboard_dirty(self);
}
