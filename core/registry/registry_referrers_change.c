#include "core/registry/registry_referrers_change.h"

#include <string.h>

#include "core/base/path.h"
#include "core/registry/registry_exchange.h"
#include "core/registry/registry_internal.h"
#include "core/registry/registry_read.h"

struct registry_referrers_change {
    registry *owner;
    registry_read *index;
    registry_exchange *exchange;
    json_t *descriptor;
    bool remove;
    void (*done)(const holm_error *error, void *data);
    void *data;
    char tag[REGISTRY_REFERRERS_TAG_SIZE];
};

static json_t *read_index(const char *text, size_t length, holm_error **error) {
    if (!text)
        return json_pack("{s:i, s:s, s:[]}", "schemaVersion", 2, "mediaType", REGISTRY_INDEX_TYPE,
                         "manifests");
    json_t *root = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
    const json_t *type = json_object_get(root, "mediaType");
    bool index = !type || (json_is_string(type) && strcmp(json_string_value(type), REGISTRY_INDEX_TYPE) == 0);
    if (index && json_is_array(json_object_get(root, "manifests")))
        return root;
    json_decref(root);
    holm_error_set(error, HOLM_ERROR_INTEGRITY, "what stands under the tag for referrers is no index");
    return NULL;
}

static size_t find(const json_t *entries, const char *digest) {
    size_t at;
    json_t *entry;
    json_array_foreach (entries, at, entry) {
        const char *there = json_string_value(json_object_get(entry, "digest"));
        if (there && strcmp(there, digest) == 0)
            break;
    }
    return at;
}

int registry_referrers_edit(const char *text, size_t length, const json_t *descriptor, bool remove,
                            char **out, holm_error **error) {
    *out = NULL;
    json_t *root = read_index(text, length, error);
    if (!root)
        return -1;
    json_t *entries = json_object_get(root, "manifests");
    size_t at = find(entries, json_string_value(json_object_get(descriptor, "digest")));
    bool there = at < json_array_size(entries);
    if (there && remove)
        json_array_remove(entries, at);
    else if (!there && !remove)
        json_array_append_new(entries, json_deep_copy(descriptor));
    if (there == remove)
        *out = json_dumps(root, JSON_COMPACT);
    json_decref(root);
    if (!*out || strlen(*out) <= REGISTRY_REFERRERS_SIZE_MAX)
        return 0;
    free(steal_pointer(out));
    holm_error_set(error, HOLM_ERROR_LIMIT, "the list of referrers is longer than a registry takes");
    return -1;
}

void registry_referrers_change_cancel(registry_referrers_change *self) {
    if (!self)
        return;
    registry_read_cancel(self->index);
    registry_exchange_cancel(self->exchange);
    json_decref(self->descriptor);
    free(self);
}

static void finish(registry_referrers_change *self, holm_error *error) {
    holm_error_wrap(&error, "keep the list of referrers at %s", self->owner->host);
    self->done(error, self->data);
    holm_error_free(error);
    registry_referrers_change_cancel(self);
}

static void on_stored(const http_request *answer, const char *text, const holm_error *error, unsigned wait_ms,
                      void *data) {
    registry_referrers_change *self = data;
    holm_error *problem = holm_error_copy(error);
    (void)wait_ms;
    self->exchange = NULL;
    if (!error && http_request_status(answer) / 100 != 2)
        holm_error_set(&problem, HOLM_ERROR_UNAVAILABLE, "it answered %ld%s%s%s", http_request_status(answer),
                       text ? " (" : "", text ? text : "", text ? ")" : "");
    finish(self, problem);
}

static void store(registry_referrers_change *self, const char *index) {
    static const char *const headers[] = {"Content-Type: " REGISTRY_INDEX_TYPE, NULL};
    cleanup_free char *url =
        path_format("%s/v2/%s/manifests/%s", self->owner->base_url, self->owner->repository, self->tag);
    const http_content body = {.bytes = index, .fd = -1, .size = strlen(index)};
    const registry_exchange_options options = {
        .method = HTTP_PUT, .url = url, .headers = headers, .content = &body, .done = on_stored};
    self->exchange = registry_exchange_start(self->owner, &options, self);
}

static void on_index(registry_fetch *fetch, const buffer *text, const holm_error *error, void *data) {
    registry_referrers_change *self = data;
    (void)fetch;
    self->index = NULL;
    holm_error *problem = NULL;
    cleanup_free char *index = NULL;
    if (error && holm_error_code_of(error) != HOLM_ERROR_NOT_FOUND)
        problem = holm_error_copy(error);
    else
        registry_referrers_edit(text ? buffer_text(text) : NULL, text ? text->length : 0, self->descriptor,
                                self->remove, &index, &problem);
    if (index)
        store(self, index);
    else
        finish(self, problem);
}

registry_referrers_change *registry_referrers_change_start(registry *owner, const char *subject,
                                                           const json_t *descriptor, bool remove,
                                                           void (*done)(const holm_error *error, void *data),
                                                           void *data) {
    registry_referrers_change *self = calloc(1, sizeof *self);
    self->owner = owner;
    self->descriptor = json_deep_copy(descriptor);
    self->remove = remove;
    self->done = done;
    self->data = data;
    registry_referrers_tag(subject, self->tag);
    const registry_request request = {.kind = REGISTRY_MANIFEST,
                                      .object = self->tag,
                                      .accept = REGISTRY_REFERRERS_ACCEPT,
                                      .most = REGISTRY_REFERRERS_SIZE_MAX};
    self->index = registry_read_start(owner, &request, on_index, self);
    return self;
}
