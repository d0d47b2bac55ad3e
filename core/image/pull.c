#include "core/image/pull.h"

#include <string.h>

#include "core/base/fault.h"
#include "core/base/path.h"
#include "core/image/pull_internal.h"
#include "core/store/state.h"

#define LOG_MODULE "pull"
#include "core/base/log.h"

struct pull {
    pull_engine *engine;
    pull_source *source;
    size_t place; // of pull_engine_place
    char *scheme;
    pull_events events;
    void *data;
    image_reference reference;
    char *canonical;
    manifest_platform platform;
    bool platform_given, any_platform, blobs;
    const char *phase;
    uv_idle_t idle; // runs step() from the loop, once something has changed
    uv_work_t work;
    bool working, cancelled;
    int hold; // keeps sweeping away
    holm_error *error;
    // resolving
    registry_fetch *fetch;
    buffer fetched;
    unsigned index_depth;
    char id[DIGEST_SIZE];     // of the image's manifest
    char wanted[DIGEST_SIZE]; // "": what the tag names
    manifest image;
    buffer manifest_bytes, config_bytes;
    manifest_config config;
    // the layers, lowest first
    pull_layer *layers[MANIFEST_LAYERS_MAX];
    size_t layer_count;
};

static void step(uv_idle_t *idle);

// ---- going away ----

static void after_close(uv_handle_t *handle) {
    pull *self = handle->data;
    image_reference_finish(&self->reference);
    manifest_platform_finish(&self->platform);
    manifest_finish(&self->image);
    manifest_config_finish(&self->config);
    buffer_finish(&self->fetched);
    buffer_finish(&self->manifest_bytes);
    buffer_finish(&self->config_bytes);
    holm_error_free(self->error);
    free(self->canonical);
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
    pull_source_drop(steal_pointer(&self->source));
    if (self->hold >= 0)
        close(steal_fd(&self->hold));
    self->engine->pulls--;
    if (self->error)
        holm_error_wrap(&self->error, "pull %s", self->canonical);
    self->events.done(self, self->error ? NULL : self->id, self->error, self->data);
    uv_close((uv_handle_t *)&self->idle, after_close);
}

static void wake(pull *self) {
    if (!uv_is_closing((uv_handle_t *)&self->idle))
        uv_idle_start(&self->idle, step);
}

// The error (taken over) ends the pull, soon and from the loop.
static void fail(pull *self, holm_error *error) {
    if (self->error)
        holm_error_free(error);
    else
        self->error = error;
    wake(self);
}

static void set_phase(pull *self, const char *phase) {
    self->phase = phase;
    if (self->events.changed)
        self->events.changed(self, self->data);
}

static void after_work(uv_work_t *work, int status) {
    (void)status;
    pull *self = work->data;
    self->working = false;
    wake(self);
}

static void submit(pull *self, uv_work_cb run) {
    self->working = true;
    self->work.data = self;
    uv_queue_work(self->engine->loop, &self->work, run, after_work);
}

// ---- storing: the last step, on a worker ----

static json_t *make_document(const pull *self) {
    manifest_layer_result unpacked[MANIFEST_LAYERS_MAX];
    for (size_t i = 0; i < self->layer_count; i++)
        unpacked[i].file = pull_layer_file(self->layers[i], &unpacked[i].unpacked_bytes);
    return manifest_document(self->id, &self->image, &self->config, self->image.config.digest, unpacked);
}

static int put_image(const pull *self, const json_t *document, holm_error **error) {
    cleanup_state state *database = state_open(self->engine->data_directory, error);
    if (!database || state_begin(database, error) < 0)
        return -1;
    bool put = state_image_put(database, self->canonical, document, error) == 0 &&
               state_event_add(database, "image", "pull", self->id, self->canonical, NULL, error) == 0;
    if (state_end(database, put, put ? error : NULL) < 0 || !put)
        return -1;
    fault_point("pull.row-written");
    return state_image_index_write(database, self->engine->data_directory, error);
}

static int store(const pull *self, holm_error **error) {
    blob_store *blobs = self->engine->blobs;
    if (blob_put(blobs, self->config_bytes.data, self->config_bytes.length, NULL, error) < 0 ||
        blob_put(blobs, self->manifest_bytes.data, self->manifest_bytes.length, NULL, error) < 0)
        return -1;
    fault_point("pull.documents-written");
    json_t *document = make_document(self);
    int result = put_image(self, document, error);
    json_decref(document);
    return result;
}

static void run_store(uv_work_t *work) {
    pull *self = work->data;
    store(self, &self->error);
}

// ---- layers ----

static bool go_on_elsewhere(pull *self, const holm_error *why);

static void on_layer_changed(pull_layer *layer, void *data) {
    (void)layer;
    pull *self = data;
    if (self->events.changed)
        self->events.changed(self, self->data);
    wake(self);
}

static void chain_of(const char *parent, const char *diff_id, char out[DIGEST_SIZE]) {
    // OCI image specification, config.md "Layer ChainID".
    if (!parent) {
        memcpy(out, diff_id, DIGEST_SIZE);
        return;
    }
    char text[2 * DIGEST_SIZE];
    snprintf(text, sizeof text, "%s %s", parent, diff_id);
    digest_of(text, strlen(text), out);
}

static void start_layers(pull *self) {
    char chains[2][DIGEST_SIZE];
    const char *parent = NULL;
    set_phase(self, "downloading");
    for (size_t i = 0; i < self->image.layer_count; i++) {
        char *chain = chains[i % 2];
        chain_of(parent, self->config.diff_ids[i], chain);
        self->layers[i] = pull_layer_acquire(
            self->engine, self->source, &self->image.layers[i], self->config.diff_ids[i], chain,
            i > 0 ? self->layers[i - 1] : NULL, self->blobs, on_layer_changed, self);
        self->layer_count++;
        parent = chain;
    }
}

// All done: true. One failed: the pull has.
static bool layers_are_done(pull *self) {
    bool done = true, moving = false;
    for (size_t i = 0; i < self->layer_count; i++) {
        pull_layer_phase phase = pull_layer_phase_of(self->layers[i]);
        if (phase == PULL_LAYER_FAILED) {
            const holm_error *why = pull_layer_error(self->layers[i]);
            if (!go_on_elsewhere(self, why))
                fail(self, holm_error_copy(why));
            return false;
        }
        done = done && pull_layer_is_done(self->layers[i]);
        moving = moving || phase == PULL_LAYER_DOWNLOADING || phase == PULL_LAYER_RETRYING ||
                 phase == PULL_LAYER_QUEUED;
    }
    self->phase = moving ? "downloading" : "unpacking";
    return done;
}

// ---- resolving ----

static void on_fetch_body(registry_fetch *fetch, const void *bytes, size_t length, void *data) {
    (void)fetch;
    pull *self = data;
    buffer_append(&self->fetched, bytes, length);
}

static holm_error *check_digest(const pull *self, const char *expected, char found[DIGEST_SIZE]) {
    holm_error *error = NULL;
    digest_of(self->fetched.data, self->fetched.length, found);
    if (expected && strcmp(found, expected) != 0)
        holm_error_set(&error, HOLM_ERROR_INTEGRITY,
                       "the registry sent something else than %.19s (its digest is %.19s)", expected, found);
    return error;
}

static void start_fetch(pull *self, registry_kind kind, const char *object, uint64_t size, uint64_t most,
                        void (*done)(registry_fetch *, const char *, const holm_error *, void *)) {
    registry_events events = {.body = on_fetch_body, .done = done};
    registry_request request = {
        .kind = kind, .object = object, .accept = MANIFEST_ACCEPT, .size = size, .most = most};
    buffer_clear(&self->fetched);
    self->fetch = registry_fetch_start(self->source->registry, &request, &events, self);
}

static holm_error *check_config(pull *self) {
    holm_error *error = NULL;
    if (manifest_config_parse(self->config_bytes.data, self->config_bytes.length, &self->config, &error) < 0)
        return error;
    manifest_platform *platform = &self->config.platform;
    bool named = platform->os[0] && platform->architecture[0];
    if (self->config.diff_id_count != self->image.layer_count) {
        holm_error_set(&error, HOLM_ERROR_INTEGRITY, "the image has %zu layers, and %zu in its configuration",
                       self->image.layer_count, self->config.diff_id_count);
    } else if (named && !self->any_platform && !manifest_platform_matches(&self->platform, platform)) {
        cleanup_free char *wanted = manifest_platform_text(&self->platform);
        cleanup_free char *there = manifest_platform_text(platform);
        holm_error_set(&error, HOLM_ERROR_NOT_FOUND, "the image is for %s, not for %s", there, wanted);
        if (!self->platform_given)
            holm_error_hint(&error, "--platform %s brings it all the same", there);
    }
    return error;
}

static void on_config(registry_fetch *fetch, const char *type, const holm_error *error, void *data) {
    (void)fetch;
    (void)type;
    pull *self = data;
    self->fetch = NULL;
    char found[DIGEST_SIZE];
    holm_error *problem =
        error ? holm_error_copy(error) : check_digest(self, self->image.config.digest, found);
    if (!problem) {
        self->config_bytes = self->fetched;
        self->fetched = BUFFER_INIT;
        problem = check_config(self);
    }
    if (problem) {
        if (!go_on_elsewhere(self, problem))
            fail(self, holm_error_copy(problem));
        holm_error_free(problem);
        return;
    }
    fault_point("pull.config-fetched");
    start_layers(self);
    wake(self);
}

static void on_manifest(registry_fetch *fetch, const char *type, const holm_error *error, void *data);

// The bytes in self->fetched are a manifest or an index.
static holm_error *take_manifest(pull *self, const char *type) {
    holm_error *error = NULL;
    cleanup_manifest manifest parsed = {0};
    if (manifest_parse(self->fetched.data, self->fetched.length, type, &parsed, &error) < 0)
        return error;
    if (!parsed.index) {
        self->image = parsed;
        parsed = (manifest){0};
        self->manifest_bytes = self->fetched;
        self->fetched = BUFFER_INIT;
        fault_point("pull.manifest-fetched");
        start_fetch(self, REGISTRY_BLOB, self->image.config.digest, self->image.config.size,
                    MANIFEST_CONFIG_SIZE_MAX, on_config);
        return NULL;
    }
    if (++self->index_depth > MANIFEST_INDEX_DEPTH_MAX) {
        holm_error_set(&error, HOLM_ERROR_LIMIT, "the index names indexes more than %d deep",
                       MANIFEST_INDEX_DEPTH_MAX);
        return error;
    }
    const manifest_index_entry *entry = manifest_index_choose(&parsed, &self->platform, &error);
    if (!entry)
        return error;
    memcpy(self->id, entry->descriptor.digest, DIGEST_SIZE);
    start_fetch(self, REGISTRY_MANIFEST, self->id, 0, MANIFEST_SIZE_MAX, on_manifest);
    return NULL;
}

static void on_manifest(registry_fetch *fetch, const char *type, const holm_error *error, void *data) {
    (void)fetch;
    pull *self = data;
    self->fetch = NULL;
    char found[DIGEST_SIZE];
    // What the server says in Docker-Content-Digest proves nothing: the bytes do.
    holm_error *problem =
        error ? holm_error_copy(error) : check_digest(self, self->id[0] ? self->id : NULL, found);
    if (!problem) {
        memcpy(self->id, found, DIGEST_SIZE);
        problem = take_manifest(self, type);
    }
    if (problem && !go_on_elsewhere(self, problem))
        fail(self, holm_error_copy(problem));
    holm_error_free(problem);
}

// ---- the steps ----

static void run_begin(uv_work_t *work) {
    pull *self = work->data;
    self->hold = blob_store_hold(self->engine->blobs, &self->error);
}

static void resolve(pull *self) {
    fault_point("pull.started");
    if (self->reference.digest && !self->id[0])
        memcpy(self->id, self->reference.digest, DIGEST_SIZE);
    start_fetch(self, REGISTRY_MANIFEST, self->id[0] ? self->id : self->reference.tag, 0, MANIFEST_SIZE_MAX,
                on_manifest);
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
    release_layers(self);
    pull_source_drop(self->source);
    self->place++;
    self->source = calloc(1, sizeof *self->source);
    *self->source = (pull_source){.registry = next, .references = 1};
    manifest_finish(&self->image);
    manifest_config_finish(&self->config);
    buffer_clear(&self->manifest_bytes);
    buffer_clear(&self->config_bytes);
    memcpy(self->id, self->wanted, DIGEST_SIZE);
    self->index_depth = 0;
    self->phase = "starting";
    wake(self);
    return true;
}

static void step(uv_idle_t *idle) {
    pull *self = idle->data;
    uv_idle_stop(idle);
    if (self->working)
        return;
    if (!self->error && self->cancelled)
        holm_error_set(&self->error, HOLM_ERROR_CANCELLED, "cancelled");
    if (self->error || strcmp(self->phase, "storing") == 0) {
        finish(self);
    } else if (strcmp(self->phase, "starting") == 0) {
        set_phase(self, "resolving");
        resolve(self);
    } else if (self->config.document && layers_are_done(self)) {
        set_phase(self, "storing");
        submit(self, run_store);
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
    self->blobs = options->blobs;
    self->any_platform = options->any_platform;
    if (options->manifest)
        memcpy(self->wanted, options->manifest, DIGEST_SIZE);
    memcpy(self->id, self->wanted, DIGEST_SIZE);
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
    submit(self, run_begin);
    return self;
}

void pull_cancel(pull *self) {
    self->cancelled = true;
    wake(self);
}

void pull_status_get(const pull *self, pull_status *out) {
    out->phase = self->phase;
    out->layer_count = self->layer_count;
    out->bytes_done = out->bytes_total = 0;
    for (size_t i = 0; i < self->layer_count; i++) {
        pull_layer_status_get(self->layers[i], &out->layers[i]);
        out->bytes_done += out->layers[i].bytes_done;
        out->bytes_total += out->layers[i].bytes_total;
    }
}
