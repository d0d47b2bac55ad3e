// Networks, and who is on them.
#include <string.h>

#include "core/holm.h"
#include "tui/model_private.h"

void model_networks_finish(model_state *self) {
    for (size_t i = 0; i < self->network_count; i++) {
        model_network *network = &self->networks[i];
        char *texts[] = {network->id,      network->name,     network->subnet, network->gateway,
                         network->subnet6, network->gateway6, network->mode};
        for (size_t k = 0; k < array_length(texts); k++)
            free(texts[k]);
        json_decref(network->document);
    }
    free(self->networks);
    self->networks = NULL;
    self->network_count = 0;
}

static void fill(model_network *self, const json_t *document) {
    const json_t *configuration = json_object_get(document, "configuration");
    const json_t *status = json_object_get(document, "status");
    self->id = model_text(json_object_get(document, "id"));
    self->name = model_text(json_object_get(configuration, "name"));
    self->subnet = model_text(json_object_get(configuration, "subnet"));
    self->gateway = model_text(json_object_get(status, "gateway"));
    self->subnet6 = model_text(json_object_get(configuration, "subnetV6"));
    self->gateway6 = model_text(json_object_get(status, "gatewayV6"));
    self->mode = strdup(json_is_true(json_object_get(configuration, "internal")) ? "internal" : "nat");
    self->created = model_time(json_object_get(status, "createdAt"));
    self->document = json_incref((json_t *)document);
}

void model_set_networks(model_state *self, const json_t *documents) {
    model_networks_finish(self);
    self->network_count = json_array_size(documents);
    self->networks = calloc(self->network_count + 1, sizeof(*self->networks));
    if (!self->networks)
        abort();
    for (size_t i = 0; i < self->network_count; i++)
        fill(&self->networks[i], json_array_get(documents, i));
    self->networks_known = true;
}

model_network *model_find_network(const model_state *self, const char *id) {
    for (size_t i = 0; i < self->network_count; i++)
        if (strcmp(self->networks[i].id, id) == 0)
            return &self->networks[i];
    return NULL;
}

// What the container has on the network, or NULL.
static const json_t *place_of(const model_container *container, const char *network) {
    const json_t *list = json_object_get(json_object_get(container->document, "status"), "networks");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *entry = json_array_get(list, i);
        const char *name = json_string_value(json_object_get(entry, "name"));
        if (name && strcmp(name, network) == 0)
            return entry;
    }
    return NULL;
}

const char *model_member_address(const model_container *container, const char *network) {
    const json_t *place = place_of(container, network);
    const char *address = json_string_value(json_object_get(place, "address"));
    return place && !address ? "" : address;
}

const json_t *model_member_aliases(const model_container *container, const char *network) {
    return json_object_get(place_of(container, network), "aliases");
}

const char *model_member_address6(const model_container *container, const char *network) {
    return json_string_value(json_object_get(place_of(container, network), "addressV6"));
}
