// Images that are here: from state.db; removing them is the image worker's, who knows the files.
#include "core/holm_image.h"

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

bool holm_image_platform_fits(const char *wanted, const char *have) {
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
    if (document && platform && !holm_image_platform_fits(platform, have)) {
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

// ---- inspect ----

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
    if (state_image_index_write(db, self->handle.client->where.data, error) < 0)
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
