// Ports of the host that lead into a container: one more, or one less.
#include <string.h>

#include "core/holm_internal.h"

static char *ports_text(const holm_request *self) {
    const json_t *ports = json_object_get(json_object_get(self->document, "configuration"), "ports");
    char *text = json_dumps(ports ? ports : json_null(), JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    return text ? text : strdup("");
}

// A shim that was asked and is gone may have written it before.
static bool is_written(const holm_request *self) {
    cleanup_free char *now = ports_text(self);
    return self->text && strcmp(self->text, now) != 0;
}

static int change_at_rest(holm_request *self, state *db, const char *id, holm_error **error) {
    if (is_written(self))
        return 0;
    return container_ports_change_at_rest(&self->handle.client->where, db, id, self->json, self->flag, error);
}

static char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return (char *)(text ? text : "");
}

static void call_shim(holm_request *self, holm_request_next lost) {
    if (is_written(self)) {
        self->result = json_incref(self->document);
        holm_request_finish(self);
        return;
    }
    free(self->text);
    self->text = ports_text(self);
    size_t count = json_array_size(self->json);
    cleanup_free Holm__Shim__V1__PublishedPort *ports = calloc(count + 1, sizeof *ports);
    cleanup_free Holm__Shim__V1__PublishedPort **list = calloc(count + 1, sizeof *list);
    if (!ports || !list)
        abort();
    for (size_t i = 0; i < count; i++) {
        const json_t *port = json_array_get(self->json, i);
        holm__shim__v1__published_port__init(&ports[i]);
        ports[i].host_address = text_of(port, "hostAddress");
        ports[i].host_port = (uint32_t)json_integer_value(json_object_get(port, "hostPort"));
        ports[i].container_port = (uint32_t)json_integer_value(json_object_get(port, "containerPort"));
        ports[i].protocol = text_of(port, "protocol");
        list[i] = &ports[i];
    }
    Holm__Shim__V1__PublishRequest message = HOLM__SHIM__V1__PUBLISH_REQUEST__INIT;
    message.ports = list;
    message.n_ports = count;
    holm_request_call(self, self->flag ? "Publish" : "Unpublish", &message.base, holm_change_done, lost);
}

static const holm_change port_change = {change_at_rest, call_shim};

static int complete(holm_request *self, state *db, holm_error **error) {
    (void)db;
    const json_t *usual = config_get(self->handle.client->config, "network.publish-address");
    return configuration_complete_port_list(self->json, json_string_value(usual), error);
}

static void change(holm_request *self) {
    holm_request_change(self, &port_change);
}

static holm_request *begin(holm_client *client, const char *reference, json_t *ports, bool adds,
                           holm_done done, void *data) {
    holm_request *self = holm_request_create(client, done, data);
    self->reference = strdup(reference);
    self->json = ports;
    self->flag = adds;
    return self;
}

void holm_container_publish(holm_client *client, const char *reference, json_t *ports, holm_done done,
                            void *data) {
    holm_request_work(begin(client, reference, ports, true, done, data), complete, change);
}

void holm_container_unpublish(holm_client *client, const char *reference, json_t *ports, holm_done done,
                              void *data) {
    change(begin(client, reference, ports, false, done, data));
}
