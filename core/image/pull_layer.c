// One layer on its way: from the registry (or from what is here of its blob) through the blob's file into the
// layer's image.
//
// Bytes gather on the loop while a worker writes those before them; one buffer each, so no lock is needed. A
// full buffer pauses the connection.
#include <string.h>

#include "core/base/path.h"
#include "core/image/pull_layer_internal.h"

#define LOG_MODULE "pull"
#include "core/base/log.h"

#define GATHER_HIGH (1u << 20)
#define GATHER_LOW  (256u << 10)

static void begin(pull_layer *self);

// ---- telling, and going away ----

static void tell(pull_layer *self) {
    for (pull_layer_user *user = self->users; user; user = user->next)
        user->changed(self, user->data);
}

static void on_parent_changed(pull_layer *parent, void *data);

// Layers above wait for phases; bytes are for pulls only.
static void tell_bytes(pull_layer *self) {
    for (pull_layer_user *user = self->users; user; user = user->next)
        if (user->changed != on_parent_changed)
            user->changed(self, user->data);
}

static void set_phase(pull_layer *self, pull_layer_phase phase) {
    self->phase = phase;
    tell(self);
}

static void start_queued(pull_engine *engine) {
    for (pull_layer *layer = engine->layers; layer && engine->slots_taken < engine->slots;
         layer = layer->next) {
        if (layer->phase != PULL_LAYER_QUEUED || layer->has_slot || layer->cancelled)
            continue;
        layer->has_slot = true;
        engine->slots_taken++;
        begin(layer);
    }
}

static void give_slot_back(pull_layer *self) {
    if (!self->has_slot)
        return;
    self->has_slot = false;
    self->engine->slots_taken--;
    start_queued(self->engine);
}

// What is only needed while it is under way.
static void let_go(pull_layer *self) {
    registry_fetch_cancel(steal_pointer(&self->fetch));
    layer_writer_destroy(steal_pointer(&self->writer));
    blob_writer_destroy(steal_pointer(&self->blob));
    buffer_finish(&self->gathered);
    buffer_finish(&self->batch);
    pull_source_drop(steal_pointer(&self->source));
    for (size_t i = 0; i < self->lower_count; i++)
        free(self->lower[i]);
    free(steal_pointer(&self->lower));
    self->lower_count = 0;
    free(steal_pointer(&self->temporary));
}

static void layer_free(pull_layer *self) {
    pull_layer **link = &self->engine->layers;
    while (*link != self)
        link = &(*link)->next;
    *link = self->next;
    let_go(self);
    give_slot_back(self);
    if (self->parent)
        pull_layer_release(self->parent, self);
    holm_error_free(self->error);
    holm_error_free(self->fetch_error);
    free(self->descriptor.media_type);
    free(self->file);
    free(self);
}

static void fail(pull_layer *self) {
    let_go(self);
    set_phase(self, PULL_LAYER_FAILED);
    give_slot_back(self);
}

// ---- the loop's side ----

static void submit(pull_layer *self, uv_work_cb run, uv_after_work_cb after) {
    self->working = true;
    self->work.data = self;
    uv_queue_work(self->engine->loop, &self->work, run, after);
}

// After a worker: whether to go on. Not, when everybody has left meanwhile.
static bool back(uv_work_t *work, pull_layer **self) {
    *self = work->data;
    (*self)->working = false;
    if (!(*self)->cancelled)
        return true;
    layer_free(*self);
    return false;
}

static void after_discard(uv_work_t *work, int status) {
    (void)status;
    pull_layer *self;
    if (!back(work, &self))
        return;
    if (self->from_disk && self->discarded && !self->again) {
        // What was here from an earlier time was no good. Once more, all of it from the registry.
        log_warning("%s: %s; fetching all of it again", self->descriptor.digest,
                    holm_error_message(self->error));
        holm_error_free(steal_pointer(&self->error));
        layer_writer_destroy(steal_pointer(&self->writer));
        blob_writer_destroy(steal_pointer(&self->blob));
        buffer_clear(&self->gathered);
        self->again = true;
        self->fetch_ended = self->fetch_paused = false;
        self->bytes_done = 0;
        begin(self);
        return;
    }
    fail(self);
}

static void handle_failure(pull_layer *self) {
    registry_fetch_cancel(steal_pointer(&self->fetch));
    holm_error_code code = holm_error_code_of(self->error);
    bool wrong_bytes = code == HOLM_ERROR_INTEGRITY || code == HOLM_ERROR_LIMIT || code == HOLM_ERROR_INVALID;
    if (wrong_bytes)
        submit(self, pull_layer_run_discard, after_discard);
    else
        fail(self);
}

static void finish_named(pull_layer *self, pull_layer_phase phase) {
    if (phase == PULL_LAYER_DONE || phase == PULL_LAYER_EXISTS)
        self->bytes_done = self->descriptor.size;
    let_go(self);
    set_phase(self, phase);
    give_slot_back(self);
}

static void after_complete(uv_work_t *work, int status) {
    (void)status;
    pull_layer *self;
    if (!back(work, &self))
        return;
    if (self->result == PULL_OUTCOME_WHOLE)
        finish_named(self, PULL_LAYER_DONE);
    else
        fail(self);
}

// Waits for all below it, then takes from them what it lacks.
static void complete_when_possible(pull_layer *self) {
    if (self->phase != PULL_LAYER_WAITING || self->working)
        return;
    size_t count = 0;
    for (pull_layer *lower = self->parent; lower; lower = lower->parent, count++) {
        if (lower->phase == PULL_LAYER_FAILED) {
            self->error = holm_error_copy(lower->error);
            fail(self);
            return;
        }
        if (!pull_layer_is_done(lower))
            return;
    }
    self->lower = calloc(count + 1, sizeof *self->lower);
    self->lower_count = count;
    for (pull_layer *lower = self->parent; lower; lower = lower->parent)
        self->lower[--count] = path_join(self->engine->layers_directory, lower->file, NULL);
    submit(self, pull_layer_run_complete, after_complete);
}

static void on_parent_changed(pull_layer *parent, void *data) {
    (void)parent;
    pull_layer *self = data;
    complete_when_possible(self);
    // Our children look through us at all that is below.
    if (self->phase != PULL_LAYER_FAILED)
        tell(self);
}

static void after_finish(uv_work_t *work, int status) {
    (void)status;
    pull_layer *self;
    if (!back(work, &self))
        return;
    if (self->result != PULL_OUTCOME_WHOLE) {
        handle_failure(self);
    } else if (self->complete) {
        finish_named(self, PULL_LAYER_DONE);
    } else {
        set_phase(self, PULL_LAYER_WAITING);
        give_slot_back(self);
        complete_when_possible(self);
    }
}

static void finish(pull_layer *self) {
    set_phase(self, PULL_LAYER_UNPACKING);
    submit(self, pull_layer_run_finish, after_finish);
}

static void after_write(uv_work_t *work, int status);

// The next batch for the worker; at the end of the stream what comes after.
static void write_gathered(pull_layer *self) {
    if (self->working)
        return;
    if (self->gathered.length > 0) {
        buffer written = self->batch;
        self->batch = self->gathered;
        self->gathered = written;
        buffer_clear(&self->gathered);
        submit(self, pull_layer_run_write, after_write);
    } else if (self->fetch_error) {
        self->error = steal_pointer(&self->fetch_error);
        handle_failure(self);
    } else if (self->fetch_ended) {
        finish(self);
    }
}

static void after_write(uv_work_t *work, int status) {
    (void)status;
    pull_layer *self;
    if (!back(work, &self))
        return;
    if (self->result == PULL_OUTCOME_FAILED) {
        handle_failure(self);
        return;
    }
    write_gathered(self);
    if (self->fetch && self->fetch_paused && self->gathered.length < GATHER_LOW) {
        self->fetch_paused = false;
        registry_fetch_resume(self->fetch);
    }
}

static void on_body(registry_fetch *fetch, const void *bytes, size_t length, void *data) {
    pull_layer *self = data;
    buffer_append(&self->gathered, bytes, length);
    self->bytes_done += length;
    if (self->gathered.length >= GATHER_HIGH && !self->fetch_paused) {
        self->fetch_paused = true;
        registry_fetch_pause(fetch);
    }
    write_gathered(self);
    self->phase = PULL_LAYER_DOWNLOADING;
    tell_bytes(self);
}

static void on_retry(registry_fetch *fetch, const holm_error *why, unsigned wait_ms, void *data) {
    (void)fetch;
    (void)why;
    (void)wait_ms;
    set_phase(data, PULL_LAYER_RETRYING);
}

static void on_done(registry_fetch *fetch, const char *content_type, const holm_error *error, void *data) {
    (void)fetch;
    (void)content_type;
    pull_layer *self = data;
    self->fetch = NULL;
    // Even after an error what has come is worth keeping: it is written first.
    self->fetch_ended = true;
    self->fetch_error = holm_error_copy(error);
    write_gathered(self);
}

static void start_fetch(pull_layer *self) {
    static const registry_events events = {.body = on_body, .retry = on_retry, .done = on_done};
    registry_request request = {.kind = REGISTRY_BLOB,
                                .object = self->descriptor.digest,
                                .offset = blob_writer_offset(self->blob),
                                .size = self->descriptor.size};
    self->bytes_done = request.offset;
    self->fetch = registry_fetch_start(self->source->registry, &request, &events, self);
    set_phase(self, PULL_LAYER_DOWNLOADING);
}

static void after_wait(uv_work_t *work, int status) {
    (void)status;
    pull_layer *self;
    if (!back(work, &self))
        return;
    if (self->result == PULL_OUTCOME_FAILED)
        fail(self);
    else
        begin(self);
}

static void after_prepare(uv_work_t *work, int status) {
    (void)status;
    pull_layer *self;
    ((pull_layer *)work->data)->preparing = false;
    if (!back(work, &self))
        return;
    switch (self->result) {
    case PULL_OUTCOME_EXISTS:
        finish_named(self, PULL_LAYER_EXISTS);
        break;
    case PULL_OUTCOME_BUSY:
        submit(self, pull_layer_run_wait, after_wait);
        break;
    case PULL_OUTCOME_WHOLE:
        self->bytes_done = self->descriptor.size;
        finish(self);
        break;
    case PULL_OUTCOME_NEXT:
        start_fetch(self);
        break;
    case PULL_OUTCOME_FAILED:
        handle_failure(self);
        break;
    }
}

static void begin(pull_layer *self) {
    self->preparing = true;
    submit(self, pull_layer_run_prepare, after_prepare);
}

// ---- what pulls see ----

static layer_compression compression_of(const char *media_type) {
    manifest_compression compression = MANIFEST_COMPRESSION_NONE;
    manifest_layer_compression(media_type, &compression, NULL);
    switch (compression) {
    case MANIFEST_COMPRESSION_GZIP:
        return LAYER_COMPRESSION_GZIP;
    case MANIFEST_COMPRESSION_ZSTD:
        return LAYER_COMPRESSION_ZSTD;
    default:
        return LAYER_COMPRESSION_NONE;
    }
}

// A blob that is only kept is known by its digest, a layer by its chain.
static pull_layer *find_layer(const pull_engine *engine, const char *digest, const char *chain_id) {
    for (pull_layer *layer = engine->layers; layer; layer = layer->next)
        if (strcmp(layer->chain_id, chain_id) == 0 &&
            (chain_id[0] || strcmp(layer->descriptor.digest, digest) == 0) &&
            layer->phase != PULL_LAYER_FAILED && !layer->cancelled)
            return layer;
    return NULL;
}

static void add_user(pull_layer *self, void (*changed)(pull_layer *layer, void *data), void *data) {
    pull_layer_user *user = calloc(1, sizeof *user);
    *user = (pull_layer_user){.changed = changed, .data = data, .next = self->users};
    self->users = user;
}

static pull_layer *make(pull_engine *engine, pull_source *source, const manifest_descriptor *descriptor,
                        const char *diff_id, const char *chain_id) {
    pull_layer *self = calloc(1, sizeof *self);
    self->engine = engine;
    self->source = pull_source_take(source);
    self->descriptor = *descriptor;
    self->descriptor.media_type = strdup(descriptor->media_type);
    self->plain = !diff_id[0];
    snprintf(self->diff_id, sizeof self->diff_id, "%s", diff_id);
    snprintf(self->chain_id, sizeof self->chain_id, "%s", chain_id);
    return self;
}

static void enter(pull_layer *self) {
    pull_layer **end = &self->engine->layers;
    while (*end)
        end = &(*end)->next;
    *end = self;
    start_queued(self->engine);
}

pull_layer *pull_layer_acquire(pull_engine *engine, pull_source *source,
                               const manifest_descriptor *descriptor, const char *diff_id,
                               const char *chain_id, pull_layer *parent, bool blob,
                               void (*changed)(pull_layer *layer, void *data), void *data) {
    pull_layer *self = find_layer(engine, descriptor->digest, chain_id);
    if (self) {
        add_user(self, changed, data);
        return self;
    }
    self = make(engine, source, descriptor, diff_id, chain_id);
    self->compression = compression_of(descriptor->media_type);
    self->temporary = path_format("%s/.%s.%d.%llu", engine->layers_directory, digest_hex(chain_id),
                                  (int)getpid(), (unsigned long long)engine->temporary_count++);
    self->blob_wanted = blob;
    self->parent = parent;
    if (parent)
        add_user(parent, on_parent_changed, self);
    add_user(self, changed, data);
    enter(self);
    return self;
}

pull_layer *pull_layer_acquire_blob(pull_engine *engine, pull_source *source,
                                    const manifest_descriptor *descriptor,
                                    void (*changed)(pull_layer *layer, void *data), void *data) {
    pull_layer *self = find_layer(engine, descriptor->digest, "");
    if (!self) {
        self = make(engine, source, descriptor, "", "");
        add_user(self, changed, data);
        enter(self);
    } else {
        add_user(self, changed, data);
    }
    return self;
}

static void break_off(pull_layer *self) {
    __atomic_store_n(&self->cancelled, true, __ATOMIC_RELAXED);
    registry_fetch_cancel(steal_pointer(&self->fetch));
    if (!self->working)
        layer_free(self);
    else if (self->writer && !self->preparing)
        layer_writer_cancel(self->writer);
}

void pull_layer_release(pull_layer *self, const void *data) {
    for (pull_layer_user **link = &self->users; *link; link = &(*link)->next) {
        pull_layer_user *user = *link;
        if (user->data != data)
            continue;
        *link = user->next;
        free(user);
        break;
    }
    if (!self->users)
        break_off(self);
}

pull_layer_phase pull_layer_phase_of(const pull_layer *self) {
    return self->phase;
}

bool pull_layer_is_done(const pull_layer *self) {
    return self->phase == PULL_LAYER_DONE || self->phase == PULL_LAYER_EXISTS;
}

const holm_error *pull_layer_error(const pull_layer *self) {
    return self->error;
}

const char *pull_layer_file(const pull_layer *self, uint64_t *unpacked_bytes) {
    *unpacked_bytes = self->file_bytes;
    return self->file;
}

void pull_layer_status_get(const pull_layer *self, pull_layer_status *out) {
    static const char *const phases[] = {
        [PULL_LAYER_QUEUED] = "queued",     [PULL_LAYER_DOWNLOADING] = "downloading",
        [PULL_LAYER_RETRYING] = "retrying", [PULL_LAYER_UNPACKING] = "unpacking",
        [PULL_LAYER_WAITING] = "unpacking", [PULL_LAYER_DONE] = "done",
        [PULL_LAYER_EXISTS] = "exists",     [PULL_LAYER_FAILED] = "failed",
    };
    *out = (pull_layer_status){.digest = self->descriptor.digest,
                               .phase = phases[self->phase],
                               .bytes_done = self->bytes_done,
                               .bytes_total = self->descriptor.size};
}
