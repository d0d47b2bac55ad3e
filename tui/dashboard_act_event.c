// Events.
#include <string.h>

#include "tui/dashboard_private.h"

static bool go(dashboard *self, ui_pane pane, const char *name) {
    const list_kind *kind = ui_kind(pane);
    for (size_t i = 0; i < self->ui.lists[pane].count; i++) {
        const void *item = ui_item_at(&self->ui, &self->model, pane, i);
        if (!item || strcmp(kind->title(item), name) != 0)
            continue;
        ui_use_pane(&self->ui, pane);
        ui_select(&self->ui, &self->model, pane, i);
        return true;
    }
    return false;
}

static void open_event(dashboard *self, const char *id) {
    (void)id;
    const model_event *event = ui_event(&self->ui, &self->model);
    if (!event)
        return;
    ui_pane pane = strcmp(event->kind, "image") == 0     ? PANE_IMAGES
                   : strcmp(event->kind, "network") == 0 ? PANE_NETWORKS
                   : strcmp(event->kind, "volume") == 0  ? PANE_VOLUMES
                                                         : PANE_CONTAINERS;
    if (!go(self, pane, model_short_reference(event->name)))
        ui_set_notice(&self->ui, NOTICE_INFO, "it is no longer there");
    dashboard_settle(self);
}

const dashboard_handler dashboard_event_handlers[] = {
    {"event.open", open_event},
    {NULL, NULL},
};
