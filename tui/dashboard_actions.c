// What the actions of the table do in the dashboard.
#include <stdio.h>
#include <string.h>

#include "tui/dashboard_private.h"

void dashboard_report(dashboard *self, const char *what, const holm_error *error) {
    char text[512];
    const char *hint = holm_error_hint_of(error);
    const char *message = holm_error_message(error);
    bool said = strncmp(message, what, strlen(what)) == 0; // "pull: pull debian: …" says it twice
    snprintf(text, sizeof(text), "%s%s%s%s%s", said ? "" : what, said ? "" : ": ", message, hint ? "; " : "",
             hint ? hint : "");
    ui_set_notice(&self->ui, NOTICE_BAD, text);
    dashboard_dirty(self);
}

// What a prune came to.
static void note_given_back(dashboard *self, const json_t *result) {
    const json_t *bytes = json_object_get(result, "reclaimedBytes");
    char number[8], text[64];
    if (!bytes)
        return;
    snprintf(text, sizeof(text), "pruned: %s given back", view_bytes(json_number_value(bytes), number));
    ui_set_notice(&self->ui, NOTICE_INFO, text);
}

void dashboard_applied(dashboard *self, const char *id, json_t *result, const holm_error *error) {
    model_container *container = model_find_container(&self->model, id);
    if (container)
        container->pending = false;
    if (error)
        dashboard_report(self, container ? container->name : id ? id : "failed", error);
    else
        note_given_back(self, result);
    dashboard_list_all(self);
    dashboard_dirty(self);
}

void dashboard_applied_saying(dashboard *self, const char *id, json_t *result, const holm_error *error,
                              const char *what) {
    const model_container *container = model_find_container(&self->model, id);
    char text[160];
    snprintf(text, sizeof(text), "%.120s: %s", container ? container->name : id, what);
    if (!error)
        ui_set_notice(&self->ui, NOTICE_INFO, text);
    dashboard_applied(self, id, result, error);
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
    if (what->noun == ACTION_NOUN_FILES)
        return ui_in_files(&self->ui) && container &&
               !(what->flags & ACTION_RUNNING && !model_container_running(container));
    if (action_is_about_items(what->noun))
        return ui_kind(self->ui.pane)->noun == what->noun &&
               ui_selected(&self->ui, &self->model, self->ui.pane);
    return true;
}

// One file for each noun: dashboard_act_NOUN.c.
static const dashboard_handler *const rooms[ACTION_NOUN_COUNT] = {
    [ACTION_NOUN_VIEW] = dashboard_view_handlers,
    [ACTION_NOUN_LIST] = dashboard_list_handlers,
    [ACTION_NOUN_LOGS] = dashboard_logs_handlers,
    [ACTION_NOUN_FILES] = dashboard_files_handlers,
    [ACTION_NOUN_CONTAINER] = dashboard_container_handlers,
    [ACTION_NOUN_IMAGE] = dashboard_image_handlers,
    [ACTION_NOUN_NETWORK] = dashboard_network_handlers,
    [ACTION_NOUN_VOLUME] = dashboard_volume_handlers,
    [ACTION_NOUN_EVENT] = dashboard_event_handlers,
    [ACTION_NOUN_CONSOLE] = dashboard_console_handlers,
    [ACTION_NOUN_TASK] = dashboard_task_handlers,
    [ACTION_NOUN_SYSTEM] = dashboard_system_handlers,
};

static const dashboard_handler *handler(const action *what) {
    for (const dashboard_handler *at = rooms[what->noun]; at && at->name; at++)
        if (strcmp(at->name, what->name) == 0)
            return at;
    return NULL;
}

bool dashboard_can(const action *what) {
    return handler(what) || what->apply || what->custom || dashboard_line_can(what) ||
           what->noun == ACTION_NOUN_CONSOLE;
}

static bool needs_item(const action *what) {
    return action_is_about_items(what->noun) && !(what->flags & ACTION_NO_ITEM);
}

// The id behind a reference that was typed: a name, an id, or the start of one that is no other's.
static const char *resolve(const dashboard *self, const action *what, const char *reference, size_t *found) {
    size_t length = strlen(reference), count = 0;
    const list_kind *kind = dashboard_kind(what->noun);
    const char *items = kind ? kind->items(&self->model, &count) : NULL, *id = NULL;
    *found = 0;
    for (size_t i = 0; i < count; i++, items += kind->item_size) {
        if (strcmp(kind->title(items), reference) == 0 || strcmp(kind->id(items), reference) == 0) {
            *found = 1;
            return kind->id(items);
        }
        if (length > 1 && strncmp(kind->id(items), reference, length) == 0) {
            id = kind->id(items);
            ++*found;
        }
    }
    return *found == 1 ? id : NULL;
}

static const char *selected_id(const dashboard *self, const action *what) {
    for (ui_pane pane = 0; pane < PANE_COUNT; pane++)
        if (ui_kind(pane)->noun == what->noun)
            return self->ui.lists[pane].selected;
    return NULL;
}

// Whether there were marked things that it is for.
static bool act_on_marked(dashboard *self, const action *what) {
    char **ids = NULL;
    size_t count = dashboard_marked(self, what, &ids);
    if (count && what->custom) {
        dashboard_custom(self, what, ids, count);
    } else if (count && what->flags & ACTION_CONFIRM) {
        dashboard_confirm(self, what, ids, count);
    } else if (count) {
        dashboard_apply_many(self, what, ids, count);
        ui_marks_clear(&self->ui.lists[self->ui.pane]);
    }
    for (size_t i = 0; i < count; i++)
        free(ids[i]);
    free(ids);
    return count > 0;
}

void dashboard_act(dashboard *self, const action *what, const char *reference) {
    size_t found = 0;
    const char *id = reference          ? resolve(self, what, reference, &found)
                     : needs_item(what) ? selected_id(self, what)
                                        : "";
    if (needs_item(what) && !id) {
        ui_set_notice(&self->ui, NOTICE_BAD,
                      found       ? "more than one begins like that"
                      : reference ? "there is no such thing"
                                  : "nothing is selected");
        dashboard_dirty(self);
        return;
    }
    if (self->read_only && !(what->flags & ACTION_READONLY)) {
        char text[128];
        snprintf(text, sizeof(text), "%s changes something, and this is a read-only view", what->title);
        ui_set_notice(&self->ui, NOTICE_BAD, text);
        dashboard_dirty(self);
        return;
    }
    if (!reference && act_on_marked(self, what))
        return;
    for (ui_pane pane = 0; reference && id && what->flags & ACTION_READONLY && pane < PANE_COUNT; pane++)
        if (ui_kind(pane)->noun == what->noun) // "logs web": what is looked at is selected
            dashboard_go_to(self, pane, id);
    if (what->custom) {
        dashboard_custom(self, what, (char *[]){(char *)(id ? id : "")}, 1);
        return;
    }
    const dashboard_handler *own = handler(what);
    if (own) {
        own->function(self, id);
        return;
    }
    if (what->apply && what->flags & ACTION_CONFIRM)
        dashboard_confirm(self, what, (char *[]){(char *)id}, !(what->flags & ACTION_NO_ITEM));
    else if (what->apply)
        dashboard_apply(self, what, id);
    else if (dashboard_line_can(what))
        dashboard_line(self, what);
    else
        ui_set_notice(&self->ui, NOTICE_INFO, "this one is for the command line: holm --help");
    dashboard_dirty(self);
}
