// Networks: rows of state.db. What runs them comes and goes with their members.
#include <string.h>

#include "core/holm_prune.h"
#include "core/network/bridge_host.h"

static holm_request *begin(holm_client *client, const char *name, holm_done done, void *data) {
    holm_request *self = holm_request_create(client, done, data);
    self->reference = name ? strdup(name) : NULL;
    return self;
}

// ---- list, inspect ----

static bool passes(const json_t *document, const json_t *wanted) {
    const json_t *names = json_object_get(wanted, "name");
    bool fits = json_array_size(names) == 0;
    size_t index;
    json_t *value;
    json_array_foreach (names, index, value)
        fits = fits || strstr(holm_document_id(document), json_string_value(value));
    json_array_foreach (json_object_get(wanted, "label"), index, value)
        fits = fits && holm_document_has_label(document, json_string_value(value));
    return fits;
}

static int check_filters(const json_t *wanted, holm_error **error) {
    const char *key;
    json_t *values;
    json_object_foreach ((json_t *)wanted, key, values) {
        if (strcmp(key, "name") == 0 || strcmp(key, "label") == 0)
            continue;
        holm_error_set(error, HOLM_ERROR_INVALID, "there is no filter \"%s\" for networks", key);
        holm_error_hint(error, "the filters are name and label");
        return -1;
    }
    return 0;
}

static int list_networks(holm_request *self, state *db, holm_error **error) {
    cleanup_json json_t *list = check_filters(self->json, error) == 0 ? state_network_list(db, error) : NULL;
    if (!list)
        return -1;
    self->result = json_array();
    size_t index;
    json_t *document;
    json_array_foreach (list, index, document)
        if (passes(document, self->json))
            json_array_append(self->result, document);
    return 0;
}

void holm_network_list(holm_client *client, json_t *filters, holm_done done, void *data) {
    holm_request *self = begin(client, NULL, done, data);
    self->json = filters ? json_deep_copy(filters) : NULL;
    holm_request_work(self, list_networks, holm_request_finish);
}

static int inspect_network(holm_request *self, state *db, holm_error **error) {
    self->result = state_network_get(db, self->reference, error);
    return self->result ? 0 : -1;
}

void holm_network_inspect(holm_client *client, const char *name, holm_done done, void *data) {
    holm_request_work(begin(client, name, done, data), inspect_network, holm_request_finish);
}

// ---- create, remove, prune ----

// The change and its event are one transaction.
static int finish_change(state *db, bool done, const char *action, const char *name, holm_error **error) {
    done = done && state_event_add(db, "network", action, name, name, NULL, error) == 0;
    return state_end(db, done, done ? error : NULL) == 0 && done ? 0 : -1;
}

static bool is_bridge(const json_t *configuration) {
    const char *driver = json_string_value(json_object_get(configuration, "driver"));
    return driver && strcmp(driver, "bridge") == 0;
}

static int create_network(holm_request *self, state *db, holm_error **error) {
    if (is_bridge(self->json) && bridge_check(error) < 0)
        return -1;
    if (state_begin(db, error) < 0)
        return -1;
    self->result = state_network_create(db, self->json, error);
    return finish_change(db, self->result != NULL, "create",
                         self->result ? holm_document_id(self->result) : "", error);
}

void holm_network_create(holm_client *client, json_t *configuration, holm_done done, void *data) {
    holm_request *self = begin(client, NULL, done, data);
    self->json = configuration;
    if (!json_object_get(configuration, "driver"))
        json_object_set_new(configuration, "driver",
                            json_deep_copy(config_get(client->config, "network.driver")));
    holm_request_work(self, create_network, holm_request_finish);
}

static int remove_one(const paths *where, state *db, const json_t *network, holm_error **error) {
    const char *name = holm_document_id(network);
    if (state_begin(db, error) < 0)
        return -1;
    if (finish_change(db, state_network_delete(db, name, error) == 0, "remove", name, error) < 0)
        return -1;
    return is_bridge(json_object_get(network, "configuration"))
               ? container_network_clean(where, network, error)
               : 0;
}

static int remove_network(holm_request *self, state *db, holm_error **error) {
    self->result = state_network_get(db, self->reference, error);
    return self->result ? remove_one(&self->handle.client->where, db, self->result, error) : -1;
}

void holm_network_remove(holm_client *client, const char *name, holm_done done, void *data) {
    holm_request_work(begin(client, name, done, data), remove_network, holm_request_finish);
}

int holm_prune_networks(const paths *where, state *db, const json_t *filters, json_t *deleted,
                        holm_error **error) {
    cleanup_json json_t *list = state_network_list(db, error);
    size_t index;
    json_t *document;
    json_array_foreach (list, index, document) {
        const char *name = holm_document_id(document);
        const json_t *members = json_object_get(json_object_get(document, "status"), "members");
        int fits = strcmp(name, "default") == 0 || json_array_size(members) > 0
                       ? 0
                       : holm_prune_fits(document, filters, error);
        if (fits < 0)
            return -1;
        if (!fits)
            continue;
        cleanup_error holm_error *cause = NULL;
        if (remove_one(where, db, document, &cause) == 0)
            json_array_append_new(deleted, json_string(name));
        else if (holm_error_code_of(cause) != HOLM_ERROR_IN_USE) { // one that has just got a member stays
            holm_error_propagate(error, steal_pointer(&cause));
            return -1;
        }
    }
    return list ? 0 : -1;
}

// ---- connect, disconnect ----

static int connect_at_rest(holm_request *self, state *db, const char *id, holm_error **error) {
    return container_connect_at_rest(&self->handle.client->where, db, id, self->json, error);
}

static int disconnect_at_rest(holm_request *self, state *db, const char *id, holm_error **error) {
    return container_disconnect_at_rest(&self->handle.client->where, db, id, self->text, error);
}

static char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return (char *)(text ? text : "");
}

static void call_connect(holm_request *self, holm_request_next lost) {
    Holm__Shim__V1__ConnectRequest message = HOLM__SHIM__V1__CONNECT_REQUEST__INIT;
    const json_t *aliases = json_object_get(self->json, "aliases");
    cleanup_free char **texts = calloc(json_array_size(aliases) + 1, sizeof *texts);
    if (!texts)
        abort();
    message.network = text_of(self->json, "name");
    message.address = text_of(self->json, "address");
    message.mac = text_of(self->json, "mac");
    message.address6 = text_of(self->json, "addressV6");
    message.aliases = texts;
    for (size_t i = 0; i < json_array_size(aliases); i++)
        texts[message.n_aliases++] = (char *)json_string_value(json_array_get(aliases, i));
    holm_request_call(self, "Connect", &message.base, holm_change_done, lost);
}

static void call_disconnect(holm_request *self, holm_request_next lost) {
    Holm__Shim__V1__DisconnectRequest message = HOLM__SHIM__V1__DISCONNECT_REQUEST__INIT;
    message.network = self->text;
    holm_request_call(self, "Disconnect", &message.base, holm_change_done, lost);
}

static const holm_change connecting = {connect_at_rest, call_connect};
static const holm_change disconnecting = {disconnect_at_rest, call_disconnect};

void holm_network_connect(holm_client *client, const char *network, const char *container, json_t *options,
                          holm_done done, void *data) {
    holm_request *self = begin(client, container, done, data);
    self->json = options ? options : json_object();
    json_object_set_new(self->json, "name", json_string(network));
    holm_request_change(self, &connecting);
}

void holm_network_disconnect(holm_client *client, const char *network, const char *container, holm_done done,
                             void *data) {
    holm_request *self = begin(client, container, done, data);
    self->text = strdup(network);
    holm_request_change(self, &disconnecting);
}
