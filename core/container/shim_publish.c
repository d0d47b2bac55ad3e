// A port of the host more, or one less, while the container runs. It is written into state.db first, for the
// helper has the ports opened that are there; where that fails it is taken back.
#define LOG_MODULE "publish"
#include "core/base/fault.h"
#include "core/base/log.h"
#include "core/container/shim_devices.h"

typedef struct port_change {
    shim_change base; // first
    bool adds;
    bool waits;                   // it does not run right now
    json_t *asked, *before, *now; // entries of a configuration's "ports"
    uv_work_t work;
    helper_answer answer;
} port_change;

static void destroy(shim_change *base) {
    port_change *self = (port_change *)base;
    json_decref(self->asked);
    json_decref(self->before);
    json_decref(self->now);
    free(self->answer.text);
    free(self);
}

static void finish(shim *owner, const holm_error *error, void *data) {
    port_change *self = data;
    (void)owner;
    shim_change_note(&self->base, error);
    shim_change_finish(&self->base);
}

static int restore_work(shim *owner, state *db, void *data, holm_error **error) {
    port_change *self = data;
    return container_ports_restore(db, owner->id, self->before, error);
}

static int opened_work(shim *owner, state *db, void *data, holm_error **error) {
    port_change *self = data;
    json_t *chosen = json_loads(self->answer.text, 0, NULL), *ports = shim_ports_describe(self->now, chosen);
    int result = container_ports_opened(db, owner->id, ports, self->adds, error);
    json_decref(chosen);
    json_decref(ports);
    return result;
}

static void opened(uv_work_t *work, int status) {
    port_change *self = work->data;
    shim *owner = self->base.shim;
    (void)status;
    if (self->base.error) {
        shim_store_post(owner, restore_work, finish, self);
        return;
    }
    fault_point("publish.opened");
    shim_network_ports_set(owner, self->now, self->answer.text);
    shim_store_post(owner, opened_work, finish, self);
}

static void open_work(uv_work_t *work) {
    port_change *self = work->data;
    shim_helper_ask(self->base.shim, HELPER_PUBLISH, NULL, &self->answer, &self->base.error);
}

static void written(shim *owner, const holm_error *error, void *data) {
    port_change *self = data;
    shim_change_note(&self->base, error);
    if (error || self->waits) {
        shim_change_finish(&self->base);
        return;
    }
    fault_point("publish.written");
    self->work.data = self;
    uv_queue_work(owner->loop, &self->work, open_work, opened);
}

static int change_work(shim *owner, state *db, void *data, holm_error **error) {
    port_change *self = data;
    return container_ports_change(db, owner->id, self->asked, self->adds, self->waits, &self->before,
                                  &self->now, error);
}

static void begin(shim_change *base) {
    port_change *self = (port_change *)base;
    self->waits = shim_change_waits(base);
    if (self->waits || shim_change_can(base))
        shim_store_post(base->shim, change_work, written, base);
    else
        shim_change_finish(base);
}

static void change(waiter *call, const ProtobufCMessage *message, bool adds) {
    const Holm__Shim__V1__PublishRequest *request = (const Holm__Shim__V1__PublishRequest *)message;
    port_change *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    *self = (port_change){.base = {.begin = begin, .destroy = destroy},
                          .adds = adds,
                          .asked = json_array(),
                          .answer = {.fd = -1, .card = -1}};
    for (size_t i = 0; i < request->n_ports; i++) {
        const Holm__Shim__V1__PublishedPort *each = request->ports[i];
        json_array_append_new(self->asked,
                              json_pack("{s:s, s:I, s:I, s:s}", "hostAddress", each->host_address, "hostPort",
                                        (json_int_t)each->host_port, "containerPort",
                                        (json_int_t)each->container_port, "protocol", each->protocol));
    }
    shim_change_post(&self->base, call);
}

static void handle_publish(waiter *call, const ProtobufCMessage *request) {
    change(call, request, true);
}

static void handle_unpublish(waiter *call, const ProtobufCMessage *request) {
    change(call, request, false);
}

void publish_open(rpc_stream *stream, void *data) {
    shim_open_call(stream, data, handle_publish);
}

void unpublish_open(rpc_stream *stream, void *data) {
    shim_open_call(stream, data, handle_unpublish);
}
