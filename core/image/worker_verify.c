// Verifying: every blob is hashed again, every layer image looked for. Repairing fetches what is wrong, by
// the digest of the image's manifest, under the name the image has.
#include <string.h>

#include "core/base/buffer.h"
#include "core/image/reference.h"
#include "core/image/worker_internal.h"
#include "core/store/state.h"

#define NAMES_SHOWN 5

typedef struct finding {
    char *id, *reference; // of an image that is not whole; reference NULL: it has no name
    char *platform;       // not NULL: the id is of an index, and this is one of its images here
    bool all;             // of the index all was brought
    struct finding *next;
} finding;

typedef struct verify_task {
    uv_work_t work;
    worker *owner;
    worker_task *task;
    bool repair, cancelled;
    uint64_t bytes_done; // written by the worker thread
    size_t checked;
    json_t *good; // blobs that were found good: layers are shared
    finding *findings;
    buffer broken; // what stays broken, for the error
    size_t broken_count;
    pull *pull;
    holm_error *error;
} verify_task;

// ---- looking, on one of uv's workers ----

static bool blob_is_good(verify_task *self, const char *digest) {
    if (json_object_get(self->good, digest))
        return true;
    blob_store *blobs = pull_engine_blobs(worker_engine(self->owner));
    cleanup_error holm_error *error = NULL;
    uint64_t size = 0;
    if (!blob_exists(blobs, digest, &size))
        return false;
    bool good = blob_verify(blobs, digest, &self->cancelled, &error) == 0;
    __atomic_add_fetch(&self->bytes_done, size, __ATOMIC_RELAXED);
    if (good)
        json_object_set_new(self->good, digest, json_true());
    else if (holm_error_code_of(error) == HOLM_ERROR_INTEGRITY && self->repair)
        blob_remove(blobs, digest, NULL, NULL);
    return good;
}

static bool layer_is_good(verify_task *self, const json_t *layer) {
    const char *file = json_string_value(json_object_get(layer, "file"));
    const char *digest = json_string_value(json_object_get(layer, "digest"));
    cleanup_free char *path = path_join(worker_paths(self->owner)->data, "layers", file ? file : "-", NULL);
    bool blob = !digest || !digest_is_valid(digest) || blob_is_good(self, digest);
    return blob && (!file || access(path, R_OK) == 0); // without a file it is not unpacked
}

static bool image_is_good(verify_task *self, const char *id, const json_t *status) {
    const char *config = json_string_value(json_object_get(status, "configDigest"));
    bool good = blob_is_good(self, id) && (!config || blob_is_good(self, config));
    size_t i;
    json_t *layer;
    json_array_foreach (json_object_get(status, "layers"), i, layer) {
        good = layer_is_good(self, layer) && good; // all of them: each that is damaged is to be found
    }
    return good;
}

static finding *note(verify_task *self, const char *id, const json_t *image) {
    const json_t *names = json_object_get(json_object_get(image, "configuration"), "references");
    const char *name = json_string_value(json_array_get(names, 0));
    finding *found = calloc(1, sizeof *found);
    *found = (finding){.id = strdup(id), .reference = name ? strdup(name) : NULL, .next = self->findings};
    self->findings = found;
    return found;
}

/// Any image that has come with the index.
static const json_t *image_of_index(const json_t *images, const json_t *id) {
    size_t i;
    json_t *image;
    json_array_foreach (images, i, image)
        if (json_equal(json_object_get(json_object_get(image, "status"), "digest"), id))
            return image;
    return NULL;
}

// An index has documents and blobs that are of none of its images.
static void look_at_index(verify_task *self, const json_t *index, const json_t *images) {
    bool good = true;
    size_t i;
    json_t *digest;
    json_array_foreach (json_object_get(index, "blobs"), i, digest) {
        good = blob_is_good(self, json_string_value(digest)) && good;
    }
    const json_t *id = json_object_get(index, "id"), *image = image_of_index(images, id);
    if (good || !image)
        return;
    const char *platform =
        json_string_value(json_object_get(json_object_get(image, "configuration"), "platform"));
    finding *found = note(self, json_string_value(id), image);
    found->platform = strdup(platform ? platform : "");
    found->all = json_is_true(json_object_get(index, "all"));
}

static void look(uv_work_t *work) {
    verify_task *self = work->data;
    cleanup_state state *database = state_open(worker_paths(self->owner)->data, &self->error);
    json_t *images = database ? state_image_list(database, &self->error) : NULL;
    if (images)
        state_image_index_write(database, worker_paths(self->owner)->data, &self->error);
    size_t i;
    json_t *image;
    json_array_foreach (images, i, image) {
        const char *id = json_string_value(json_object_get(image, "id"));
        if (__atomic_load_n(&self->cancelled, __ATOMIC_RELAXED))
            break;
        if (!image_is_good(self, id, json_object_get(image, "status")))
            note(self, id, image);
        self->checked++;
    }
    json_t *indexes = images ? state_index_list(database, &self->error) : NULL;
    json_array_foreach (indexes, i, image) {
        if (!__atomic_load_n(&self->cancelled, __ATOMIC_RELAXED))
            look_at_index(self, image, images);
    }
    json_decref(indexes);
    json_decref(images);
}

// ---- repairing, one image after the other ----

static void finding_free(finding *self) {
    free(self->id);
    free(self->reference);
    free(self->platform);
    free(self);
}

static void finish(verify_task *self) {
    if (!self->error && self->cancelled)
        holm_error_set(&self->error, HOLM_ERROR_CANCELLED, "cancelled");
    if (!self->error && self->broken_count > 0) {
        holm_error_set(&self->error, HOLM_ERROR_INTEGRITY, "%zu of %zu images are not whole: %s",
                       self->broken_count, self->checked, buffer_text(&self->broken));
        holm_error_hint(&self->error, self->repair ? "remove them, and pull or load them again"
                                                   : "have them repaired, or remove and pull them again");
    }
    worker_task_end(self->task, NULL, self->error);
    for (finding *each = self->findings, *next; each; each = next) {
        next = each->next;
        finding_free(each);
    }
    json_decref(self->good);
    buffer_finish(&self->broken);
    holm_error_free(self->error);
    free(self);
}

static void count_broken(verify_task *self, const finding *found) {
    if (self->broken_count++ < NAMES_SHOWN)
        buffer_append_format(&self->broken, "%s%s", self->broken.length ? ", " : "",
                             found->reference ? found->reference : found->id);
}

static void repair_next(verify_task *self);

static void on_repaired(pull *source, const char *digest, const holm_error *error, void *data) {
    (void)source;
    (void)digest;
    verify_task *self = data;
    finding *found = self->findings;
    self->pull = NULL;
    self->findings = found->next;
    if (error)
        count_broken(self, found);
    finding_free(found);
    repair_next(self);
}

static bool start_repair(verify_task *self, const finding *found) {
    static const pull_events events = {.done = on_repaired};
    cleanup_image_reference image_reference reference = {0};
    if (!found->reference || image_reference_parse(found->reference, NULL, &reference, NULL) < 0)
        return false;
    const pull_options options = {.manifest = found->id,
                                  .blobs = true,
                                  .any_platform = !found->platform,
                                  .platform = found->platform,
                                  .all_platforms = found->all};
    self->pull = pull_start(worker_engine(self->owner), &reference, &options, &events, self, NULL);
    return self->pull != NULL;
}

static void repair_next(verify_task *self) {
    worker_task_changed(self->task);
    while (self->findings) {
        finding *found = self->findings;
        if (self->repair && !self->cancelled && start_repair(self, found))
            return;
        count_broken(self, found);
        self->findings = found->next;
        finding_free(found);
    }
    finish(self);
}

static void looked(uv_work_t *work, int status) {
    (void)status;
    repair_next(work->data);
}

// ---- the task ----

static void describe(worker_task *task, worker_progress *out) {
    verify_task *self = task->implementation;
    out->phase = (char *)(self->pull ? "downloading" : "unpacking");
    out->bytes_done = __atomic_load_n(&self->bytes_done, __ATOMIC_RELAXED);
}

static void cancel(worker_task *task) {
    verify_task *self = task->implementation;
    __atomic_store_n(&self->cancelled, true, __ATOMIC_RELAXED);
    if (self->pull)
        pull_cancel(self->pull);
}

static void on_verify(rpc_stream *stream, const ProtobufCMessage *message, void *data) {
    static const worker_task_methods methods = {.describe = describe, .cancel = cancel};
    worker *owner = data;
    bool repair = ((const Holm__Image__V1__VerifyRequest *)message)->repair;
    const char *key = repair ? "verify repair" : "verify";
    worker_task *task = worker_task_find(owner, key);
    if (!task) {
        verify_task *self = calloc(1, sizeof *self);
        self->owner = owner;
        self->repair = repair;
        self->good = json_object();
        self->work.data = self;
        task = self->task = worker_task_create(owner, "verify", "images", key, &methods, self);
        uv_queue_work(worker_loop(owner), &self->work, look, looked);
    }
    worker_watch(owner, stream, task);
}

void worker_open_verify(rpc_stream *stream, void *data) {
    static const rpc_stream_events events = {.message = on_verify};
    rpc_stream_set_events(stream, &events, data);
}
