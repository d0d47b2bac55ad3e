// Tasks.
#include "tui/dashboard_private.h"
#include <stdio.h>

static void cancel_task(dashboard *self, const char *id) {
    model_task *task = model_find_task(&self->model, id);
    if (!task)
        return;
    if (task->done) { // over: the key tidies it away
        model_remove_task(&self->model, id);
        ui_refresh_list(&self->ui, &self->model, PANE_TASKS);
        dashboard_settle(self);
        return;
    }
    char text[256];
    snprintf(text, sizeof(text), "%s %s\n\nWhat it has brought so far is kept for the next try.", task->kind,
             task->subject);
    dashboard_open_confirm(self, action_find("task.cancel"), task->id, text);
}

const dashboard_handler dashboard_task_handlers[] = {
    {"task.cancel", cancel_task},
    {NULL, NULL},
};
