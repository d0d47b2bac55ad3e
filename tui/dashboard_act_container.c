// Containers.
#include "tui/dashboard_private.h"
#include <stdio.h>

static void open_container(dashboard *self, const char *id) {
    (void)id;
    dashboard_open_detail(self);
}

static void exec_console(dashboard *self, const char *id) {
    const model_container *container = model_find_container(&self->model, id);
    if (container && !model_container_running(container)) {
        ui_set_notice(&self->ui, NOTICE_BAD, "it does not run: S starts it");
        dashboard_dirty(self);
    } else if (container) {
        dashboard_console_open(self, container->id, container->name, true, false);
    }
}

static void attach_console(dashboard *self, const char *id) {
    const model_container *container = model_find_container(&self->model, id);
    if (container && model_container_running(container))
        dashboard_console_open(self, container->id, container->name, false, false);
}

static void reopen_consoles(dashboard *self, const char *id) {
    dashboard_consoles_reopen(self, id);
}

static void logs(dashboard *self, const char *id) {
    (void)id;
    dashboard_show_tab(self, TAB_LOGS);
    dashboard_open_detail(self);
}

static void inspect(dashboard *self, const char *id) {
    (void)id;
    dashboard_show_tab(self, TAB_INSPECT);
    dashboard_open_detail(self);
}

static void stats(dashboard *self, const char *id) {
    (void)id;
    dashboard_show_tab(self, TAB_STATS);
}

static void processes(dashboard *self, const char *id) {
    (void)id;
    dashboard_show_tab(self, TAB_PROCESSES);
}

static void remove_container(dashboard *self, const char *id) {
    dashboard_confirm(self, action_find("container.rm"), (char *[]){(char *)id}, 1);
}

static void kill_container(dashboard *self, const char *id) {
    dashboard_confirm(self, action_find("container.kill"), (char *[]){(char *)id}, 1);
}

static void renamed(dashboard *self, const char *text) {
    if (*text)
        holm_container_rename(self->client, self->subject, text, dashboard_done,
                              dashboard_request(self, self->subject, dashboard_applied));
}

static void rename_container(dashboard *self, const char *id) {
    const model_container *container = model_find_container(&self->model, id);
    if (!container)
        return;
    snprintf(self->subject, sizeof(self->subject), "%s", container->id);
    dashboard_open_prompt(self, "rename", NULL, container->name, renamed);
}

static void run(dashboard *self, const char *id) {
    (void)id;
    dashboard_open_run(self, "");
}

const dashboard_handler dashboard_container_handlers[] = {
    {"container.open", open_container},
    {"container.exec", exec_console},
    {"container.attach", attach_console},
    {"container.sessions", reopen_consoles},
    {"container.logs", logs},
    {"container.inspect", inspect},
    {"container.stats", stats},
    {"container.top", processes},
    {"container.rm", remove_container},
    {"container.kill", kill_container},
    {"container.rename", rename_container},
    {"container.connect", dashboard_connect_container},
    {"container.disconnect", dashboard_disconnect_container},
    {"container.run", run},
    {NULL, NULL},
};
