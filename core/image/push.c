#include "core/image/push.h"

#include <string.h>
#include <unistd.h>

#include "core/base/buffer.h"
#include "core/base/path.h"
#include "core/image/manifest.h"
#include "core/image/pull_internal.h"
#include "core/registry/registry_exchange.h"
#include "core/registry/registry_upload.h"
#include "core/store/state.h"

#define LOG_MODULE "image"
#include "core/base/log.h"

#define BLOBS_MAX   (MANIFEST_LAYERS_MAX + 1) ///< and the configuration
#define CONCURRENCY 3

typedef struct push_blob {
    push *owner;
    char digest[DIGEST_SIZE];
    uint64_t size, sent;
    const char *phase;
    char *source; // a repository of the same registry that may have it, or NULL
    int fd;       // -1: its bytes are not here
    registry_upload *upload;
} push_blob;

struct push {
    pull_engine *engine;
    uv_work_t work;
    uv_timer_t *end; // tells the end from the loop
    push_events events;
    void *data;
    char *canonical, *host, *repository, *object;
    registry *registry;
    registry_exchange *exchange;
    int hold; // nothing is swept away meanwhile
    bool working, cancelled;
    const char *phase;
    char digest[DIGEST_SIZE];
    buffer text; // the manifest
    char *media_type;
    push_blob blobs[BLOBS_MAX];
    size_t count, next, done;
    holm_error *error;
};

// ---- what there is to do, on one of uv's workers ----

static void add_blob(push *self, const manifest_descriptor *descriptor) {
    for (size_t i = 0; i < self->count; i++)
        if (strcmp(self->blobs[i].digest, descriptor->digest) == 0)
            return;
    push_blob *blob = &self->blobs[self->count++];
    *blob = (push_blob){.owner = self, .size = descriptor->size, .phase = "queued"};
    memcpy(blob->digest, descriptor->digest, DIGEST_SIZE);
    uint64_t size;
    bool here = blob_exists(self->engine->blobs, blob->digest, &size) && size == blob->size;
    blob->fd = here ? blob_open(self->engine->blobs, blob->digest, NULL) : -1;
}

static int read_manifest(push *self, holm_error **error) {
    cleanup_manifest manifest image = {0};
    if (blob_read(self->engine->blobs, self->digest, MANIFEST_SIZE_MAX, &self->text, error) < 0 ||
        manifest_parse(self->text.data, self->text.length, NULL, &image, error) < 0)
        return -1;
    if (image.index || image.layer_count > MANIFEST_LAYERS_MAX) {
        holm_error_set(error, HOLM_ERROR_INTEGRITY, "the manifest is none of an image");
        return -1;
    }
    self->media_type = strdup(image.media_type);
    for (size_t i = 0; i < image.layer_count; i++)
        add_blob(self, &image.layers[i]);
    add_blob(self, &image.config);
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

static void take_source(push *self, const json_t *document, const char *repository) {
    size_t index;
    json_t *layer;
    json_array_foreach (json_object_get(json_object_get(document, "status"), "layers"), index, layer) {
        const char *digest = json_string_value(json_object_get(layer, "digest"));
        for (size_t i = 0; digest && i < self->count; i++)
            if (!self->blobs[i].source && strcmp(self->blobs[i].digest, digest) == 0)
                self->blobs[i].source = strdup(repository);
    }
}

static void find_sources(push *self, state *database) {
    json_t *images = state_image_list(database, NULL), *image, *name;
    size_t index, at;
    json_array_foreach (images, index, image)
        json_array_foreach (json_object_get(json_object_get(image, "configuration"), "references"), at,
                            name) {
            cleanup_free char *repository = repository_of(self, json_string_value(name));
            if (repository)
                take_source(self, image, repository);
        }
    json_decref(images);
}

static void plan(uv_work_t *work) {
    push *self = work->data;
    holm_error **error = &self->error;
    cleanup_state state *database = state_open(self->engine->data_directory, error);
    if (!database)
        return;
    self->hold = blob_store_hold(self->engine->blobs, error);
    json_t *document = self->hold < 0 ? NULL : state_image_get(database, self->canonical, error);
    const char *id = json_string_value(json_object_get(document, "id"));
    if (id && digest_is_valid(id)) {
        memcpy(self->digest, id, DIGEST_SIZE);
        if (read_manifest(self, error) == 0)
            find_sources(self, database);
    } else if (document) {
        holm_error_set(error, HOLM_ERROR_INTEGRITY, "%s has no digest in state.db", self->canonical);
    }
    json_decref(document);
}

// ---- the end ----

static void free_timer(uv_handle_t *handle) {
    free(handle);
}

static void push_free(push *self) {
    for (size_t i = 0; i < self->count; i++) {
        if (self->blobs[i].fd >= 0)
            close(self->blobs[i].fd);
        free(self->blobs[i].source);
    }
    uv_close((uv_handle_t *)self->end, free_timer);
    registry_destroy(self->registry);
    if (self->hold >= 0)
        close(self->hold);
    buffer_finish(&self->text);
    holm_error_free(self->error);
    free(self->media_type);
    free(self->canonical);
    free(self->host);
    free(self->repository);
    free(self->object);
    free(self);
}

static void on_end(uv_timer_t *timer) {
    push *self = timer->data;
    self->events.done(self, self->error ? NULL : self->digest, self->error, self->data);
    push_free(self);
}

// Nothing goes on; the error (NULL: none) is taken over, the first one counts.
static void end(push *self, holm_error *error) {
    if (self->error)
        holm_error_free(error);
    else
        self->error = error;
    for (size_t i = 0; i < self->count; i++)
        registry_upload_cancel(steal_pointer(&self->blobs[i].upload));
    registry_exchange_cancel(steal_pointer(&self->exchange));
    uv_timer_start(self->end, on_end, 0, 0);
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

// ---- the manifest ----

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
    else if (digest && strcmp(digest, self->digest) != 0)
        holm_error_set(&problem, HOLM_ERROR_INTEGRITY, "%s has stored another manifest than was sent",
                       self->host);
    holm_error_wrap(&problem, "push %s", self->canonical);
    end(self, problem);
}

static void send_manifest(push *self) {
    self->phase = "storing";
    cleanup_free char *url = path_format("%s/v2/%s/manifests/%s", registry_base_url(self->registry),
                                         self->repository, self->object);
    cleanup_free char *type = path_format("Content-Type: %s", self->media_type);
    const char *const headers[] = {type, NULL};
    const http_content content = {.bytes = self->text.data, .fd = -1, .size = self->text.length};
    const registry_exchange_options options = {
        .method = HTTP_PUT, .url = url, .headers = headers, .content = &content, .done = on_manifest};
    self->exchange = registry_exchange_start(self->registry, &options, self);
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
    if (error) {
        end(self, holm_error_copy(error));
        return;
    }
    blob->phase = there ? "exists" : "done";
    blob->sent = blob->size;
    self->done++;
    self->events.changed(self, self->data);
    if (self->done == self->count)
        send_manifest(self);
    else
        start_blobs(self);
}

static void start_blobs(push *self) {
    for (; self->next < self->count && self->next - self->done < CONCURRENCY; self->next++) {
        push_blob *blob = &self->blobs[self->next];
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
    self->working = false;
    if (self->cancelled) {
        holm_error_free(steal_pointer(&self->error));
        holm_error_set(&self->error, HOLM_ERROR_CANCELLED, "cancelled");
    }
    if (self->error) {
        end(self, NULL);
        return;
    }
    for (size_t i = 0; i < self->count; i++)
        if (self->blobs[i].source)
            registry_add_source(self->registry, self->blobs[i].source);
    self->phase = "uploading";
    start_blobs(self);
}

push *push_start(pull_engine *engine, const image_reference *reference, const char *scheme,
                 const push_events *events, void *data, holm_error **error) {
    registry *to =
        pull_engine_push_registry(engine, reference->registry, reference->repository, scheme, error);
    if (!to)
        return NULL;
    push *self = calloc(1, sizeof *self);
    self->registry = to;
    self->engine = engine;
    self->events = *events;
    self->data = data;
    self->canonical = image_reference_canonical(reference);
    self->host = strdup(reference->registry);
    self->repository = strdup(reference->repository);
    self->object = strdup(image_reference_object(reference));
    self->hold = -1;
    self->phase = "resolving";
    self->end = calloc(1, sizeof *self->end);
    uv_timer_init(engine->loop, self->end);
    self->end->data = self;
    self->working = true;
    self->work.data = self;
    uv_queue_work(engine->loop, &self->work, plan, planned);
    return self;
}

void push_status_get(const push *self, pull_status *out) {
    memset(out, 0, sizeof *out);
    out->phase = self->phase;
    for (size_t i = 0; !self->working && i < self->count; i++) {
        const push_blob *blob = &self->blobs[i];
        out->bytes_done += blob->sent;
        out->bytes_total += blob->size;
        if (out->layer_count < sizeof out->layers / sizeof *out->layers)
            out->layers[out->layer_count++] =
                (pull_layer_status){blob->digest, blob->phase, blob->sent, blob->size};
    }
}
