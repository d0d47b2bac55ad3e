// Tasks.
#include "tui/dashboard_private.h"
#include <stdio.h>
#include <string.h>

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

static void open_task(dashboard *self, const char *id) {
    (void)id;
    dashboard_open_detail(self);
}

// ---- pulls ----

static void complain(dashboard *self, const char *text) {
    ui_set_notice(&self->ui, NOTICE_BAD, text);
    dashboard_dirty(self);
}

static void on_paused(dashboard *self, const char *id, json_t *result, const holm_error *error) {
    (void)result;
    model_task *task = model_find_task(&self->model, id);
    if (task && error)
        task->pausing = false;
    if (error)
        dashboard_report(self, "pause", error);
}

// What has been brought stays, so to go on is to begin anew.
static void go_on(dashboard *self, model_task *task) {
    cleanup_free char *reference = strdup(task->reference);
    model_remove_task(&self->model, task->id);
    ui_refresh_list(&self->ui, &self->model, PANE_TASKS);
    dashboard_pull(self, reference);
    dashboard_settle(self);
}

static void pause_task(dashboard *self, const char *id) {
    model_task *task = model_find_task(&self->model, id);
    if (!task)
        return;
    if (!task->reference) {
        complain(self, "only a pull that was begun here can be paused; d cancels it");
    } else if (!task->done) {
        task->pausing = true;
        holm_task_cancel(self->client, id, dashboard_done, dashboard_request(self, id, on_paused));
    } else if (task->paused || task->failed || strcmp(task->phase, "cancelled") == 0) {
        go_on(self, task);
    } else {
        complain(self, "it is done");
    }
}

static bool brought(const model_task *task) {
    return task && task->done && !task->failed && !task->paused && strcmp(task->kind, "pull") == 0 &&
           strcmp(task->phase, "cancelled") != 0;
}

// The pull that is selected, else the last one that came to a good end.
static void run_pulled(dashboard *self, const char *id) {
    (void)id;
    const model_task *task = self->ui.pane == PANE_TASKS ? ui_task(&self->ui, &self->model) : NULL;
    for (size_t i = self->model.task_count; !brought(task) && i-- > 0;)
        task = &self->model.tasks[i];
    if (brought(task))
        dashboard_open_run(self, task->subject);
    else
        complain(self, "nothing has been pulled yet");
}

const dashboard_handler dashboard_task_handlers[] = {
    {"task.open", open_task},
    {"task.pause", pause_task},
    {"task.run", run_pulled},
    {"task.cancel", cancel_task},
    {NULL, NULL},
};
