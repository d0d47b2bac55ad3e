#include "core/image/remote_remove.h"

#include "core/base/path.h"
#include "core/image/manifest.h"
#include "core/image/referrer.h"
#include "core/registry/registry_exchange.h"
#include "core/registry/registry_read.h"
#include "core/registry/registry_referrers_change.h"

struct remote_remove {
    registry *owner;
    char *object;
    void (*done)(const char *digest, const holm_error *error, void *data);
    void *data;
    registry_read *read; // the manifest, then whether the registry lists referrers
    registry_exchange *exchange;
    registry_referrers_change *change;
    char digest[DIGEST_SIZE];
    json_t *descriptor; // as a referrer, or NULL
    char *subject;
};

void remote_remove_cancel(remote_remove *self) {
    if (!self)
        return;
    registry_read_cancel(self->read);
    registry_exchange_cancel(self->exchange);
    registry_referrers_change_cancel(self->change);
    json_decref(self->descriptor);
    free(self->subject);
    free(self->object);
    free(self);
}

// The error is taken over.
static void finish(remote_remove *self, holm_error *error) {
    self->done(error ? NULL : self->digest, error, self->data);
    holm_error_free(error);
    remote_remove_cancel(self);
}

static void on_changed(const holm_error *error, void *data) {
    remote_remove *self = data;
    self->change = NULL;
    finish(self, holm_error_copy(error));
}

static void on_list(registry_fetch *fetch, const buffer *text, const holm_error *error, void *data) {
    remote_remove *self = data;
    (void)fetch, (void)text;
    self->read = NULL;
    if (error && holm_error_code_of(error) == HOLM_ERROR_NOT_FOUND)
        self->change = registry_referrers_change_start(self->owner, self->subject, self->descriptor, true,
                                                       on_changed, self);
    else
        finish(self, holm_error_copy(error));
}

static void look_for_list(remote_remove *self) {
    cleanup_free char *path = registry_referrers_path(self->owner, self->subject, NULL);
    const registry_request request = {
        .kind = REGISTRY_PAGE, .object = path, .most = REGISTRY_REFERRERS_SIZE_MAX};
    self->read = registry_read_start(self->owner, &request, on_list, self);
}

static void set_refused(const remote_remove *self, const http_request *answer, const char *text,
                        holm_error **error) {
    bool tag = !registry_digest_is_valid(self->object);
    holm_error_set(error, HOLM_ERROR_UNSUPPORTED, "%s does not let %s be removed: it answered %ld%s%s%s",
                   registry_host(self->owner), tag ? "tags" : "manifests", http_request_status(answer),
                   text ? " (" : "", text ? text : "", text ? ")" : "");
    if (tag)
        holm_error_hint(error, "it may let the image go by its digest, with all its tags: @%s", self->digest);
    else
        holm_error_hint(error, "who runs the registry decides whether anything can be removed from it");
}

static void on_removed(const http_request *answer, const char *text, const holm_error *error,
                       unsigned wait_ms, void *data) {
    remote_remove *self = data;
    holm_error *problem = holm_error_copy(error);
    (void)wait_ms;
    self->exchange = NULL;
    long status = error ? 0 : http_request_status(answer);
    if (status == 400 || status == 405)
        set_refused(self, answer, text, &problem);
    else if (!error && status / 100 != 2)
        holm_error_set(&problem, status == 404 ? HOLM_ERROR_NOT_FOUND : HOLM_ERROR_UNAVAILABLE,
                       "%s answered %ld%s%s%s", registry_host(self->owner), status, text ? " (" : "",
                       text ? text : "", text ? ")" : "");
    if (!problem && self->descriptor && registry_digest_is_valid(self->object))
        look_for_list(self);
    else
        finish(self, problem);
}

static void on_manifest(registry_fetch *fetch, const buffer *text, const holm_error *error, void *data) {
    remote_remove *self = data;
    (void)fetch;
    self->read = NULL;
    holm_error *problem = holm_error_copy(error);
    if (!error) {
        digest_of(buffer_text(text), text->length, self->digest);
        self->descriptor =
            referrer_descriptor(buffer_text(text), text->length, self->digest, "", &self->subject);
        if (digest_is_valid(self->object) && strcmp(self->object, self->digest) != 0)
            holm_error_set(&problem, HOLM_ERROR_INTEGRITY, "%s has something else under this digest",
                           registry_host(self->owner));
    }
    if (problem) {
        finish(self, problem);
        return;
    }
    cleanup_free char *url = path_format("%s/v2/%s/manifests/%s", registry_base_url(self->owner),
                                         registry_repository(self->owner), self->object);
    const registry_exchange_options options = {.method = HTTP_DELETE, .url = url, .done = on_removed};
    self->exchange = registry_exchange_start(self->owner, &options, self);
}

remote_remove *remote_remove_start(registry *owner, const char *object,
                                   void (*done)(const char *digest, const holm_error *error, void *data),
                                   void *data) {
    remote_remove *self = calloc(1, sizeof *self);
    self->owner = owner;
    self->object = strdup(object);
    self->done = done;
    self->data = data;
    const registry_request request = {
        .kind = REGISTRY_MANIFEST, .object = object, .accept = MANIFEST_ACCEPT, .most = MANIFEST_SIZE_MAX};
    self->read = registry_read_start(owner, &request, on_manifest, self);
    return self;
}
