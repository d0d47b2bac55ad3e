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
    if (dashboard_custom_cancel(self, id))
        return;
    if (task->outcome_count) {
        ui_set_notice(&self->ui, NOTICE_INFO, "it ends when the last of them has answered");
        dashboard_dirty(self);
        return;
    }
    dashboard_confirm(self, action_find("task.cancel"), (char *[]){(char *)id}, 1);
}

const dashboard_handler dashboard_task_handlers[] = {
    {"task.cancel", cancel_task},
    {NULL, NULL},
};
