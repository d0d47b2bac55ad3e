// The log of init: encoded on the loop, written by a worker. When the disk does not keep up, the log counts
// as congested and the container's output waits.
#define LOG_MODULE "log"
#include <string.h>

#include "core/base/log.h"
#include "core/base/time.h"
#include "core/container/log.h"
#include "core/container/shim.h"

#define PENDING_HIGH (1u << 20)

struct shim_log {
    shim *shim;
    log_encoder encoder;
    buffer pending; ///< records that wait
    buffer writing; ///< records in the worker's hands
    uv_work_t request;
    bool busy;
    bool failed_once;
    log_writer *writer; ///< the worker's
    char *folder;
    uint64_t max_bytes;
    unsigned max_files;
    holm_error *error; ///< of the last write
    void (*flushed)(shim *self);
};

shim_log *shim_log_create(shim *self) {
    const json_t *log = json_object_get(self->configuration, "log");
    shim_log *made = calloc(1, sizeof *made);
    made->shim = self;
    made->folder = path_join(self->folder, "log", NULL);
    made->max_bytes = (uint64_t)json_integer_value(json_object_get(log, "maxBytes"));
    made->max_files = (unsigned)json_integer_value(json_object_get(log, "maxFiles"));
    made->request.data = made;
    return made;
}

static void log_work(uv_work_t *request) {
    shim_log *self = request->data;
    if (!self->writer)
        self->writer = log_writer_open(self->folder, self->max_bytes, self->max_files, &self->error);
    if (self->writer)
        log_writer_append(self->writer, self->writing.data, self->writing.length, &self->error);
}

static void kick(shim_log *self);

static void log_after(uv_work_t *request, int status) {
    (void)status;
    shim_log *self = request->data;
    self->busy = false;
    buffer_clear(&self->writing);
    if (self->error && !self->failed_once) {
        // The container's work matters more than its log: go on without, and say so once.
        log_error("%s", holm_error_message(self->error));
        self->failed_once = true;
    }
    holm_error_free(steal_pointer(&self->error));
    kick(self);
    if (!self->busy && self->flushed) {
        void (*flushed)(shim *) = steal_pointer(&self->flushed);
        flushed(self->shim);
    } else if (self->shim->init) {
        session_throttle(self->shim->init);
    }
}

static void kick(shim_log *self) {
    if (self->busy || !self->pending.length)
        return;
    buffer records = self->writing;
    self->writing = self->pending;
    self->pending = records;
    self->busy = true;
    uv_queue_work(self->shim->loop, &self->request, log_work, log_after);
}

void shim_log_add(shim_log *self, int stream, const void *bytes, size_t length) {
    log_encoder_add(&self->encoder, stream, time_now_ns(), bytes, length, &self->pending);
    kick(self);
}

bool shim_log_congested(const shim_log *self) {
    return self->pending.length > PENDING_HIGH;
}

void shim_log_flush(shim_log *self, void (*done)(shim *self)) {
    log_encoder_flush(&self->encoder, time_now_ns(), &self->pending);
    self->flushed = done;
    kick(self);
    if (!self->busy) {
        self->flushed = NULL;
        done(self->shim);
    }
}

void shim_log_destroy(shim_log *self) {
    if (!self)
        return;
    log_writer_close(self->writer);
    log_encoder_finish(&self->encoder);
    buffer_finish(&self->pending);
    buffer_finish(&self->writing);
    holm_error_free(self->error);
    free(self->folder);
    free(self);
}
