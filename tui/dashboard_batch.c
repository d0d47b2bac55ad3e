// One action on many things: one row among the tasks, with the outcome of each.
#include <stdio.h>
#include <string.h>

#include "tui/dashboard_private.h"

// "batch-3:7:ID": the task, the place among its outcomes, the thing.
static void on_outcome(dashboard *self, const char *id, json_t *result, const holm_error *error) {
    (void)result;
    char task[24];
    size_t length = strcspn(id, ":");
    snprintf(task, sizeof(task), "%.*s", (int)length, id);
    const char *place = id + length + 1, *item = strchr(place, ':') + 1;
    model_container *container = model_find_container(&self->model, item);
    if (container)
        container->pending = false;
    model_batch_outcome(&self->model, task, strtoul(place, NULL, 10),
                        error ? holm_error_message(error) : NULL);
    model_task *batch = model_find_task(&self->model, task);
    if (batch && batch->done) {
        char text[256];
        snprintf(text, sizeof(text), "%s %s: %s", batch->kind, batch->subject, batch->phase);
        ui_set_notice(&self->ui, batch->failed ? NOTICE_BAD : NOTICE_INFO, text);
    }
    ui_refresh_list(&self->ui, &self->model, PANE_TASKS);
    dashboard_list_all(self);
    dashboard_dirty(self);
}

static const void *find(const dashboard *self, const list_kind *kind, const char *id) {
    size_t count;
    const char *items = kind->items(&self->model, &count);
    for (size_t i = 0; i < count; i++, items += kind->item_size)
        if (strcmp(kind->id(items), id) == 0)
            return items;
    return NULL;
}

const list_kind *dashboard_kind(action_noun noun) {
    for (ui_pane pane = 0; pane < PANE_COUNT; pane++)
        if (ui_kind(pane)->noun == noun)
            return ui_kind(pane);
    return NULL;
}

const char *dashboard_item_title(const dashboard *self, action_noun noun, const char *id) {
    const list_kind *kind = dashboard_kind(noun);
    const void *item = kind ? find(self, kind, id) : NULL;
    return item ? kind->title(item) : id;
}

void dashboard_apply_many(dashboard *self, const action *what, char **ids, size_t count) {
    if (count == 1) {
        dashboard_apply(self, what, ids[0]);
        return;
    }
    char subject[64];
    const list_kind *kind = dashboard_kind(what->noun);
    snprintf(subject, sizeof(subject), "%zu %s", count, kind ? kind->name : "things");
    const char **names = calloc(count, sizeof(*names));
    if (!names)
        abort();
    for (size_t i = 0; i < count; i++)
        names[i] = dashboard_item_title(self, what->noun, ids[i]);
    model_task *task = model_add_batch(&self->model, what->title, subject, names, count);
    cleanup_free char *id = strdup(task->id);
    free(names);
    ui_refresh_list(&self->ui, &self->model, PANE_TASKS);
    for (size_t i = 0; i < count; i++) {
        char tag[256];
        snprintf(tag, sizeof(tag), "%.23s:%zu:%.200s", id, i, ids[i]);
        model_container *container =
            what->noun == ACTION_NOUN_CONTAINER ? model_find_container(&self->model, ids[i]) : NULL;
        if (container)
            container->pending = true;
        what->apply(self->client, ids[i], dashboard_done, dashboard_request(self, tag, on_outcome));
    }
    dashboard_dirty(self);
}

size_t dashboard_marked(const dashboard *self, const action *what, char ***ids) {
    const ui_list *list = &self->ui.lists[self->ui.pane];
    if (!(what->flags & ACTION_MANY) || ui_kind(self->ui.pane)->noun != what->noun || !list->mark_count)
        return 0;
    char **copy = calloc(list->mark_count, sizeof(*copy));
    if (!copy)
        abort();
    // In the order of the list, not in that of the marking.
    size_t count = 0;
    for (size_t i = 0; i < list->count; i++) {
        const void *item = ui_item_at(&self->ui, &self->model, self->ui.pane, i);
        if (item && ui_marked(list, ui_kind(self->ui.pane)->id(item)))
            copy[count++] = strdup(ui_kind(self->ui.pane)->id(item));
    }
    *ids = copy;
    return count;
}
