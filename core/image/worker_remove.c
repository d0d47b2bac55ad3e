// Removing: a name is taken away, an image with its last name, and files that no image needs any more.
//
// Files go by sweeping: what state.db does not need is removed while nothing adds files. A mark tells that
// this is still to be done, so that a killed worker's successor does it.
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "core/base/fault.h"
#include "core/base/file.h"
#include "core/image/manifest.h"
#include "core/image/reference.h"
#include "core/image/worker_internal.h"
#include "core/store/state.h"

#define LOG_MODULE "image"
#include "core/base/log.h"

// "sweep": wanted. "sweeping": begun.
static char *mark_path(const worker *self, const char *name) {
    return path_join(worker_paths(self)->data, "images", name, NULL);
}

// ---- sweeping, on one of uv's workers ----

static json_t *set_of(const json_t *list) {
    json_t *set = json_object();
    size_t i;
    json_t *value;
    json_array_foreach (list, i, value) {
        json_object_set_new(set, json_string_value(value), json_true());
    }
    return set;
}

static void sweep_blobs(blob_store *blobs, const json_t *needed) {
    json_t *all = blob_list(blobs, NULL);
    size_t i;
    json_t *digest;
    json_array_foreach (all, i, digest) {
        if (!json_object_get(needed, json_string_value(digest)))
            blob_remove(blobs, json_string_value(digest), NULL, NULL);
        fault_point("remove.blob-removed");
    }
    json_decref(all);
}

// Also what a killed worker has left half made: those begin with a dot.
static void sweep_layers(const char *folder, const json_t *needed) {
    cleanup_directory DIR *directory = opendir(folder);
    for (const struct dirent *entry; directory && (entry = readdir(directory));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
            json_object_get(needed, entry->d_name))
            continue;
        unlinkat(dirfd(directory), entry->d_name, 0);
        fault_point("remove.layer-removed");
    }
}

// The mark and what is needed go together: a removal that comes later sets the mark anew.
static json_t *begin_sweep(worker *self, state *database, holm_error **error) {
    cleanup_free char *wanted = mark_path(self, "sweep"), *begun = mark_path(self, "sweeping");
    uv_mutex_lock(&self->removing);
    json_t *needed = NULL;
    if (rename(wanted, begun) < 0 && errno != ENOENT)
        holm_error_set_errno(error, errno, "rename %s", wanted);
    else
        needed = state_image_needed(database, error);
    uv_mutex_unlock(&self->removing);
    return needed;
}

static int sweep(worker *self, holm_error **error) {
    blob_store *blobs = pull_engine_blobs(worker_engine(self));
    cleanup_close int alone = blob_store_hold_alone(blobs, error);
    cleanup_state state *database = alone < 0 ? NULL : state_open(worker_paths(self)->data, error);
    json_t *needed = database ? begin_sweep(self, database, error) : NULL;
    if (!needed)
        return -1;
    // Whoever was killed may have left an index that still names what goes now.
    if (state_image_index_write(database, worker_paths(self)->data, error) < 0) {
        json_decref(needed);
        return -1;
    }
    json_t *blob_set = set_of(json_object_get(needed, "blobs"));
    json_t *file_set = set_of(json_object_get(needed, "files"));
    cleanup_free char *layers = path_join(worker_paths(self)->data, "layers", NULL);
    sweep_layers(layers, file_set);
    sweep_blobs(blobs, blob_set);
    blob_sweep_partial(blobs, BLOB_PARTIAL_AGE, NULL);
    cleanup_free char *begun = mark_path(self, "sweeping");
    unlink(begun);
    json_decref(blob_set);
    json_decref(file_set);
    json_decref(needed);
    return 0;
}

typedef struct sweeping {
    uv_work_t work;
    worker *owner;
    holm_error *error;
} sweeping;

static void run_sweep(uv_work_t *work) {
    sweeping *job = work->data;
    sweep(job->owner, &job->error);
}

static void after_sweep(uv_work_t *work, int status) {
    (void)status;
    sweeping *job = work->data;
    worker *owner = job->owner;
    bool swept = !job->error;
    if (!swept)
        log_info("not swept now: %s", holm_error_message(job->error));
    holm_error_free(job->error);
    free(job);
    owner->sweeping = false;
    if (swept) // else another process adds: the next end of a task tries again
        worker_sweep_when_possible(owner);
    worker_job_end(owner);
}

void worker_sweep_when_possible(worker *self) {
    cleanup_free char *wanted = mark_path(self, "sweep"), *begun = mark_path(self, "sweeping");
    bool due = access(wanted, F_OK) == 0 || access(begun, F_OK) == 0;
    if (self->sweeping || worker_is_adding(self) || !due)
        return;
    self->sweeping = true;
    sweeping *job = calloc(1, sizeof *job);
    job->owner = self;
    job->work.data = job;
    worker_job_begin(self);
    uv_queue_work(worker_loop(self), &job->work, run_sweep, after_sweep);
}

// ---- the call ----

typedef struct removal {
    worker *owner;
    json_t *untagged; ///< names
    json_t *deleted;  ///< ids
} removal;

static void release(void *result) {
    removal *self = result;
    if (!self)
        return;
    json_decref(self->untagged);
    json_decref(self->deleted);
    free(self);
}

static int set_mark(const worker *self, holm_error **error) {
    cleanup_free char *mark = mark_path(self, "sweep");
    cleanup_close int fd = open(mark, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        holm_error_set_errno(error, errno, "write %s", mark);
    return fd < 0 ? -1 : 0;
}

// "debian" and "docker.io/library/debian:latest" name a reference, all else is a digest. The caller frees it.
static char *reference_of(state *database, const char *text) {
    cleanup_image_reference image_reference parsed = {0};
    cleanup_free char *canonical = NULL;
    if (image_reference_parse(text, NULL, &parsed, NULL) == 0)
        canonical = image_reference_canonical(&parsed);
    const char *const forms[] = {text, canonical};
    for (size_t i = 0; i < array_length(forms); i++) {
        cleanup_free char *target = forms[i] ? state_reference_target(database, forms[i], NULL) : NULL;
        if (target)
            return strdup(forms[i]);
    }
    return NULL;
}

static const char *id_of(const json_t *image) {
    return json_string_value(json_object_get(image, "id"));
}

static const json_t *names_of(const json_t *image) {
    return json_object_get(json_object_get(image, "configuration"), "references");
}

static int delete_image(state *database, const char *id, removal *out, holm_error **error) {
    if (state_image_delete(database, id, error) < 0 ||
        state_event_add(database, "image", "remove", id, "", NULL, error) < 0)
        return -1;
    json_array_append_new(out->deleted, json_string(id));
    return 0;
}

// The image loses the name, and goes with its last one. Where containers use it, it can only stay without.
static int take_name(state *database, const json_t *image, const char *name, bool force, removal *out,
                     holm_error **error) {
    const char *id = id_of(image);
    bool used = json_array_size(json_object_get(json_object_get(image, "status"), "containers")) > 0;
    if (json_array_size(names_of(image)) > 1 || (used && force))
        return state_reference_delete(database, name, id, NULL, error) == 0
                   ? state_event_add(database, "image", "untag", id, name, NULL, error)
                   : -1;
    return delete_image(database, id, out, error);
}

// By its id an image goes with all its names.
static int remove_by_id(state *database, const json_t *image, bool force, removal *out, holm_error **error) {
    bool used = json_array_size(json_object_get(json_object_get(image, "status"), "containers")) > 0;
    size_t i;
    json_t *name;
    if (!used || !force || json_array_size(names_of(image)) == 0)
        return delete_image(database, id_of(image), out, error);
    json_array_foreach (names_of(image), i, name)
        if (state_reference_delete(database, json_string_value(name), id_of(image), NULL, error) < 0 ||
            state_event_add(database, "image", "untag", id_of(image), json_string_value(name), NULL, error) <
                0)
            return -1;
    return 0;
}

/// Every name of the images, each once.
static json_t *all_names(const json_t *images) {
    json_t *names = json_object(), *image, *name;
    size_t index, at;
    json_array_foreach (images, index, image)
        json_array_foreach (names_of(image), at, name)
            json_object_set_new(names, json_string_value(name), json_true());
    return names;
}

static void tell_gone(state *database, json_t *names, removal *out) {
    const char *name;
    json_t *value;
    json_object_foreach (names, name, value) {
        cleanup_free char *target = state_reference_target(database, name, NULL);
        if (!target)
            json_array_append_new(out->untagged, json_string(name));
    }
}

static int remove_each(state *database, const json_t *images, const char *reference,
                       const Holm__Image__V1__RemoveRequest *request, removal *out, holm_error **error) {
    cleanup_manifest_platform manifest_platform wanted = {0};
    size_t index, count = 0;
    json_t *image;
    if (manifest_platform_parse(request->platform, &wanted, error) < 0)
        return -1;
    json_array_foreach (images, index, image) {
        if (*request->platform && !manifest_document_matches(image, &wanted))
            continue;
        count++;
        int result = reference ? take_name(database, image, reference, request->force, out, error)
                               : remove_by_id(database, image, request->force, out, error);
        if (result < 0)
            return -1;
    }
    if (count > 0)
        return 0;
    holm_error_set(error, HOLM_ERROR_NOT_FOUND, "%s is not here for %s", request->reference,
                   request->platform);
    return -1;
}

// In one transaction: a container that is made meanwhile either keeps the image or does not find it.
static int remove_rows(state *database, const Holm__Image__V1__RemoveRequest *request, removal *out,
                       holm_error **error) {
    cleanup_free char *reference = reference_of(database, request->reference);
    json_t *images = state_image_find(database, reference ? reference : request->reference, error);
    if (!images)
        return -1;
    json_t *names = all_names(images);
    int result = -1;
    if (!reference && json_object_size(names) > 1 && !request->force && !request->all_names) {
        holm_error_set(error, HOLM_ERROR_IN_USE, "the image %.19s has %zu names",
                       id_of(json_array_get(images, 0)), json_object_size(names));
        holm_error_hint(error, "remove it by each of its names, or use --force");
    } else {
        result = remove_each(database, images, reference, request, out, error);
    }
    if (result == 0)
        tell_gone(database, names, out);
    json_decref(names);
    json_decref(images);
    return result;
}

static int remove_marked(worker *owner, state *database, const Holm__Image__V1__RemoveRequest *request,
                         removal *out, holm_error **error) {
    state_take_spare(database);
    if (set_mark(owner, error) < 0 || state_begin(database, error) < 0)
        return -1;
    fault_point("remove.started");
    bool removed = remove_rows(database, request, out, error) == 0;
    return state_end(database, removed, removed ? error : NULL) == 0 && removed ? 0 : -1;
}

static void *run_remove(worker *owner, const ProtobufCMessage *message, holm_error **error) {
    const Holm__Image__V1__RemoveRequest *request = (const Holm__Image__V1__RemoveRequest *)message;
    cleanup_state state *database = state_open(worker_paths(owner)->data, error);
    if (!database)
        return NULL;
    removal *out = calloc(1, sizeof *out);
    out->owner = owner;
    out->untagged = json_array();
    out->deleted = json_array();
    uv_mutex_lock(&owner->removing);
    int result = remove_marked(owner, database, request, out, error);
    uv_mutex_unlock(&owner->removing);
    if (result < 0) {
        release(out);
        return NULL;
    }
    fault_point("remove.row-removed");
    state_image_index_write(database, worker_paths(owner)->data, NULL);
    return out;
}

/// The strings are the array's; the caller frees the list.
static char **strings_of(const json_t *array) {
    char **list = calloc(json_array_size(array) + 1, sizeof *list);
    if (!list)
        abort();
    for (size_t i = 0; i < json_array_size(array); i++)
        list[i] = (char *)json_string_value(json_array_get(array, i));
    return list;
}

static void answer(rpc_stream *stream, void *result) {
    removal *self = result;
    Holm__Image__V1__RemoveResponse reply = HOLM__IMAGE__V1__REMOVE_RESPONSE__INIT;
    cleanup_free char **names = strings_of(self->untagged), **ids = strings_of(self->deleted);
    reply.n_untagged = json_array_size(self->untagged);
    reply.untagged = names;
    reply.n_deleted = json_array_size(self->deleted);
    reply.deleted = ids;
    rpc_stream_reply(stream, &reply.base);
    worker_sweep_when_possible(self->owner);
}

void worker_open_remove(rpc_stream *stream, void *data) {
    static const worker_call_methods methods = {.run = run_remove, .answer = answer, .release = release};
    worker_call_open(stream, data, &methods);
}
