// The worker's side of a layer on its way: all that blocks.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/fault.h"
#include "core/base/path.h"
#include "core/image/pull_layer_internal.h"

#define FEED_CHUNK (256u << 10)

static bool is_cancelled(const pull_layer *self) {
    return __atomic_load_n(&self->cancelled, __ATOMIC_RELAXED);
}

// The error of a layer's content says which one it is about.
static bool blame(pull_layer *self) {
    holm_error_wrap(&self->error, "layer %.19s", self->descriptor.digest);
    return false;
}

static char *image_path(const pull_layer *self, const char *id) {
    return path_format("%s/%s.ext4", self->engine->layers_directory, digest_hex(id));
}

static bool find_image(pull_layer *self, const char *id) {
    cleanup_free char *path = image_path(self, id);
    struct stat status;
    if (stat(path, &status) < 0 || !S_ISREG(status.st_mode) || status.st_size == 0)
        return false;
    self->file = path_format("%s.ext4", digest_hex(id));
    self->file_bytes = (uint64_t)status.st_blocks * 512;
    return true;
}

static int feed_blob_file(pull_layer *self, holm_error **error) {
    cleanup_close int fd = blob_open(self->engine->blobs, self->descriptor.digest, error);
    if (fd < 0)
        return -1;
    cleanup_free char *chunk = malloc(FEED_CHUNK);
    ssize_t got;
    while ((got = read(fd, chunk, FEED_CHUNK)) > 0) {
        if (is_cancelled(self)) {
            holm_error_set(error, HOLM_ERROR_CANCELLED, "cancelled");
            return -1;
        }
        if (layer_writer_push(self->writer, chunk, (size_t)got, error) < 0)
            return -1;
    }
    if (got < 0)
        holm_error_set_errno(error, errno, "read the blob %s", self->descriptor.digest);
    return got < 0 ? -1 : 0;
}

static int feed_partial(pull_layer *self, holm_error **error) {
    cleanup_free char *chunk = malloc(FEED_CHUNK);
    ssize_t got;
    while ((got = blob_writer_recall(self->blob, chunk, FEED_CHUNK, error)) > 0) {
        if (is_cancelled(self)) {
            holm_error_set(error, HOLM_ERROR_CANCELLED, "cancelled");
            return -1;
        }
        if (self->writer && layer_writer_push(self->writer, chunk, (size_t)got, error) < 0)
            return -1;
    }
    return (int)got;
}

// A manifest is hostile, a blob that is what its name says is not: it goes only when it is damaged.
static bool blob_is_damaged(pull_layer *self) {
    cleanup_error holm_error *problem = NULL;
    if (blob_verify(self->engine->blobs, self->descriptor.digest, &self->cancelled, &problem) == 0 ||
        holm_error_code_of(problem) != HOLM_ERROR_INTEGRITY)
        return false;
    blob_remove(self->engine->blobs, self->descriptor.digest, NULL, NULL);
    return true;
}

static int open_blob(pull_layer *self, bool *here, holm_error **error) {
    blob_store *blobs = self->engine->blobs;
    uint64_t size = 0;
    *here = blob_exists(blobs, self->descriptor.digest, &size);
    if (*here && size != self->descriptor.size && blob_is_damaged(self))
        *here = false;
    if (*here && size != self->descriptor.size) {
        holm_error_set(error, HOLM_ERROR_INTEGRITY,
                       "the manifest says that %.19s has %llu bytes; it has %llu", self->descriptor.digest,
                       (unsigned long long)self->descriptor.size, (unsigned long long)size);
        return -1;
    }
    if (*here)
        return 0;
    self->blob = blob_writer_create(blobs, self->descriptor.digest, self->descriptor.size, error);
    return self->blob ? 0 : -1;
}

static int open_writer(pull_layer *self, bool blob_here, holm_error **error) {
    if (self->plain)
        return 0;
    layer_writer_options options = {
        .path = self->temporary,
        .compression = self->compression,
        .blob_digest = blob_here ? self->descriptor.digest : NULL, // else the blob's writer checks it
        .blob_size = self->descriptor.size,
        .diff_id = self->diff_id,
    };
    self->writer = layer_writer_create(&options, error);
    return self->writer ? 0 : -1;
}

static pull_outcome prepare(pull_layer *self, holm_error **error) {
    bool wanted = self->blob_wanted && !blob_exists(self->engine->blobs, self->descriptor.digest, NULL);
    if (!wanted && !self->plain && (find_image(self, self->diff_id) || find_image(self, self->chain_id)))
        return PULL_OUTCOME_EXISTS;
    bool here = false;
    cleanup_error holm_error *cause = NULL;
    if (open_blob(self, &here, &cause) < 0) {
        if (holm_error_code_of(cause) == HOLM_ERROR_IN_USE)
            return PULL_OUTCOME_BUSY;
        holm_error_propagate(error, steal_pointer(&cause));
        return PULL_OUTCOME_FAILED;
    }
    if (here && self->plain)
        return PULL_OUTCOME_EXISTS;
    self->from_disk = here || blob_writer_offset(self->blob) > 0;
    if (open_writer(self, here, error) < 0 ||
        (here ? feed_blob_file(self, error) : feed_partial(self, error)) < 0)
        return PULL_OUTCOME_FAILED;
    if (here || blob_writer_offset(self->blob) == self->descriptor.size)
        return PULL_OUTCOME_WHOLE;
    fault_point("pull.layer-started");
    return PULL_OUTCOME_NEXT;
}

void pull_layer_run_prepare(uv_work_t *work) {
    pull_layer *self = work->data;
    self->result = prepare(self, &self->error);
}

void pull_layer_run_wait(uv_work_t *work) {
    pull_layer *self = work->data;
    bool waited = blob_writer_wait(self->engine->blobs, self->descriptor.digest, &self->error) == 0;
    self->result = waited ? PULL_OUTCOME_BUSY : PULL_OUTCOME_FAILED;
}

void pull_layer_run_write(uv_work_t *work) {
    pull_layer *self = work->data;
    bool done = blob_writer_write(self->blob, self->batch.data, self->batch.length, &self->error) == 0 &&
                (!self->writer ||
                 layer_writer_push(self->writer, self->batch.data, self->batch.length, &self->error) == 0 ||
                 blame(self));
    self->result = done ? PULL_OUTCOME_NEXT : PULL_OUTCOME_FAILED;
    fault_point("pull.layer-chunk");
}

static int sync_folder(const char *path) {
    cleanup_close int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -1 : fsync(fd);
}

// Two processes that made the same layer have made the same: the second one's name replaces the first's,
// while who has opened that keeps it.
static int name_image(pull_layer *self, const char *id, holm_error **error) {
    cleanup_free char *path = image_path(self, id);
    fault_point("pull.layer-written");
    if (rename(self->temporary, path) < 0 || sync_folder(self->engine->layers_directory) < 0) {
        holm_error_set_errno(error, errno, "store the layer %s", path);
        return -1;
    }
    fault_point("pull.layer-named");
    if (!find_image(self, id)) {
        holm_error_set(error, HOLM_ERROR_INTERNAL, "the layer %s has gone", path);
        return -1;
    }
    return 0;
}

void pull_layer_run_finish(uv_work_t *work) {
    pull_layer *self = work->data;
    self->result = PULL_OUTCOME_FAILED;
    if (self->blob && blob_writer_commit(self->blob, &self->error) < 0)
        return;
    blob_writer_destroy(steal_pointer(&self->blob));
    if (self->plain) {
        self->complete = true;
        self->result = PULL_OUTCOME_WHOLE;
        return;
    }
    if (layer_writer_finish(self->writer, &self->unpacked, &self->error) < 0) {
        blame(self);
        return;
    }
    self->complete = self->unpacked.complete;
    if (!self->complete || name_image(self, self->diff_id, &self->error) == 0)
        self->result = PULL_OUTCOME_WHOLE;
}

void pull_layer_run_complete(uv_work_t *work) {
    pull_layer *self = work->data;
    bool done = (layer_writer_complete(self->writer, (const char *const *)self->lower, self->lower_count,
                                       &self->unpacked, &self->error) == 0 ||
                 blame(self)) &&
                name_image(self, self->chain_id, &self->error) == 0;
    self->result = done ? PULL_OUTCOME_WHOLE : PULL_OUTCOME_FAILED;
}

void pull_layer_run_discard(uv_work_t *work) {
    pull_layer *self = work->data;
    if (self->blob)
        self->discarded = blob_writer_restart(self->blob, NULL) == 0;
    else
        self->discarded = blob_is_damaged(self);
}
