// Containers.
#include <stdio.h>
#include <string.h>

#include "tui/cli/options.h"
#include "tui/dashboard_private.h"

#define PORT_TEXT_SIZE 80
#define MOUNTS_SHOWN   64

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

static void files(dashboard *self, const char *id) {
    (void)id;
    dashboard_show_tab(self, TAB_FILES);
    dashboard_open_detail(self);
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

// ---- ports ----

DASHBOARD_SAYING(on_published, "published")
DASHBOARD_SAYING(on_unpublished, "published no more")

static void published(dashboard *self, const char *text) {
    json_t *ports = json_array();
    const char *problem = *text ? port_options_parse(ports, text) : NULL;
    if (!*text || problem) {
        json_decref(ports);
        if (problem)
            dashboard_prompt_wrong(self, problem);
        return;
    }
    holm_container_publish(self->client, self->subject, ports, dashboard_done,
                           dashboard_request(self, self->subject, on_published));
}

static void publish(dashboard *self, const char *id) {
    const model_container *container = model_find_container(&self->model, id);
    if (!container)
        return;
    snprintf(self->subject, sizeof(self->subject), "%s", container->id);
    dashboard_open_prompt(self, "publish a port", "[ADDRESS:][[HOSTPORT]:]PORT[/udp]", "", published);
}

// What is published now, or of one that does not run: what would be.
static const json_t *ports_of(const model_container *container) {
    const char *part = model_container_running(container) ? "status" : "configuration";
    return json_object_get(json_object_get(container->document, part), "ports");
}

static void unpublished(dashboard *self, const char *label) {
    const model_container *container = model_find_container(&self->model, self->subject);
    size_t index;
    json_t *port;
    json_array_foreach (container ? ports_of(container) : NULL, index, port) {
        char text[PORT_TEXT_SIZE];
        if (strcmp(port_text(port, text, sizeof(text)), label) != 0)
            continue;
        holm_container_unpublish(self->client, self->subject, json_pack("[O]", port), dashboard_done,
                                 dashboard_request(self, self->subject, on_unpublished));
        return;
    }
}

static void unpublish(dashboard *self, const char *id) {
    const model_container *container = model_find_container(&self->model, id);
    const json_t *ports = container ? ports_of(container) : NULL;
    size_t count = json_array_size(ports);
    if (count == 0) {
        ui_set_notice(&self->ui, NOTICE_BAD, "no port of it is published");
        dashboard_dirty(self);
        return;
    }
    cleanup_free char(*texts)[PORT_TEXT_SIZE] = calloc(count, sizeof(*texts));
    cleanup_free char **names = calloc(count, sizeof(*names));
    if (!texts || !names)
        abort();
    for (size_t i = 0; i < count; i++)
        names[i] = (char *)port_text(json_array_get(ports, i), texts[i], sizeof(texts[i]));
    snprintf(self->subject, sizeof(self->subject), "%s", container->id);
    dashboard_open_choices(self, "unpublish the port", names, count, unpublished, NULL);
}

// ---- mounts ----

DASHBOARD_SAYING(on_mounted, "mounted")
DASHBOARD_SAYING(on_unmounted, "its mount is taken away")

static void mounted(dashboard *self, const char *text) {
    json_t *mount = json_object();
    bool wrong = *text && !mount_options_parse_volume(mount, text);
    if (!*text || wrong) {
        json_decref(mount);
        if (wrong)
            dashboard_prompt_wrong(self, "that is not SOURCE:PATH[:ro] with an absolute path");
        return;
    }
    holm_container_mount(self->client, self->subject, mount, dashboard_done,
                         dashboard_request(self, self->subject, on_mounted));
}

static void mount_one(dashboard *self, const char *id) {
    const model_container *container = model_find_container(&self->model, id);
    if (!container)
        return;
    snprintf(self->subject, sizeof(self->subject), "%s", container->id);
    dashboard_open_prompt(self, "mount a folder, file or volume", "SOURCE:PATH[:ro]", "", mounted);
}

static void unmounted(dashboard *self, const char *place) {
    holm_container_unmount(self->client, self->subject, place, false, dashboard_done,
                           dashboard_request(self, self->subject, on_unmounted));
}

static void unmount_one(dashboard *self, const char *id) {
    static const char *const lists[] = {"mounts", "tmpfs"};
    const model_container *container = model_find_container(&self->model, id);
    const json_t *configuration = container ? json_object_get(container->document, "configuration") : NULL;
    size_t count = 0, index;
    json_t *mount;
    char *places[MOUNTS_SHOWN];
    for (size_t i = 0; i < array_length(lists); i++)
        json_array_foreach (json_object_get(configuration, lists[i]), index, mount) {
            const char *place = json_string_value(json_object_get(mount, "destination"));
            if (place && count < MOUNTS_SHOWN)
                places[count++] = (char *)place;
        }
    if (count == 0) {
        ui_set_notice(&self->ui, NOTICE_BAD, "it mounts nothing");
        dashboard_dirty(self);
        return;
    }
    snprintf(self->subject, sizeof(self->subject), "%s", container->id);
    dashboard_open_choices(self, "take away the mount at", places, count, unmounted, NULL);
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
    {"container.files", files},
    {"container.rm", remove_container},
    {"container.kill", kill_container},
    {"container.rename", rename_container},
    {"container.connect", dashboard_connect_container},
    {"container.disconnect", dashboard_disconnect_container},
    {"container.publish", publish},
    {"container.unpublish", unpublish},
    {"container.mount", mount_one},
    {"container.unmount", unmount_one},
    {"container.run", run},
    {NULL, NULL},
};
