// The container's network card: a datagram pair between the VM and holm-net.
#define LOG_MODULE "network"
#include <string.h>

#include "core/base/fault.h"
#include "core/base/log.h"
#include "core/container/shim.h"

#define SHORT_ID 12 // as commands print it

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

int shim_network_init(shim *self, holm_error **error) {
    self->port = (network_port){.card = -1, .far = -1, .control = -1};
    return self->address ? network_port_init(&self->port, error) : 0;
}

int shim_network_add(shim *self, holm_error **error) {
    if (!self->address)
        return 0;
    machine_card card = {.name = "eth0", .mtu = NETWORK_MTU};
    if (sscanf(text_of(self->address, "mac"), "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx", &card.mac[0],
               &card.mac[1], &card.mac[2], &card.mac[3], &card.mac[4], &card.mac[5]) != 6) {
        holm_error_set(error, HOLM_ERROR_INTEGRITY, "the container's address has no MAC");
        return -1;
    }
    card.fd = steal_fd(&self->port.card);
    return self->driver->add_card(self->machine, &card, error);
}

static char *ports_text(const uint16_t *ports, size_t count) {
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_integer(ports[i]));
    char *text = json_dumps(list, JSON_COMPACT);
    json_decref(list);
    return text;
}

char *shim_network_take_place(shim *self, holm_error **error) {
    cleanup_free char *short_id = strndup(self->id, SHORT_ID);
    const char *names[CONFIGURATION_ALIASES_MOST + 4] = {self->name, short_id,
                                                         text_of(self->configuration, "hostname")};
    const json_t *aliases = json_object_get(self->configuration, "aliases");
    for (size_t i = 0; i < json_array_size(aliases) && i < CONFIGURATION_ALIASES_MOST; i++)
        names[3 + i] = json_string_value(json_array_get(aliases, i));
    cleanup_free network_publish *ports = calloc(NETWORK_PORTS_MOST, sizeof *ports);
    uint16_t chosen[NETWORK_PORTS_MOST];
    size_t failed = 0;
    const network_member member = {
        .network = text_of(self->address, "network"),
        .container = self->id,
        .mac = text_of(self->address, "mac"),
        .address = text_of(self->address, "address"),
        .subnet = text_of(self->address, "subnet"),
        .gateway = text_of(self->address, "gateway"),
        .internal = json_is_true(json_object_get(self->address, "internal")),
        .names = names,
        .ports = ports,
        .port_count = shim_ports_asked(self, json_object_get(self->told, "hostPorts"), ports),
    };
    if (network_port_join(&self->port, &self->where, &member, chosen, &failed, error) < 0) {
        if (failed >= 1 && failed <= member.port_count)
            shim_ports_explain(self, &ports[failed - 1], error);
        return NULL;
    }
    char *text = ports_text(chosen, member.port_count);
    // The same ones when holm-net is lost and this is asked again.
    json_object_set_new(self->told, "hostPorts", json_loads(text, 0, NULL));
    return text;
}

static void join_work(uv_work_t *request) {
    shim *self = request->data;
    shim_helper_ask(self, HELPER_JOIN, &self->port_answer, &self->port_error);
}

static void watch_closed(uv_handle_t *handle) {
    free(handle);
}

static void unwatch(shim *self) {
    uv_poll_t *watch = steal_pointer(&self->port_watch);
    if (watch)
        uv_close((uv_handle_t *)watch, watch_closed);
}

static void control_event(uv_poll_t *poll, int status, int events) {
    shim *self = poll->data;
    (void)status, (void)events;
    unwatch(self);
    log_info("holm-net is gone");
    if (self->phase < SHIM_STOPPING)
        shim_network_join(self);
}

static void join_after(uv_work_t *request, int status) {
    shim *self = request->data;
    (void)status;
    self->port_busy = false;
    holm_error *error = steal_pointer(&self->port_error);
    if (!error) {
        if (self->port.control >= 0)
            close(self->port.control);
        self->port.control = self->port_answer.fd;
        json_t *ports = json_loads(self->port_answer.text, 0, NULL);
        free(steal_pointer(&self->port_answer.text));
        shim_ports_note(self, ports);
        json_decref(ports);
        shim_step(self, "on the network");
        self->port_watch = calloc(1, sizeof *self->port_watch);
        uv_poll_init(self->loop, self->port_watch, self->port.control);
        self->port_watch->data = self;
        uv_poll_start(self->port_watch, UV_READABLE | UV_DISCONNECT, control_event);
    }
    if (self->phase >= SHIM_CLOSED) { // the machine was quicker
        shim_network_leave(self);
    } else if (self->network_ready) {
        if (error) // the container goes on without: its next start joins again
            log_error("%s", holm_error_message(error));
    } else if (error) {
        shim_start_failed(self, error);
    } else {
        fault_point("run.network-joined");
        shim_boot_network_ready(self);
    }
    holm_error_free(error);
    shim_finish_if_idle(self);
}

void shim_network_join(shim *self) {
    if (!self->address) {
        shim_boot_network_ready(self);
        return;
    }
    self->port_busy = true;
    self->port_request.data = self;
    uv_queue_work(self->loop, &self->port_request, join_work, join_after);
}

void shim_network_leave(shim *self) {
    unwatch(self);
    network_port_finish(&self->port);
}
