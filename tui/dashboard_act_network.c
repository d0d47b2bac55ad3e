// Networks.
#include "tui/dashboard_private.h"
#include <stdio.h>

static void open_network(dashboard *self, const char *id) {
    (void)id;
    dashboard_open_detail(self);
}

static void inspect(dashboard *self, const char *id) {
    (void)id;
    dashboard_show_tab(self, TAB_INSPECT);
    dashboard_open_detail(self);
}

// ---- containers on networks and off them ----

typedef void (*name_chosen)(dashboard *self, const char *name);

static const char **names_create(size_t most) {
    const char **names = calloc(most + 1, sizeof *names);
    if (!names)
        abort();
    return names;
}

static void choose(dashboard *self, const char *title, const char *subject, const char *const *names,
                   size_t count, name_chosen chosen) {
    if (count == 0) {
        ui_set_notice(&self->ui, NOTICE_BAD, "there is none to choose from");
        dashboard_dirty(self);
        return;
    }
    snprintf(self->subject, sizeof(self->subject), "%s", subject);
    dashboard_open_choices(self, title, (char *const *)names, count, chosen, NULL);
}

DASHBOARD_SAYING(on_connected, "connected")
DASHBOARD_SAYING(on_disconnected, "disconnected")

static void connect_them(dashboard *self, const char *network, const char *container) {
    holm_network_connect(self->client, network, container, NULL, dashboard_done,
                         dashboard_request(self, container, on_connected));
}

static void disconnect_them(dashboard *self, const char *network, const char *container) {
    holm_network_disconnect(self->client, network, container, dashboard_done,
                            dashboard_request(self, container, on_disconnected));
}

static void member_connected(dashboard *self, const char *container) {
    connect_them(self, self->subject, container);
}

static void member_disconnected(dashboard *self, const char *container) {
    disconnect_them(self, self->subject, container);
}

static void network_connected(dashboard *self, const char *network) {
    connect_them(self, network, self->subject);
}

static void network_disconnected(dashboard *self, const char *network) {
    disconnect_them(self, network, self->subject);
}

// The containers that are on the network, or those that are not.
static void choose_container(dashboard *self, const char *id, bool members, name_chosen chosen) {
    const model_network *network = model_find_network(&self->model, id);
    cleanup_free const char **names = names_create(self->model.container_count);
    size_t count = 0;
    for (size_t i = 0; network && i < self->model.container_count; i++) {
        const model_container *each = &self->model.containers[i];
        if ((model_member_address(each, network->name) != NULL) == members)
            names[count++] = each->name;
    }
    choose(self, members ? "disconnect the container" : "connect the container", id, names, count, chosen);
}

// The networks that the container is on, or those that it is not.
static void choose_network(dashboard *self, const char *id, bool member, name_chosen chosen) {
    const model_container *container = model_find_container(&self->model, id);
    cleanup_free const char **names = names_create(self->model.network_count);
    size_t count = 0;
    for (size_t i = 0; container && i < self->model.network_count; i++) {
        const model_network *each = &self->model.networks[i];
        if ((model_member_address(container, each->name) != NULL) == member)
            names[count++] = each->name;
    }
    choose(self, member ? "disconnect from the network" : "connect to the network", id, names, count, chosen);
}

static void connect_network(dashboard *self, const char *id) {
    choose_container(self, id, false, member_connected);
}

static void disconnect_network(dashboard *self, const char *id) {
    choose_container(self, id, true, member_disconnected);
}

void dashboard_connect_container(dashboard *self, const char *id) {
    choose_network(self, id, false, network_connected);
}

void dashboard_disconnect_container(dashboard *self, const char *id) {
    choose_network(self, id, true, network_disconnected);
}

const dashboard_handler dashboard_network_handlers[] = {
    {"network.open", open_network},
    {"network.inspect", inspect},
    {"network.connect", connect_network},
    {"network.disconnect", disconnect_network},
    {NULL, NULL},
};
