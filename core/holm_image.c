// Images that are here: from state.db; removing them is the image worker's, who knows the files.
#include "core/holm_image.h"

#include <string.h>

#include "core/image/image_client.h"
#include "core/image/manifest.h"
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

static bool fits(const json_t *document, const char *platform) {
    cleanup_manifest_platform manifest_platform wanted = {0};
    return manifest_platform_parse(platform, &wanted, NULL) == 0 &&
           manifest_document_matches(document, &wanted);
}

static json_t *choose(const json_t *images, const char *text, const char *platform, holm_error **error) {
    const json_t *first = json_array_get(images, 0);
    const json_t *chosen = manifest_document_choose(images, "", text, NULL);
    bool asked = platform && *platform;
    size_t index;
    json_t *image;
    json_array_foreach (images, index, image)
        if (asked && fits(image, platform))
            return json_incref(image);
    if (!asked)
        return json_incref((json_t *)chosen);
    holm_error_set(error, HOLM_ERROR_NOT_FOUND, "the image \"%s\" is here for %s, not for %s", text,
                   holm_document_configuration(first, "platform"), platform);
    holm_error_hint(error, "holm pull --platform %s %s brings it", platform, text);
    return NULL;
}

// A text that is no name begins the digest of one image or of an index, or is the second half of a name.
static char *digest_meant(const char *text, const json_t *images) {
    const json_t *first = json_array_get(images, 0);
    const char *id = holm_document_id(first), *at = strchr(text, '@'), *hex = at ? at + 1 : text;
    if (strncmp(hex, "sha256:", 7) == 0)
        hex += 7;
    bool image = json_array_size(images) == 1 && strncmp(id + strlen("sha256:"), hex, strlen(hex)) == 0;
    return strdup(image ? id : holm_document_status(first, "digest"));
}

/// All that the text stands for. *reference becomes a name of theirs, *source what state.db knows the text
/// as: a name, or the digest of an index or an image. The caller frees both.
static json_t *find_all(holm_client *client, state *db, const char *text, char **reference, char **source,
                        holm_error **error) {
    cleanup_error holm_error *cause = NULL;
    bool by_id = strncmp(text, "sha256:", 7) == 0;
    cleanup_free char *canonical = by_id ? NULL : holm_image_canonical(client, text, &cause);
    json_t *images = canonical ? state_image_find(db, canonical, &cause) : NULL;
    cleanup_free char *target = images ? state_reference_target(db, canonical, NULL) : NULL;
    *source = target ? strdup(canonical) : NULL;
    if (!images && (by_id || is_hex(text)) && (!cause || holm_error_code_of(cause) == HOLM_ERROR_NOT_FOUND)) {
        holm_error_free(steal_pointer(&cause));
        images = state_image_find(db, text, &cause);
        const json_t *names =
            json_object_get(json_object_get(json_array_get(images, 0), "configuration"), "references");
        const char *name = json_string_value(json_array_get(names, 0));
        free(canonical);
        canonical = strdup(name ? name : text);
    }
    if (!images)
        holm_error_propagate(error, steal_pointer(&cause));
    else if (!*source)
        *source = digest_meant(text, images);
    *reference = steal_pointer(&canonical);
    return images;
}

json_t *holm_image_find(holm_client *client, state *db, const char *text, const char *platform,
                        char **canonical, holm_error **error) {
    cleanup_free char *reference = NULL, *source = NULL;
    cleanup_json json_t *images = find_all(client, db, text, &reference, &source, error);
    json_t *document = images ? choose(images, text, platform, error) : NULL;
    if (document && canonical)
        *canonical = steal_pointer(&reference);
    return document;
}

char *holm_image_resolve(holm_client *client, state *db, const char *text, holm_error **error) {
    cleanup_free char *reference = NULL, *source = NULL;
    cleanup_json json_t *images = find_all(client, db, text, &reference, &source, error);
    return images ? steal_pointer(&source) : NULL;
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
    cleanup_free char *reference = NULL, *source = NULL;
    cleanup_json json_t *images =
        find_all(self->handle.client, db, self->reference, &reference, &source, error);
    cleanup_free char *target = images ? holm_image_canonical(self->handle.client, self->text, error) : NULL;
    if (!target)
        return -1;
    if (strchr(target, '@')) {
        holm_error_set(error, HOLM_ERROR_INVALID, "\"%s\" has a digest, and a new name cannot", self->text);
        return -1;
    }
    if (state_begin(db, error) < 0)
        return -1;
    const char *id = holm_document_id(json_array_get(images, 0));
    bool tagged = state_reference_copy(db, target, source, error) == 0 &&
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
    // By a digest it is the whole image that goes, by name one name.
    char *source = holm_image_resolve(self->handle.client, db, self->reference, error);
    if (!source)
        return -1;
    free(self->reference);
    self->reference = source;
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
    message.platform = self->text;
    holm_request_call_worker(self, "Remove", &message.base, answer_message);
}

void holm_image_remove(holm_client *client, const char *reference, const char *platform, bool force,
                       holm_done done, void *data) {
    holm_request *self = holm_request_create(client, done, data);
    self->reference = strdup(reference);
    self->text = strdup(platform ? platform : "");
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
