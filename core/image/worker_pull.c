// Pulls and pushes as tasks.
#include <string.h>

#include "core/image/push.h"
#include "core/image/reference.h"
#include "core/image/worker_internal.h"

typedef struct pull_task {
    pull *pull;
    push *push; // instead
    worker_task *task;
    pull_status status;
    Holm__Image__V1__LayerProgress *layers, **layer_pointers; // as many as status.layer_capacity
} pull_task;

static void describe(worker_task *task, worker_progress *out) {
    pull_task *self = task->implementation;
    if (self->push)
        push_status_get(self->push, &self->status);
    else
        pull_status_get(self->pull, &self->status);
    size_t count = self->status.layer_capacity;
    self->layers = reallocarray(self->layers, count + 1, sizeof *self->layers);
    self->layer_pointers = reallocarray(self->layer_pointers, count + 1, sizeof *self->layer_pointers);
    if (!self->layers || !self->layer_pointers)
        abort();
    for (size_t i = 0; i < self->status.layer_count; i++) {
        const pull_layer_status *layer = &self->status.layers[i];
        holm__image__v1__layer_progress__init(&self->layers[i]);
        self->layers[i].digest = (char *)layer->digest;
        self->layers[i].phase = (char *)layer->phase;
        self->layers[i].bytes_done = layer->bytes_done;
        self->layers[i].bytes_total = layer->bytes_total;
        self->layer_pointers[i] = &self->layers[i];
    }
    out->phase = (char *)self->status.phase;
    out->n_layers = self->status.layer_count;
    out->layers = self->layer_pointers;
    out->bytes_done = self->status.bytes_done;
    out->bytes_total = self->status.bytes_total;
}

static void free_task(pull_task *self) {
    pull_status_finish(&self->status);
    free(self->layers);
    free(self->layer_pointers);
    free(self);
}

static void cancel(worker_task *task) {
    const pull_task *self = task->implementation;
    pull_cancel(self->pull);
}

static void on_changed(pull *source, void *data) {
    (void)source;
    const pull_task *self = data;
    if (self->task)
        worker_task_changed(self->task);
}

static void on_done(pull *source, const char *digest, const holm_error *error, void *data) {
    pull_task *self = data;
    self->task->note = pull_note(source) ? strdup(pull_note(source)) : NULL;
    worker_task_end(self->task, digest, error);
    free_task(self);
}

worker_task *worker_pull(worker *self, const Holm__Image__V1__PullRequest *request, holm_error **error) {
    static const worker_task_methods methods = {.describe = describe, .cancel = cancel};
    static const pull_events events = {.changed = on_changed, .done = on_done};
    cleanup_image_reference image_reference reference = {0};
    if (image_reference_parse(request->reference, NULL, &reference, error) < 0)
        return NULL;
    cleanup_free char *canonical = image_reference_canonical(&reference);
    cleanup_free char *key = path_format("pull %s %s %s %d", canonical, request->platform, request->scheme,
                                         request->all_platforms);
    worker_task *same = worker_task_find(self, key);
    if (same)
        return same;
    pull_options options = {.platform = request->platform,
                            .scheme = request->scheme,
                            .concurrency = request->concurrency,
                            .all_platforms = request->all_platforms};
    pull_task *made = calloc(1, sizeof *made);
    made->pull = pull_start(worker_engine(self), &reference, &options, &events, made, error);
    if (!made->pull) {
        free(made);
        return NULL;
    }
    made->task = worker_task_create(self, "pull", canonical, key, &methods, made);
    return made->task;
}

// ---- push ----

static void cancel_push(worker_task *task) {
    const pull_task *self = task->implementation;
    push_cancel(self->push);
}

static void on_push_changed(push *source, void *data) {
    (void)source;
    const pull_task *self = data;
    if (self->task)
        worker_task_changed(self->task);
}

static void on_push_done(push *source, const char *digest, const char *note, const holm_error *error,
                         void *data) {
    (void)source;
    pull_task *self = data;
    self->task->note = note ? strdup(note) : NULL;
    worker_task_end(self->task, digest, error);
    free_task(self);
}

worker_task *worker_push(worker *self, const Holm__Image__V1__PushRequest *request, holm_error **error) {
    static const worker_task_methods methods = {.describe = describe, .cancel = cancel_push};
    static const push_events events = {.changed = on_push_changed, .done = on_push_done};
    cleanup_image_reference image_reference reference = {0};
    if (image_reference_parse(request->reference, NULL, &reference, error) < 0)
        return NULL;
    cleanup_free char *canonical = image_reference_canonical(&reference);
    cleanup_free char *key = path_format("push %s %s %s %d", canonical, request->scheme, request->platform,
                                         request->all_platforms);
    worker_task *same = worker_task_find(self, key);
    if (same)
        return same;
    pull_task *made = calloc(1, sizeof *made);
    const push_options options = {
        .scheme = request->scheme, .platform = request->platform, .all_platforms = request->all_platforms};
    made->push = push_start(worker_engine(self), &reference, &options, &events, made, error);
    if (!made->push) {
        free(made);
        return NULL;
    }
    made->task = worker_task_create(self, "push", canonical, key, &methods, made);
    return made->task;
}
