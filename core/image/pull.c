#include "core/image/pull.h"

#include <string.h>

#include "core/base/fault.h"
#include "core/base/path.h"
#include "core/image/pull_task.h"

#define LOG_MODULE "pull"
#include "core/base/log.h"

static void step(uv_idle_t *idle);

// ---- going away ----

static void after_close(uv_handle_t *handle) {
    pull *self = handle->data;
    image_reference_finish(&self->reference);
    manifest_platform_finish(&self->platform);
    pull_forget(self);
    buffer_finish(&self->fetched);
    holm_error_free(self->error);
    free(self->layers);
    free(self->canonical);
    free(self->note);
    free(self->scheme);
    free(self);
}

static void release_layers(pull *self) {
    for (size_t i = self->layer_count; i-- > 0;)
        pull_layer_release(self->layers[i], self);
    self->layer_count = 0;
}

// The end, from the loop and with nothing under way.
static void finish(pull *self) {
    registry_fetch_cancel(steal_pointer(&self->fetch));
    release_layers(self);
    const char *warnings = registry_warnings(self->source->registry);
    self->note = warnings ? strdup(warnings) : NULL;
    pull_source_drop(steal_pointer(&self->source));
    if (self->hold >= 0)
        close(steal_fd(&self->hold));
    self->engine->pulls--;
    if (self->error)
        holm_error_wrap(&self->error, "pull %s", self->canonical);
    self->events.done(self, self->error ? NULL : self->target, self->error, self->data);
    uv_close((uv_handle_t *)&self->idle, after_close);
}

void pull_wake(pull *self) {
    if (!uv_is_closing((uv_handle_t *)&self->idle))
        uv_idle_start(&self->idle, step);
}

void pull_fail(pull *self, holm_error *error) {
    if (self->error)
        holm_error_free(error);
    else
        self->error = error;
    pull_wake(self);
}

void pull_set_phase(pull *self, const char *phase) {
    self->phase = phase;
    if (self->events.changed)
        self->events.changed(self, self->data);
}

static void after_work(uv_work_t *work, int status) {
    (void)status;
    pull *self = work->data;
    self->working = false;
    pull_wake(self);
}

void pull_submit(pull *self, uv_work_cb run, void (*then)(pull *self)) {
    self->working = true;
    self->then = then;
    self->work.data = self;
    uv_queue_work(self->engine->loop, &self->work, run, after_work);
}

// ---- layers ----

void pull_on_layer_changed(pull_layer *layer, void *data) {
    (void)layer;
    pull *self = data;
    if (self->events.changed)
        self->events.changed(self, self->data);
    pull_wake(self);
}

void pull_add_layer(pull *self, pull_layer *layer) {
    if (self->layer_count == self->layer_capacity) {
        self->layer_capacity = self->layer_capacity ? 2 * self->layer_capacity : 16;
        self->layers = reallocarray(self->layers, self->layer_capacity, sizeof *self->layers);
        if (!self->layers)
            abort();
    }
    self->layers[self->layer_count++] = layer;
}

// All done: true. One failed: the pull has.
static bool layers_are_done(pull *self) {
    bool done = true, moving = false;
    for (size_t i = 0; i < self->layer_count; i++) {
        pull_layer_phase phase = pull_layer_phase_of(self->layers[i]);
        if (phase == PULL_LAYER_FAILED) {
            pull_blame_place(self, pull_layer_error(self->layers[i]));
            return false;
        }
        done = done && pull_layer_is_done(self->layers[i]);
        moving = moving || phase == PULL_LAYER_DOWNLOADING || phase == PULL_LAYER_RETRYING ||
                 phase == PULL_LAYER_QUEUED;
    }
    if (self->layer_count > 0)
        self->phase = moving || !self->resolved ? "downloading" : "unpacking";
    return done;
}

// ---- the steps ----

static void run_begin(uv_work_t *work) {
    pull *self = work->data;
    self->hold = blob_store_hold(self->engine->blobs, &self->error);
}

static void begin(pull *self) {
    fault_point("pull.started");
    pull_set_phase(self, "resolving");
    pull_resolve(self);
}

// From the beginning, at the next place: false when this was the last one, or the place is not to blame.
static bool go_on_elsewhere(pull *self, const holm_error *why) {
    holm_error_code code = holm_error_code_of(why);
    if (code == HOLM_ERROR_CANCELLED || code == HOLM_ERROR_NO_SPACE || self->cancelled)
        return false;
    registry *next = pull_engine_place(self->engine, &self->reference, self->scheme, self->place + 1, NULL);
    if (!next)
        return false;
    log_info("%s: %s; going on at %s", self->canonical, holm_error_message(why), registry_base_url(next));
    registry_fetch_cancel(steal_pointer(&self->fetch));
    release_layers(self);
    pull_source_drop(self->source);
    self->place++;
    self->source = calloc(1, sizeof *self->source);
    *self->source = (pull_source){.registry = next, .references = 1};
    pull_forget(self);
    self->then = begin;
    pull_wake(self);
    return true;
}

void pull_blame_place(pull *self, const holm_error *why) {
    if (!go_on_elsewhere(self, why))
        pull_fail(self, holm_error_copy(why));
}

static void stored(pull *self) {
    finish(self);
}

static void step(uv_idle_t *idle) {
    pull *self = idle->data;
    uv_idle_stop(idle);
    if (self->working)
        return;
    if (!self->error && self->cancelled)
        holm_error_set(&self->error, HOLM_ERROR_CANCELLED, "cancelled");
    if (self->error) {
        finish(self);
    } else if (self->then) {
        void (*then)(pull *) = self->then;
        self->then = NULL;
        then(self);
    } else if (layers_are_done(self) && self->resolved) {
        pull_set_phase(self, "storing");
        pull_submit(self, pull_run_store, stored);
    }
}

pull *pull_start(pull_engine *engine, const image_reference *reference, const pull_options *options,
                 const pull_events *events, void *data, holm_error **error) {
    manifest_platform platform;
    if (manifest_platform_parse(options->platform, &platform, error) < 0)
        return NULL;
    registry *from = pull_engine_place(engine, reference, options->scheme, 0, error);
    if (!from) {
        manifest_platform_finish(&platform);
        return NULL;
    }
    pull *self = calloc(1, sizeof *self);
    self->engine = engine;
    self->events = *events;
    self->data = data;
    self->platform = platform;
    self->platform_given = options->platform && *options->platform;
    self->canonical = image_reference_canonical(reference);
    self->reference = (image_reference){
        .registry = strdup(reference->registry),
        .repository = strdup(reference->repository),
        .tag = reference->tag ? strdup(reference->tag) : NULL,
        .digest = reference->digest ? strdup(reference->digest) : NULL,
    };
    self->source = calloc(1, sizeof *self->source);
    *self->source = (pull_source){.registry = from, .references = 1};
    self->blobs = options->blobs || options->all_platforms;
    self->any_platform = options->any_platform;
    self->all_platforms = options->all_platforms;
    if (options->manifest)
        memcpy(self->wanted, options->manifest, DIGEST_SIZE);
    self->scheme = options->scheme ? strdup(options->scheme) : NULL;
    self->phase = "starting";
    self->hold = -1;
    uv_idle_init(engine->loop, &self->idle);
    self->idle.data = self;
    engine->pulls++;
    unsigned wanted = options->concurrency ? options->concurrency : PULL_CONCURRENCY;
    if (wanted > PULL_CONCURRENCY_MAX)
        wanted = PULL_CONCURRENCY_MAX;
    if (engine->pulls == 1 || wanted > engine->slots)
        engine->slots = wanted;
    pull_submit(self, run_begin, begin);
    return self;
}

const char *pull_note(const pull *self) {
    return self->note;
}

void pull_cancel(pull *self) {
    self->cancelled = true;
    pull_wake(self);
}

// ---- what is told ----

void pull_status_reset(pull_status *self, const char *phase) {
    self->phase = phase;
    self->layer_count = 0;
    self->bytes_done = self->bytes_total = 0;
}

pull_layer_status *pull_status_add(pull_status *self) {
    if (self->layer_count == self->layer_capacity) {
        self->layer_capacity = self->layer_capacity ? 2 * self->layer_capacity : 16;
        self->layers = reallocarray(self->layers, self->layer_capacity, sizeof *self->layers);
        if (!self->layers)
            abort();
    }
    return &self->layers[self->layer_count++];
}

void pull_status_finish(pull_status *self) {
    free(self->layers);
    *self = (pull_status){0};
}

void pull_status_get(const pull *self, pull_status *out) {
    pull_status_reset(out, self->phase);
    for (size_t i = 0; i < self->layer_count; i++) {
        pull_layer_status *layer = pull_status_add(out);
        pull_layer_status_get(self->layers[i], layer);
        out->bytes_done += layer->bytes_done;
        out->bytes_total += layer->bytes_total;
    }
}
