// Images that are here: from state.db; removing them is the image worker's, who knows the files.
#include "core/holm_image.h"

#include <fnmatch.h>
#include <string.h>

#include "core/image/image_client.h"
#include "core/image/reference.h"

char *holm_image_canonical(const holm_client *client, const char *text, holm_error **error) {
    const char *registry = json_string_value(config_get(client->config, "registry.domain"));
    cleanup_image_reference image_reference reference = {0};
    if (image_reference_parse(text, registry, &reference, error) < 0)
        return NULL;
    return image_reference_canonical(&reference);
}

static bool is_hex(const char *text) {
    size_t length = strlen(text);
    return length >= 2 && length <= 64 && strspn(text, "0123456789abcdef") == length;
}

static bool platform_fits(const char *wanted, const char *have) {
    size_t length = strlen(wanted);
    return !wanted[0] || (strncmp(wanted, have, length) == 0 && (have[length] == 0 || have[length] == '/'));
}

json_t *holm_image_find(holm_client *client, state *db, const char *text, const char *platform,
                        char **canonical, holm_error **error) {
    cleanup_error holm_error *cause = NULL;
    json_t *document = NULL;
    bool by_id = strncmp(text, "sha256:", 7) == 0;
    cleanup_free char *reference = by_id ? NULL : holm_image_canonical(client, text, &cause);
    if (reference)
        document = state_image_get(db, reference, &cause);
    if (!document && (by_id || is_hex(text)) &&
        (!cause || holm_error_code_of(cause) == HOLM_ERROR_NOT_FOUND)) {
        holm_error_free(steal_pointer(&cause));
        document = state_image_get(db, text, &cause);
        free(reference);
        const json_t *names = json_object_get(json_object_get(document, "configuration"), "references");
        const char *name = json_string_value(json_array_get(names, 0));
        reference = strdup(name ? name : text);
    }
    const char *have = holm_document_configuration(document, "platform");
    if (document && platform && !platform_fits(platform, have)) {
        holm_error_set(&cause, HOLM_ERROR_NOT_FOUND, "the image \"%s\" is here for %s, not for %s", text,
                       have, platform);
        holm_error_hint(&cause, "holm pull --platform %s %s brings it", platform, text);
        json_decref(document);
        document = NULL;
    }
    if (cause)
        holm_error_propagate(error, steal_pointer(&cause));
    if (document && canonical)
        *canonical = steal_pointer(&reference);
    return document;
}

// ---- list, inspect ----

static void count_files(const json_t *document, json_t *users) {
    size_t index;
    json_t *layer;
    json_array_foreach (json_object_get(json_object_get(document, "status"), "layers"), index, layer) {
        const char *file = json_string_value(json_object_get(layer, "file"));
        if (file)
            json_object_set_new(users, file,
                                json_integer(json_integer_value(json_object_get(users, file)) + 1));
    }
}

// What would be gained by removing it alone.
static void set_unique_bytes(json_t *document, const json_t *users) {
    json_t *status = json_object_get(document, "status");
    json_int_t bytes = 0;
    size_t index;
    json_t *layer;
    json_array_foreach (json_object_get(status, "layers"), index, layer) {
        const char *file = json_string_value(json_object_get(layer, "file"));
        if (file && json_integer_value(json_object_get(users, file)) == 1)
            bytes += json_integer_value(json_object_get(layer, "unpackedBytes"));
    }
    json_object_set_new(status, "uniqueBytes", json_integer(bytes));
}

static char *familiar(const char *canonical) {
    cleanup_image_reference image_reference reference = {0};
    if (image_reference_parse(canonical, NULL, &reference, NULL) < 0)
        return strdup(canonical);
    return image_reference_familiar(&reference);
}

static bool matches_reference(const json_t *document, const char *pattern) {
    size_t index;
    json_t *value;
    json_array_foreach (json_object_get(json_object_get(document, "configuration"), "references"), index,
                        value) {
        const char *name = json_string_value(value);
        cleanup_free char *short_name = familiar(name);
        size_t repository = strcspn(strrchr(short_name, '/') ? strrchr(short_name, '/') : short_name, ":@");
        cleanup_free char *untagged = path_format(
            "%.*s",
            (int)((strrchr(short_name, '/') ? strrchr(short_name, '/') - short_name : 0) + (long)repository),
            short_name);
        if (fnmatch(pattern, name, 0) == 0 || fnmatch(pattern, short_name, 0) == 0 ||
            fnmatch(pattern, untagged, 0) == 0)
            return true;
    }
    return false;
}

static bool matches_id(const json_t *document, const char *text) {
    const char *id = holm_document_id(document);
    const char *hex = strchr(id, ':') ? strchr(id, ':') + 1 : id;
    return strncmp(id, text, strlen(text)) == 0 || strncmp(hex, text, strlen(text)) == 0;
}

static bool any(const json_t *values, bool (*matches)(const json_t *document, const char *text),
                const json_t *document) {
    size_t index;
    json_t *value;
    json_array_foreach (values, index, value)
        if (matches(document, json_string_value(value)))
            return true;
    return json_array_size(values) == 0;
}

static int check_filters(const json_t *wanted, holm_error **error) {
    const char *key;
    json_t *values;
    json_object_foreach ((json_t *)wanted, key, values) {
        if (strcmp(key, "reference") == 0 || strcmp(key, "id") == 0)
            continue;
        holm_error_set(error, HOLM_ERROR_INVALID, "there is no filter \"%s\" for images", key);
        holm_error_hint(error, "the filters are reference and id");
        return -1;
    }
    return 0;
}

static int list_images(holm_request *self, state *db, holm_error **error) {
    if (check_filters(self->json, error) < 0)
        return -1;
    cleanup_json json_t *list = state_image_list(db, error);
    if (!list)
        return -1;
    cleanup_json json_t *users = json_object();
    size_t index;
    json_t *document;
    json_array_foreach (list, index, document)
        count_files(document, users);
    self->result = json_array();
    json_array_foreach (list, index, document) {
        set_unique_bytes(document, users);
        if (any(json_object_get(self->json, "reference"), matches_reference, document) &&
            any(json_object_get(self->json, "id"), matches_id, document))
            json_array_append(self->result, document);
    }
    return 0;
}

void holm_image_list(holm_client *client, json_t *wanted, holm_done done, void *data) {
    holm_request *self = holm_request_create(client, done, data);
    self->json = wanted ? json_deep_copy(wanted) : NULL;
    holm_request_work(self, list_images, holm_request_finish);
}

static int inspect_image(holm_request *self, state *db, holm_error **error) {
    self->result = holm_image_find(self->handle.client, db, self->reference, NULL, NULL, error);
    return self->result ? 0 : -1;
}

void holm_image_inspect(holm_client *client, const char *reference, holm_done done, void *data) {
    holm_request *self = holm_request_create(client, done, data);
    self->reference = strdup(reference);
    holm_request_work(self, inspect_image, holm_request_finish);
}

// ---- tag ----

static int tag_image(holm_request *self, state *db, holm_error **error) {
    cleanup_json json_t *document =
        holm_image_find(self->handle.client, db, self->reference, NULL, NULL, error);
    cleanup_free char *target =
        document ? holm_image_canonical(self->handle.client, self->text, error) : NULL;
    if (!target)
        return -1;
    if (strchr(target, '@')) {
        holm_error_set(error, HOLM_ERROR_INVALID, "\"%s\" has a digest, and a new name cannot", self->text);
        return -1;
    }
    const char *id = holm_document_id(document);
    if (state_begin(db, error) < 0)
        return -1;
    bool tagged = state_reference_set(db, target, id, error) == 0 &&
                  state_event_add(db, "image", "tag", id, target, NULL, error) == 0;
    if (state_end(db, tagged, tagged ? error : NULL) < 0 || !tagged)
        return -1;
    self->result = state_image_get(db, target, error);
    return self->result ? 0 : -1;
}

void holm_image_tag(holm_client *client, const char *reference, const char *target, holm_done done,
                    void *data) {
    holm_request *self = holm_request_create(client, done, data);
    self->reference = strdup(reference);
    self->text = strdup(target);
    holm_request_work(self, tag_image, holm_request_finish);
}

// ---- by the image worker ----

// The descriptor of a worker that has just been reached travels in `lifeline`.
static int reach_worker(holm_request *self, state *db, holm_error **error) {
    (void)db;
    self->lifeline = image_client_connect(&self->handle.client->where, true, error);
    return self->lifeline < 0 ? -1 : 0;
}

static int find_and_reach(holm_request *self, state *db, holm_error **error) {
    char *canonical = NULL;
    self->document = holm_image_find(self->handle.client, db, self->reference, NULL, &canonical, error);
    if (!self->document)
        return -1;
    // By id it is the whole image that goes, by name one name.
    bool by_id = strncmp(self->reference, "sha256:", 7) == 0 ||
                 (is_hex(self->reference) && strstr(canonical, self->reference) == NULL);
    free(self->reference);
    self->reference = by_id ? strdup(holm_document_id(self->document)) : strdup(canonical);
    free(canonical);
    return reach_worker(self, db, error);
}

static void answer_message(holm_request *self, const ProtobufCMessage *answer) {
    self->result = holm_message_json(answer);
    holm_request_finish(self);
}

static void call_remove(holm_request *self) {
    Holm__Image__V1__RemoveRequest message = HOLM__IMAGE__V1__REMOVE_REQUEST__INIT;
    message.reference = self->reference;
    message.force = self->flag;
    holm_request_call_worker(self, "Remove", &message.base, answer_message);
}

void holm_image_remove(holm_client *client, const char *reference, bool force, holm_done done, void *data) {
    holm_request *self = holm_request_create(client, done, data);
    self->reference = strdup(reference);
    self->flag = force;
    holm_request_work(self, find_and_reach, call_remove);
}

static int reach_running_worker(holm_request *self, state *db, holm_error **error) {
    (void)db;
    self->lifeline = image_client_connect(&self->handle.client->where, false, error);
    return self->lifeline < 0 ? -1 : 0;
}

static void call_cancel(holm_request *self) {
    Holm__Image__V1__CancelRequest message = HOLM__IMAGE__V1__CANCEL_REQUEST__INIT;
    message.task = self->reference;
    holm_request_call_worker(self, "Cancel", &message.base, answer_message);
}

void holm_task_cancel(holm_client *client, const char *task, holm_done done, void *data) {
    holm_request *self = holm_request_create(client, done, data);
    self->reference = strdup(task);
    holm_request_work(self, reach_running_worker, call_cancel);
}
