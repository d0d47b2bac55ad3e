// What the detail side shows follows the selection: logs, inspect, processes.
#include <stdio.h>
#include <string.h>

#include "tui/dashboard_private.h"

bool dashboard_detail_visible(const dashboard *self) {
    return dashboard_layout(self).detail.width > 0;
}

void dashboard_set_text(ui_text *text, const char *id, char *content) {
    if (!text->id || strcmp(text->id, id) != 0)
        text->top = text->found = 0;
    free(text->id);
    free(text->text);
    text->id = strdup(id);
    text->text = content;
    text->lines = 0;
    for (const char *at = content; at && *at; at++)
        text->lines += *at == '\n';
    if (content && *content && content[strlen(content) - 1] != '\n')
        text->lines++;
}

static void follow_inspect(dashboard *self) {
    if (ui_current_tab(&self->ui, self->ui.pane) != TAB_INSPECT)
        return;
    const void *item = ui_selected(&self->ui, &self->model, self->ui.pane);
    const list_kind *kind = ui_kind(self->ui.pane);
    if (item && kind->document)
        dashboard_set_text(&self->ui.inspect, kind->id(item),
                           holm_text_document(kind->document(item), "json", NULL));
}

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static char *process_table(const json_t *list) {
    char *text = NULL;
    size_t length, i;
    FILE *out = open_memstream(&text, &length);
    if (!out)
        abort();
    fprintf(out, "%6s %6s  %-10s %s %9s %6s  %s\n", "PID", "PARENT", "USER", "S", "CPU", "MEM", "COMMAND");
    json_t *process;
    json_array_foreach (list, i, process) {
        cleanup_free char *user =
            holm_text_escape(text_of(process, "user"), strlen(text_of(process, "user")));
        cleanup_free char *command =
            holm_text_escape(text_of(process, "command"), strlen(text_of(process, "command")));
        char bytes[8];
        double seconds = json_number_value(json_object_get(process, "cpuTimeNs")) / 1e9;
        fprintf(out, "%6lld %6lld  %-10.10s %.1s %6d:%02d %6s  %s\n",
                (long long)json_integer_value(json_object_get(process, "pid")),
                (long long)json_integer_value(json_object_get(process, "parent")), user,
                text_of(process, "state"), (int)seconds / 60, (int)seconds % 60,
                view_bytes(json_number_value(json_object_get(process, "residentBytes")), bytes), command);
    }
    fclose(out);
    return text;
}

static void on_processes(dashboard *self, const char *id, json_t *result, const holm_error *error) {
    self->processes_asked = false;
    const model_container *container = ui_container(&self->ui, &self->model);
    if (!container || strcmp(container->id, id) != 0)
        return;
    const char *message = error ? holm_error_message(error) : NULL;
    dashboard_set_text(&self->ui.processes, id,
                       error ? holm_text_escape(message, strlen(message)) : process_table(result));
    dashboard_dirty(self);
}

void dashboard_processes_refresh(dashboard *self) {
    const model_container *container = ui_container(&self->ui, &self->model);
    if (!container || self->ui.pane != PANE_CONTAINERS || self->ui.tabs[PANE_CONTAINERS] != TAB_PROCESSES ||
        self->processes_asked || !dashboard_detail_visible(self))
        return;
    if (!model_container_running(container)) {
        dashboard_set_text(&self->ui.processes, container->id,
                           strdup("it does not run: it has no processes"));
        return;
    }
    if (self->ui.processes.id && strcmp(self->ui.processes.id, container->id) != 0)
        dashboard_set_text(&self->ui.processes, container->id, NULL);
    self->processes_asked = true;
    holm_container_processes(self->client, container->id, dashboard_done,
                             dashboard_request(self, container->id, on_processes));
}

void dashboard_follow_selection(dashboard *self) {
    const model_container *container =
        self->ui.pane == PANE_CONTAINERS ? ui_container(&self->ui, &self->model) : NULL;
    dashboard_logs_follow(self, container);
    follow_inspect(self);
    dashboard_processes_refresh(self);
    dashboard_files_follow(self);
    dashboard_dirty(self);
}

void dashboard_detail_stop(dashboard *self) {
    dashboard_logs_close(self);
}
