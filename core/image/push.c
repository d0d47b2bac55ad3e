#include "core/image/push.h"

#include <string.h>
#include <unistd.h>

#include "core/base/buffer.h"
#include "core/base/path.h"
#include "core/image/content.h"
#include "core/image/manifest.h"
#include "core/image/pull_internal.h"
#include "core/image/referrer.h"
#include "core/registry/registry_exchange.h"
#include "core/registry/registry_referrers_change.h"
#include "core/registry/registry_upload.h"
#include "core/store/state.h"

#define LOG_MODULE "image"
#include "core/base/log.h"

#define CONCURRENCY 3
#define ABORT_MS    3000 ///< how long the registry is waited for when a push ends before its time

typedef struct push_blob {
    push *owner;
    char digest[DIGEST_SIZE];
    uint64_t size, sent;
    const char *phase;
    char *source; // a repository of the same registry that may have it, or NULL
    int fd;       // while it is sent; -1: its bytes are not here
    registry_upload *upload;
} push_blob;

/// An index or a manifest; what others name comes before them.
typedef struct push_document {
    char digest[DIGEST_SIZE];
    char *media_type;
} push_document;

struct push {
    pull_engine *engine;
    uv_work_t work;
    uv_timer_t *end; // tells the end from the loop
    push_events events;
    void *data;
    char *canonical, *host, *repository, *object;
    char *platform; // "": none is asked for
    bool all_platforms;
    registry *registry;
    registry_exchange *exchange;
    registry_referrers_change *change; // of the list that the document which was sent belongs on
    int hold;                          // nothing is swept away meanwhile
    bool working, cancelled;
    unsigned aborting; // uploads that the registry is told to forget
    const char *phase;
    char digest[DIGEST_SIZE]; // of the whole
    char *note;
    push_document *documents;
    size_t document_count, document_next;
    buffer text;    // of the document that is sent
    buffer reduced; // the last one, where it is not in the store
    push_blob *blobs;
    size_t count, next, done;
    holm_error *error;
};

// ---- what there is to do, on one of uv's workers ----

static void take_parts(push *self, const content *all) {
    self->blobs = calloc(all->count, sizeof *self->blobs);
    self->documents = calloc(all->count, sizeof *self->documents);
    if (!self->blobs || !self->documents)
        abort();
    for (size_t i = 0; i < all->count; i++) {
        const content_part *part = &all->parts[i];
        if (part->document) {
            push_document *document = &self->documents[self->document_count++];
            memcpy(document->digest, part->digest, DIGEST_SIZE);
            document->media_type = strdup(part->media_type);
        } else {
            push_blob *blob = &self->blobs[self->count++];
            *blob = (push_blob){.owner = self, .size = part->size, .phase = "queued", .fd = -1};
            memcpy(blob->digest, part->digest, DIGEST_SIZE);
        }
    }
}

static int plan_image(push *self, const json_t *images, holm_error **error) {
    cleanup_content content all = {0};
    const json_t *image = manifest_document_choose(images, self->platform, self->canonical, error);
    const char *id = json_string_value(json_object_get(image, "id"));
    if (!image)
        return -1;
    if (!id || !digest_is_valid(id)) {
        holm_error_set(error, HOLM_ERROR_INTEGRITY, "%s has no digest in state.db", self->canonical);
        return -1;
    }
    if (content_gather(self->engine->blobs, id, &all, error) < 0)
        return -1;
    take_parts(self, &all);
    return 0;
}

static int plan_index(push *self, const json_t *images, const char *target, holm_error **error) {
    cleanup_content content all = {0};
    if (content_gather(self->engine->blobs, target, &all, error) < 0)
        return -1;
    if (all.index && !all.complete && !self->all_platforms) {
        const json_t *image = manifest_document_choose(images, "", self->canonical, error);
        const json_t *platform = json_object_get(json_object_get(image, "configuration"), "platform");
        self->note = path_format("not all platforms of %s are here: only the image for %s was pushed",
                                 self->canonical, json_string_value(platform));
        return plan_image(self, images, error);
    }
    take_parts(self, &all);
    if (all.complete)
        return 0;
    if (content_reduce_index(self->engine->blobs, &all, &self->reduced, error) < 0)
        return -1;
    self->note = path_format("not all platforms of %s are here: an index of those that are was pushed",
                             self->canonical);
    digest_of(self->reduced.data, self->reduced.length, self->documents[self->document_count - 1].digest);
    return 0;
}

// The repository of a name when it is one of this registry's and another than ours. The caller frees it.
static char *repository_of(const push *self, const char *name) {
    cleanup_image_reference image_reference reference = {0};
    if (!name || image_reference_parse(name, NULL, &reference, NULL) < 0 ||
        strcmp(reference.registry, self->host) != 0 || strcmp(reference.repository, self->repository) == 0)
        return NULL;
    return steal_pointer(&reference.repository);
}

static void take_source(push *self, const json_t *places, const json_t *document, const char *repository) {
    size_t index;
    json_t *layer;
    json_array_foreach (json_object_get(json_object_get(document, "status"), "layers"), index, layer) {
        const char *digest = json_string_value(json_object_get(layer, "digest"));
        const json_t *place = digest ? json_object_get(places, digest) : NULL;
        push_blob *blob = place ? &self->blobs[json_integer_value(place)] : NULL;
        if (blob && !blob->source)
            blob->source = strdup(repository);
    }
}

static void find_sources(push *self, state *database) {
    json_t *images = state_image_list(database, NULL), *places = json_object(), *image, *name;
    size_t index, at;
    for (size_t i = 0; i < self->count; i++)
        json_object_set_new(places, self->blobs[i].digest, json_integer((json_int_t)i));
    json_array_foreach (images, index, image)
        json_array_foreach (json_object_get(json_object_get(image, "configuration"), "references"), at,
                            name) {
            cleanup_free char *repository = repository_of(self, json_string_value(name));
            if (repository)
                take_source(self, places, image, repository);
        }
    json_decref(images);
    json_decref(places);
}

static void plan(uv_work_t *work) {
    push *self = work->data;
    holm_error **error = &self->error;
    cleanup_state state *database = state_open(self->engine->data_directory, error);
    if (!database)
        return;
    self->hold = blob_store_hold(self->engine->blobs, error);
    json_t *images = self->hold < 0 ? NULL : state_image_find(database, self->canonical, error);
    cleanup_free char *target = images ? state_reference_target(database, self->canonical, NULL) : NULL;
    if (!images)
        return;
    bool whole = target && digest_is_valid(target) && !*self->platform;
    if ((whole ? plan_index(self, images, target, error) : plan_image(self, images, error)) == 0) {
        memcpy(self->digest, self->documents[self->document_count - 1].digest, DIGEST_SIZE);
        find_sources(self, database);
    }
    json_decref(images);
}

// ---- the end ----

static void free_timer(uv_handle_t *handle) {
    free(handle);
}

static void push_free(push *self) {
    for (size_t i = 0; i < self->count; i++) {
        registry_upload_cancel(self->blobs[i].upload);
        if (self->blobs[i].fd >= 0)
            close(self->blobs[i].fd);
        free(self->blobs[i].source);
    }
    uv_close((uv_handle_t *)self->end, free_timer);
    registry_destroy(self->registry);
    if (self->hold >= 0)
        close(self->hold);
    for (size_t i = 0; i < self->document_count; i++)
        free(self->documents[i].media_type);
    free(self->documents);
    free(self->blobs);
    buffer_finish(&self->text);
    buffer_finish(&self->reduced);
    free(self->platform);
    holm_error_free(self->error);
    free(self->note);
    free(self->canonical);
    free(self->host);
    free(self->repository);
    free(self->object);
    free(self);
}

static void add_warnings(push *self) {
    const char *warnings = registry_warnings(self->registry);
    if (!warnings)
        return;
    char *both = self->note ? path_format("%s\n%s", self->note, warnings) : strdup(warnings);
    free(self->note);
    self->note = both;
}

static void on_end(uv_timer_t *timer) {
    push *self = timer->data;
    add_warnings(self);
    self->events.done(self, self->error ? NULL : self->digest, self->error ? NULL : self->note, self->error,
                      self->data);
    push_free(self);
}

static void on_aborted(void *data) {
    push_blob *blob = data;
    blob->upload = NULL;
    if (--blob->owner->aborting == 0)
        uv_timer_start(blob->owner->end, on_end, 0, 0);
}

// Nothing goes on; the error (NULL: none) is taken over, the first one counts.
static void end(push *self, holm_error *error) {
    if (self->error)
        holm_error_free(error);
    else
        self->error = error;
    for (size_t i = 0; i < self->count; i++) {
        push_blob *blob = &self->blobs[i];
        if (blob->upload && registry_upload_abort(blob->upload, on_aborted))
            self->aborting++;
        else
            blob->upload = NULL;
    }
    registry_exchange_cancel(steal_pointer(&self->exchange));
    registry_referrers_change_cancel(steal_pointer(&self->change));
    uv_timer_start(self->end, on_end, self->aborting ? ABORT_MS : 0, 0);
}

void push_cancel(push *self) {
    if (self->cancelled || self->error || uv_is_active((uv_handle_t *)self->end))
        return;
    self->cancelled = true;
    if (self->working)
        return; // the end of the work comes first
    holm_error *error = NULL;
    holm_error_set(&error, HOLM_ERROR_CANCELLED, "cancelled");
    end(self, error);
}

// ---- work ----

static void submit(push *self, uv_work_cb run, uv_after_work_cb after) {
    self->working = true;
    self->work.data = self;
    uv_queue_work(self->engine->loop, &self->work, run, after);
}

/// Whether to go on.
static bool worked(push *self) {
    self->working = false;
    if (self->cancelled) {
        holm_error_free(steal_pointer(&self->error));
        holm_error_set(&self->error, HOLM_ERROR_CANCELLED, "cancelled");
    }
    if (self->error)
        end(self, NULL);
    return !self->error;
}

// ---- manifests, each before those that name it ----

static void next_document(push *self);

static void document_sent(push *self, holm_error *problem) {
    holm_error_wrap(&problem, "push %s", self->canonical);
    if (problem || ++self->document_next == self->document_count)
        end(self, problem);
    else
        next_document(self);
}

static void on_listed(const holm_error *error, void *data) {
    push *self = data;
    self->change = NULL;
    document_sent(self, holm_error_copy(error));
}

// A registry that does not see for itself what a document refers to is helped. False: there is nothing to do.
static bool list_referrer(push *self, const http_request *answer) {
    const push_document *document = &self->documents[self->document_next];
    cleanup_free char *subject = NULL;
    if (http_request_header(answer, "OCI-Subject", 0))
        return false;
    json_t *descriptor = referrer_descriptor(buffer_text(&self->text), self->text.length, document->digest,
                                             document->media_type, &subject);
    if (descriptor)
        self->change =
            registry_referrers_change_start(self->registry, subject, descriptor, false, on_listed, self);
    json_decref(descriptor);
    return self->change != NULL;
}

static void on_manifest(const http_request *answer, const char *text, const holm_error *error,
                        unsigned wait_ms, void *data) {
    push *self = data;
    holm_error *problem = holm_error_copy(error);
    (void)wait_ms;
    self->exchange = NULL;
    const char *digest = error ? NULL : http_request_header(answer, "Docker-Content-Digest", 0);
    if (!error && http_request_status(answer) / 100 != 2)
        holm_error_set(&problem, HOLM_ERROR_UNAVAILABLE, "%s answered %ld to the manifest%s%s%s", self->host,
                       http_request_status(answer), text ? " (" : "", text ? text : "", text ? ")" : "");
    else if (digest && strcmp(digest, self->documents[self->document_next].digest) != 0)
        holm_error_set(&problem, HOLM_ERROR_INTEGRITY, "%s has stored another manifest than was sent",
                       self->host);
    if (problem || !list_referrer(self, answer))
        document_sent(self, problem);
}

static void send_manifest(push *self) {
    const push_document *document = &self->documents[self->document_next];
    bool last = self->document_next + 1 == self->document_count;
    cleanup_free char *url = path_format("%s/v2/%s/manifests/%s", registry_base_url(self->registry),
                                         self->repository, last ? self->object : document->digest);
    cleanup_free char *type = path_format("Content-Type: %s", document->media_type);
    const char *const headers[] = {type, NULL};
    const http_content body = {.bytes = self->text.data, .fd = -1, .size = self->text.length};
    const registry_exchange_options options = {
        .method = HTTP_PUT, .url = url, .headers = headers, .content = &body, .done = on_manifest};
    self->exchange = registry_exchange_start(self->registry, &options, self);
}

static void read_document(uv_work_t *work) {
    push *self = work->data;
    bool last = self->document_next + 1 == self->document_count;
    buffer_clear(&self->text);
    if (last && self->reduced.length > 0)
        buffer_append(&self->text, self->reduced.data, self->reduced.length);
    else
        blob_read(self->engine->blobs, self->documents[self->document_next].digest, MANIFEST_SIZE_MAX,
                  &self->text, &self->error);
}

static void document_read(uv_work_t *work, int status) {
    push *self = work->data;
    (void)status;
    if (worked(self))
        send_manifest(self);
}

static void next_document(push *self) {
    self->phase = "storing";
    submit(self, read_document, document_read);
}

// ---- blobs ----

static void start_blobs(push *self);

static void on_moved(uint64_t count, void *data) {
    push_blob *blob = data;
    blob->sent = count < blob->size ? count : blob->size;
    blob->owner->events.changed(blob->owner, blob->owner->data);
}

static void on_blob(bool there, const holm_error *error, void *data) {
    push_blob *blob = data;
    push *self = blob->owner;
    blob->upload = NULL;
    if (blob->fd >= 0)
        close(steal_fd(&blob->fd));
    if (error) {
        end(self, holm_error_copy(error));
        return;
    }
    blob->phase = there ? "exists" : "done";
    blob->sent = blob->size;
    self->done++;
    self->events.changed(self, self->data);
    if (self->done == self->count)
        next_document(self);
    else
        start_blobs(self);
}

static void start_blobs(push *self) {
    for (; self->next < self->count && self->next - self->done < CONCURRENCY; self->next++) {
        push_blob *blob = &self->blobs[self->next];
        uint64_t size;
        bool here = blob_exists(self->engine->blobs, blob->digest, &size) && size == blob->size;
        blob->fd = here ? blob_open(self->engine->blobs, blob->digest, NULL) : -1;
        const registry_upload_options options = {.digest = blob->digest,
                                                 .size = blob->size,
                                                 .fd = blob->fd,
                                                 .source = blob->source,
                                                 .moved = on_moved,
                                                 .done = on_blob};
        blob->phase = "uploading";
        blob->upload = registry_upload_start(self->registry, &options, blob);
    }
}

static void planned(uv_work_t *work, int status) {
    push *self = work->data;
    (void)status;
    if (!worked(self))
        return;
    for (size_t i = 0; i < self->count; i++)
        if (self->blobs[i].source)
            registry_add_source(self->registry, self->blobs[i].source);
    self->phase = "uploading";
    if (self->count == 0)
        next_document(self);
    else
        start_blobs(self);
}

push *push_start(pull_engine *engine, const image_reference *reference, const push_options *options,
                 const push_events *events, void *data, holm_error **error) {
    cleanup_manifest_platform manifest_platform platform = {0}; // only whether it is one
    if (manifest_platform_parse(options->platform, &platform, error) < 0)
        return NULL;
    registry *to =
        pull_engine_push_registry(engine, reference->registry, reference->repository, options->scheme, error);
    if (!to)
        return NULL;
    push *self = calloc(1, sizeof *self);
    self->registry = to;
    self->engine = engine;
    self->events = *events;
    self->data = data;
    self->platform = strdup(options->platform ? options->platform : "");
    self->all_platforms = options->all_platforms;
    self->canonical = image_reference_canonical(reference);
    self->host = strdup(reference->registry);
    self->repository = strdup(reference->repository);
    self->object = strdup(image_reference_object(reference));
    self->hold = -1;
    self->phase = "resolving";
    self->end = calloc(1, sizeof *self->end);
    uv_timer_init(engine->loop, self->end);
    self->end->data = self;
    submit(self, plan, planned);
    return self;
}

void push_status_get(const push *self, pull_status *out) {
    pull_status_reset(out, self->phase);
    for (size_t i = 0; strcmp(self->phase, "resolving") != 0 && i < self->count; i++) {
        const push_blob *blob = &self->blobs[i];
        out->bytes_done += blob->sent;
        out->bytes_total += blob->size;
        *pull_status_add(out) = (pull_layer_status){blob->digest, blob->phase, blob->sent, blob->size};
    }
}
