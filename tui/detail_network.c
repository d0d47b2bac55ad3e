// A network: what it is, who is on it, and what is published there.
#include <stdio.h>
#include <string.h>

#include "tui/view.h"

void detail_ports(const view_context *view, const model_container *container, char *out, size_t size) {
    const json_t *ports = json_object_get(json_object_get(container->document, "status"), "ports");
    size_t used = 0;
    bool running = model_container_running(container);
    out[0] = 0;
    for (size_t i = 0; running && i < json_array_size(ports) && used + 96 < size; i++) {
        const json_t *port = json_array_get(ports, i);
        const char *protocol = json_string_value(json_object_get(port, "protocol"));
        const char *address = json_string_value(json_object_get(port, "hostAddress"));
        bool all = !address || strcmp(address, "0.0.0.0") == 0, v6 = !all && strchr(address, ':');
        used += (size_t)snprintf(out + used, size - used, "%s%s%.40s%s%s%d%s%d/%.8s", i ? " " : "",
                                 v6 ? "[" : "", all ? "" : address, v6 ? "]" : "", all ? "" : ":",
                                 (int)json_integer_value(json_object_get(port, "hostPort")),
                                 view->glyphs->unicode ? "\u2192" : "->",
                                 (int)json_integer_value(json_object_get(port, "containerPort")),
                                 protocol ? protocol : "tcp");
    }
}

// What it was given and others have not.
static int settings(const painter *self, int y, const model_network *network) {
    const json_t *configuration = json_object_get(network->document, "configuration");
    const json_t *servers = json_object_get(configuration, "dns"),
                 *mtu = json_object_get(configuration, "mtu");
    char text[160] = "";
    size_t used = 0, index;
    json_t *server;
    json_array_foreach ((json_t *)servers, index, server) {
        const char *address = json_string_value(server);
        cleanup_free char *safe = holm_text_escape(address ? address : "", address ? strlen(address) : 0);
        if (used < sizeof(text) - 50)
            used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%.46s", index ? " " : "", safe);
    }
    y = detail_field(self, y, "dns", THEME_TEXT, text);
    snprintf(text, sizeof(text), "%d", (int)json_integer_value(mtu));
    return detail_field(self, y, "mtu", THEME_TEXT, mtu ? text : "");
}

// What else it is found by there.
static int aliases(const painter *self, int y, const model_container *container, const char *network) {
    const json_t *names = model_member_aliases(container, network);
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));
        cleanup_free char *safe = name ? holm_text_escape(name, strlen(name)) : NULL;
        char text[96];
        snprintf(text, sizeof(text), "also %.80s", safe ? safe : "");
        y = safe ? detail_container_more(self, y, text) : y;
    }
    return y;
}

int detail_network(const painter *self) {
    const model_state *model = self->view->model;
    const model_network *network = ui_network(self->view->ui, model);
    char text[160], age[16];
    int y = -(int)self->view->ui->detail_top;
    y = detail_field(self, y, "subnet", THEME_STRONG, network->subnet);
    y = detail_field(self, y, "gateway", THEME_TEXT, network->gateway);
    y = detail_field(self, y, "subnet v6", THEME_STRONG, network->subnet6);
    y = detail_field(self, y, "gateway v6", THEME_TEXT, network->gateway6);
    y = settings(self, y, network);
    const char *driver =
        json_string_value(json_object_get(json_object_get(network->document, "configuration"), "driver"));
    y = detail_field(self, y, "driver", THEME_TEXT, driver && strcmp(driver, "bridge") == 0 ? driver : "");
    y = detail_field(self, y, "mode", THEME_TEXT, network->mode);
    snprintf(text, sizeof(text), "%s ago", view_age(self->view->now - network->created, age));
    y = detail_field(self, y, "created", THEME_MUTED, network->created ? text : "");
    y = detail_labels(self, y,
                      json_object_get(json_object_get(network->document, "configuration"), "labels"));
    unsigned members = view_network_members(model, network);
    snprintf(text, sizeof(text), "%u member%s", members, members == 1 ? "" : "s");
    detail_heading(self, y + 1, members ? text : "no members");
    y += 2;
    for (size_t i = 0; i < model->container_count; i++) {
        const model_container *container = &model->containers[i];
        const char *address = model_member_address(container, network->name);
        if (!address)
            continue;
        char ports[256], note[320];
        cleanup_free char *safe = holm_text_escape(address, strlen(address));
        detail_ports(self->view, container, ports, sizeof(ports));
        snprintf(note, sizeof(note), "%-16.40s %s", safe, ports);
        y = detail_container_line(self, y, container, note);
        const char *address6 = model_member_address6(container, network->name);
        cleanup_free char *safe6 = address6 ? holm_text_escape(address6, strlen(address6)) : NULL;
        if (safe6)
            y = detail_container_more(self, y, safe6);
        y = aliases(self, y, container, network->name);
    }
    return y + (int)self->view->ui->detail_top;
}
