// Volumes: rows of state.db and sparse disks, whose empty form the image worker makes.
#include <string.h>
#include <unistd.h>

#include "core/holm_prune.h"
#include "core/holm_volume.h"
#include "core/volume/volume.h"

static holm_request *begin(holm_client *client, const char *name, holm_done done, void *data) {
    holm_request *self = holm_request_create(client, done, data);
    self->reference = name ? strdup(name) : NULL;
    return self;
}

// ---- list, inspect ----

static bool is_used(const json_t *document) {
    return json_array_size(json_object_get(json_object_get(document, "status"), "containers")) > 0;
}

static bool is_anonymous(const json_t *document) {
    return json_is_true(json_object_get(json_object_get(document, "configuration"), "anonymous"));
}

static bool fits(const json_t *document, const char *key, const char *value) {
    if (strcmp(key, "name") == 0)
        return strstr(holm_document_id(document), value);
    if (strcmp(key, "label") == 0)
        return holm_document_has_label(document, value);
    if (strcmp(key, "anonymous") == 0)
        return (strcmp(value, "true") == 0) == is_anonymous(document);
    return (strcmp(value, "true") == 0) != is_used(document); // dangling
}

static bool passes(const json_t *document, const json_t *filters) {
    const char *key;
    json_t *values, *value;
    size_t index;
    json_object_foreach ((json_t *)filters, key, values) {
        bool any = false;
        json_array_foreach (values, index, value)
            any = any || fits(document, key, json_string_value(value));
        if (!any)
            return false;
    }
    return true;
}

static int check_filters(const json_t *filters, holm_error **error) {
    const char *key;
    json_t *values;
    json_object_foreach ((json_t *)filters, key, values) {
        if (strcmp(key, "name") == 0 || strcmp(key, "label") == 0 || strcmp(key, "dangling") == 0 ||
            strcmp(key, "anonymous") == 0)
            continue;
        holm_error_set(error, HOLM_ERROR_INVALID, "there is no filter \"%s\" for volumes", key);
        holm_error_hint(error, "the filters are name, label, dangling and anonymous");
        return -1;
    }
    return 0;
}

static int list_volumes(holm_request *self, state *db, holm_error **error) {
    cleanup_json json_t *list = check_filters(self->json, error) == 0 ? state_volume_list(db, error) : NULL;
    if (!list)
        return -1;
    self->result = json_array();
    size_t index;
    json_t *document;
    json_array_foreach (list, index, document) {
        volume_measure(&self->handle.client->where, document);
        if (passes(document, self->json))
            json_array_append(self->result, document);
    }
    return 0;
}

void holm_volume_list(holm_client *client, json_t *filters, holm_done done, void *data) {
    holm_request *self = begin(client, NULL, done, data);
    self->json = filters ? json_deep_copy(filters) : NULL;
    holm_request_work(self, list_volumes, holm_request_finish);
}

static int inspect_volume(holm_request *self, state *db, holm_error **error) {
    self->result = state_volume_get(db, self->reference, error);
    if (!self->result)
        return -1;
    volume_measure(&self->handle.client->where, self->result);
    return 0;
}

void holm_volume_inspect(holm_client *client, const char *name, holm_done done, void *data) {
    holm_request_work(begin(client, name, done, data), inspect_volume, holm_request_finish);
}

// ---- create ----

image_disk_shape holm_volume_shape(const json_t *configuration) {
    const json_t *journal = json_object_get(configuration, "journal");
    return (image_disk_shape){(uint64_t)json_integer_value(json_object_get(configuration, "sizeBytes")),
                              json_string_value(json_object_get(journal, "mode")),
                              (uint64_t)json_integer_value(json_object_get(journal, "sizeBytes"))};
}

int holm_volume_prepare_disk(holm_request *self, holm_error **error) {
    const paths *where = &self->handle.client->where;
    const image_disk_shape shape = holm_volume_shape(self->json);
    cleanup_free char *empty = image_client_disk_of(where, &shape);
    if (access(empty, R_OK) == 0)
        return 0;
    self->lifeline = image_client_connect(where, true, error);
    return self->lifeline < 0 ? -1 : 0;
}

static void disk_made(holm_request *self, const ProtobufCMessage *answer) {
    (void)answer; // the path is the one that was looked at
    holm_request_work(self, self->run_later, holm_request_finish);
}

void holm_volume_make_disk(holm_request *self, holm_request_run run) {
    if (self->lifeline < 0) {
        holm_request_work(self, run, holm_request_finish);
        return;
    }
    const image_disk_shape shape = holm_volume_shape(self->json);
    Holm__Image__V1__MakeDiskRequest message = HOLM__IMAGE__V1__MAKE_DISK_REQUEST__INIT;
    message.size_bytes = shape.size;
    message.journal_mode = (char *)(shape.journal_mode ? shape.journal_mode : "");
    message.journal_bytes = shape.journal_bytes;
    self->run_later = run;
    holm_request_call_worker(self, "MakeDisk", &message.base, disk_made);
}

static int prepare(holm_request *self, state *db, holm_error **error) {
    (void)db;
    return volume_complete(self->json, error) < 0 ? -1 : holm_volume_prepare_disk(self, error);
}

static int create_volume(holm_request *self, state *db, holm_error **error) {
    const paths *where = &self->handle.client->where;
    const image_disk_shape shape = holm_volume_shape(self->json);
    cleanup_free char *empty = image_client_disk_of(where, &shape);
    self->result = volume_create(where, db, self->json, empty, error);
    return self->result ? 0 : -1;
}

static void make_disk(holm_request *self) {
    holm_volume_make_disk(self, create_volume);
}

void holm_volume_create(holm_client *client, json_t *configuration, holm_done done, void *data) {
    holm_request *self = begin(client, NULL, done, data);
    self->json = configuration;
    holm_request_work(self, prepare, make_disk);
}

// ---- remove, prune ----

static int remove_volume(holm_request *self, state *db, holm_error **error) {
    if (inspect_volume(self, db, error) < 0)
        return -1;
    return volume_remove(&self->handle.client->where, db, self->result, error);
}

void holm_volume_remove(holm_client *client, const char *name, holm_done done, void *data) {
    holm_request_work(begin(client, name, done, data), remove_volume, holm_request_finish);
}

static int prune_one(const paths *where, state *db, json_t *document, json_t *deleted, json_int_t *bytes,
                     holm_error **error) {
    cleanup_error holm_error *cause = NULL;
    volume_measure(where, document);
    if (volume_remove(where, db, document, &cause) == 0) {
        *bytes += json_integer_value(json_object_get(json_object_get(document, "status"), "usedBytes"));
        return json_array_append_new(deleted, json_string(holm_document_id(document)));
    }
    if (holm_error_code_of(cause) == HOLM_ERROR_IN_USE)
        return 0; // a container has just been made with it
    holm_error_propagate(error, steal_pointer(&cause));
    return -1;
}

int holm_prune_volumes(holm_client *client, state *db, bool all, const json_t *filters, json_t *deleted,
                       json_int_t *bytes, holm_error **error) {
    cleanup_json json_t *list = state_volume_list(db, error);
    if (!list || volume_sweep(&client->where, db, error) < 0)
        return -1;
    size_t index;
    json_t *document;
    json_array_foreach (list, index, document) {
        int fits = (all || is_anonymous(document)) && !is_used(document)
                       ? holm_prune_fits(document, filters, error)
                       : 0;
        if (fits < 0 || (fits && prune_one(&client->where, db, document, deleted, bytes, error) < 0))
            return -1;
    }
    return 0;
}
