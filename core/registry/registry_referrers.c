#include "core/registry/registry_referrers.h"

#include <ctype.h>
#include <curl/curl.h>
#include <string.h>

#include "core/base/path.h"
#include "core/registry/registry_internal.h"
#include "core/registry/registry_read.h"

struct registry_referrers {
    registry *owner;
    registry_list *list;
    registry_read *index; // under the tag
    registry_list_done done;
    void *data;
    char *artifact_type; // or NULL
    char tag[REGISTRY_REFERRERS_TAG_SIZE];
};

bool registry_digest_is_valid(const char *text) {
    size_t algorithm = text ? strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789+._-") : 0;
    if (algorithm == 0 || algorithm > 64 || text[algorithm] != ':')
        return false;
    const char *encoded = text + algorithm + 1;
    size_t length = strspn(encoded, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789=_-");
    return length > 0 && length <= 256 && !encoded[length];
}

void registry_referrers_tag(const char *digest, char out[REGISTRY_REFERRERS_TAG_SIZE]) {
    int algorithm = (int)strcspn(digest, ":");
    snprintf(out, REGISTRY_REFERRERS_TAG_SIZE, "%.*s-%.64s", algorithm < 32 ? algorithm : 32, digest,
             digest + algorithm + 1);
    for (char *c = out; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr("._-", *c))
            *c = '-';
}

static json_t *take_descriptor(const json_t *entry) {
    const char *digest = json_string_value(json_object_get(entry, "digest"));
    const char *type = json_string_value(json_object_get(entry, "mediaType"));
    const char *artifact = json_string_value(json_object_get(entry, "artifactType"));
    json_int_t size = json_integer_value(json_object_get(entry, "size"));
    json_t *annotations = json_object_get(entry, "annotations"), *value;
    if (!registry_digest_is_valid(digest) || !type || size < 0)
        return NULL;
    json_t *kept = json_object();
    const char *name;
    json_object_foreach (annotations, name, value)
        if (json_is_string(value))
            json_object_set(kept, name, value);
    return json_pack("{s:s, s:s, s:I, s:s, s:o}", "digest", digest, "mediaType", type, "size", size,
                     "artifactType", artifact ? artifact : "", "annotations", kept);
}

int registry_referrers_parse(const char *text, size_t length, json_t *out, size_t most, holm_error **error) {
    json_t *root = json_loadb(text, length, 0, NULL);
    json_t *entries = json_object_get(root, "manifests"), *entry;
    bool valid = json_is_array(entries) || (json_is_object(root) && json_is_null(entries));
    size_t index;
    json_array_foreach (entries, index, entry) {
        json_t *taken = json_array_size(out) < most ? take_descriptor(entry) : NULL;
        if (taken)
            json_array_append_new(out, taken);
    }
    json_decref(root);
    if (!valid)
        holm_error_set(error, HOLM_ERROR_INTEGRITY, "the registry's list of referrers cannot be read");
    return valid ? 0 : -1;
}

char *registry_referrers_path(const registry *owner, const char *digest, const char *artifact_type) {
    if (!artifact_type)
        return path_format("/v2/%s/referrers/%s", owner->repository, digest);
    char *escaped = curl_easy_escape(NULL, artifact_type, 0);
    char *path =
        path_format("/v2/%s/referrers/%s?artifactType=%s", owner->repository, digest, escaped ? escaped : "");
    curl_free(escaped);
    return path;
}

void registry_referrers_cancel(registry_referrers *self) {
    if (!self)
        return;
    registry_list_cancel(self->list);
    registry_read_cancel(self->index);
    free(self->artifact_type);
    free(self);
}

// A registry need not filter, and the index under the tag is of all types.
static void finish(registry_referrers *self, const json_t *list, bool more, const holm_error *error) {
    json_t *wanted = json_array(), *entry;
    size_t index;
    json_array_foreach (list, index, entry) {
        const char *type = json_string_value(json_object_get(entry, "artifactType"));
        if (!self->artifact_type || strcmp(type, self->artifact_type) == 0)
            json_array_append(wanted, entry);
    }
    self->done(error ? NULL : wanted, more, error, self->data);
    json_decref(wanted);
    registry_referrers_cancel(self);
}

static void on_index(registry_fetch *fetch, const buffer *text, const holm_error *error, void *data) {
    registry_referrers *self = data;
    (void)fetch;
    self->index = NULL;
    bool absent = error && holm_error_code_of(error) == HOLM_ERROR_NOT_FOUND;
    json_t *list = json_array();
    if (!error) // what is no index stands for none, as the specification has it
        registry_referrers_parse(buffer_text(text), text->length, list, REGISTRY_REFERRERS_MAX, NULL);
    finish(self, list, false, absent ? NULL : error);
    json_decref(list);
}

static void on_list(const json_t *list, bool more, const holm_error *error, void *data) {
    registry_referrers *self = data;
    self->list = NULL;
    if (!error || holm_error_code_of(error) != HOLM_ERROR_NOT_FOUND) {
        finish(self, list, more, error);
        return;
    }
    const registry_request request = {.kind = REGISTRY_MANIFEST,
                                      .object = self->tag,
                                      .accept = REGISTRY_REFERRERS_ACCEPT,
                                      .most = REGISTRY_REFERRERS_SIZE_MAX};
    self->index = registry_read_start(self->owner, &request, on_index, self);
}

registry_referrers *registry_referrers_start(registry *owner, const char *digest, const char *artifact_type,
                                             registry_list_done done, void *data) {
    registry_referrers *self = calloc(1, sizeof *self);
    self->owner = owner;
    self->done = done;
    self->data = data;
    self->artifact_type = artifact_type ? strdup(artifact_type) : NULL;
    registry_referrers_tag(digest, self->tag);
    cleanup_free char *path = registry_referrers_path(owner, digest, artifact_type);
    self->list = registry_list_start(owner, path, REGISTRY_REFERRERS_SIZE_MAX, REGISTRY_REFERRERS_MAX,
                                     registry_referrers_parse, on_list, self);
    return self;
}
