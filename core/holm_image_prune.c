// Pruning: images that nothing uses go, one after the other by the image worker.
#include <string.h>

#include "core/holm_image.h"
#include "core/holm_prune.h"
#include "core/image/image_client.h"

static bool is_unused(const json_t *document, bool all) {
    const json_t *names = json_object_get(json_object_get(document, "configuration"), "references");
    const json_t *users = json_object_get(json_object_get(document, "status"), "containers");
    return json_array_size(users) == 0 && (all || json_array_size(names) == 0);
}

static const json_t *layers_of(const json_t *document) {
    return json_object_get(json_object_get(document, "status"), "layers");
}

/// What the layers take that only images of `going` have.
static json_int_t bytes_of(const json_t *going, const json_t *list) {
    cleanup_json json_t *counted = json_object();
    size_t index, at;
    json_t *document, *layer;
    json_int_t bytes = 0;
    json_array_foreach (list, index, document)
        json_array_foreach (layers_of(document), at, layer)
            json_object_set_new(counted, holm_image_layer_file(layer), json_false());
    json_array_foreach (going, index, document)
        json_array_foreach (layers_of(document), at, layer) {
            const char *file = holm_image_layer_file(layer);
            if (!json_object_get(counted, file))
                bytes += holm_image_layer_bytes(layer);
            json_object_set_new(counted, file, json_true());
        }
    return bytes;
}

/// self->document becomes what is to go; the worker is only woken where there is something.
static int choose(holm_request *self, state *db, holm_error **error) {
    cleanup_json json_t *list = holm_image_select(self->handle.client, db, self->json, error);
    if (!list)
        return -1;
    cleanup_json json_t *every = state_image_list(db, error), *staying = json_array();
    if (!every)
        return -1;
    cleanup_json json_t *going = json_object();
    self->document = json_array();
    size_t index;
    json_t *document;
    json_array_foreach (list, index, document) {
        int fits = is_unused(document, self->flag) ? holm_prune_fits(document, self->json, error) : 0;
        if (fits < 0)
            return -1;
        if (!fits)
            continue;
        json_array_append(self->document, document);
        json_object_set_new(going, holm_document_id(document), json_true());
    }
    json_array_foreach (every, index, document)
        if (!json_object_get(going, holm_document_id(document)))
            json_array_append(staying, document);
    self->result = json_pack("{s:[], s:[], s:I}", "untagged", "deleted", "reclaimedBytes",
                             bytes_of(self->document, staying));
    if (json_array_size(self->document) == 0)
        return 0;
    self->lifeline = image_client_connect(&self->handle.client->where, true, error);
    return self->lifeline < 0 ? -1 : 0;
}

static void remove_next(holm_request *self);

static void keep_list(holm_request *self, const json_t *answer, const char *key) {
    json_array_extend(json_object_get(self->result, key), json_object_get(answer, key));
}

static void removed(holm_request *self, const ProtobufCMessage *message) {
    cleanup_json json_t *answer = holm_message_json(message);
    keep_list(self, answer, "untagged");
    keep_list(self, answer, "deleted");
    json_array_remove(self->document, 0);
    remove_next(self);
}

static void remove_next(holm_request *self) {
    const char *id = json_string_value(json_object_get(json_array_get(self->document, 0), "id"));
    if (!id) {
        self->prune_next(self);
        return;
    }
    Holm__Image__V1__RemoveRequest message = HOLM__IMAGE__V1__REMOVE_REQUEST__INIT;
    message.reference = (char *)id;
    message.all_names = true;
    holm_request_call_worker(self, "Remove", &message.base, removed);
}

void holm_prune_images(holm_request *self, holm_request_next next) {
    self->prune_next = next;
    holm_request_work(self, choose, remove_next);
}

void holm_image_prune(holm_client *client, bool all, json_t *filters, holm_done done, void *data) {
    holm_request *self = holm_request_create(client, done, data);
    self->flag = all;
    self->json = filters ? json_deep_copy(filters) : NULL;
    holm_prune_images(self, holm_request_finish);
}
