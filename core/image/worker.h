// The image worker: tasks, those who watch them, and the end when nobody needs it any more.
#pragma once

#include <stdbool.h>
#include <uv.h>

#include "core/base/error.h"
#include "core/base/path.h"
#include "core/image/image.pb-c.h"
#include "core/image/pull.h"
#include "core/rpc/rpc.h"

typedef struct worker worker;
typedef struct worker_task worker_task;

typedef Holm__Image__V1__Progress worker_progress;

/// What a kind of task can do. `implementation` is the task's.
typedef struct worker_task_methods {
    /// Fills in what is under way (phase, layers, bytes), borrowed until the next call. May be NULL.
    void (*describe)(worker_task *task, worker_progress *out);
    /// Asks it to end: worker_task_end follows. NULL: it cannot be asked.
    void (*cancel)(worker_task *task);
} worker_task_methods;

struct worker_task {
    worker *owner;
    worker_task *next;
    char id[17];
    const char *kind; ///< pull, push, load, save, import, verify
    char *subject;
    char *key; ///< what makes two requests the same work; NULL: never the same
    int64_t started_unix_ns;
    const worker_task_methods *methods;
    void *implementation;
    bool changed, ended;
    // the end
    char *digest, *note; ///< NULL where there is none
    char **references;
    size_t reference_count;
    holm_error *error;
    char *error_seams; ///< where its contexts end, once it was told
    uv_timer_t *forget;
};

typedef struct worker_options {
    uv_loop_t *loop;
    const paths *where;
    credential_broker *broker;
    int lock; ///< the worker's own, kept until the end
    const char *const *certificate_folders;
    const json_t *settings; ///< as in registry_options; borrowed
    unsigned idle_ms;       ///< how long it stays without tasks and connections; 0: 10 s
} worker_options;

/// Opens everything and listens. Blocks for the disk; starts no thread.
worker *worker_create(const worker_options *options, holm_error **error);
/// Starts what waits to be done. From here on there may be threads.
void worker_begin(worker *self);
/// Asks it to end when it can: cancels the tasks. The loop runs out of handles then.
void worker_stop(worker *self);
void worker_destroy(worker *self);

uv_loop_t *worker_loop(const worker *self);
pull_engine *worker_engine(const worker *self);
const paths *worker_paths(const worker *self);

// ---- tasks ----

/// The running task with this key, or NULL.
worker_task *worker_task_find(worker *self, const char *key);
worker_task *worker_task_by_id(worker *self, const char *id);
/// Makes a task. Everything is copied but kind and methods.
worker_task *worker_task_create(worker *self, const char *kind, const char *subject, const char *key,
                                const worker_task_methods *methods, void *implementation);
/// Something has changed: those who watch are told soon.
void worker_task_changed(worker_task *task);
/// It has ended: with this digest (may be NULL), or the error (borrowed). Told at once; the implementation is
/// not asked any more.
void worker_task_end(worker_task *task, const char *digest, const holm_error *error);
void worker_task_cancel(worker_task *task);
/// Whether any task that adds blobs or layers runs.
bool worker_is_adding(const worker *self);

/// Sends the stream the progress of this task (NULL: of all) until it is over, or the stream is.
void worker_watch(worker *self, rpc_stream *stream, worker_task *task);

// ---- the service ----

/// holm.image.v1.Image; its data is the worker.
extern const rpc_service worker_service;

/// Starts or joins a pull; NULL with an error for a request that makes no sense.
worker_task *worker_pull(worker *self, const Holm__Image__V1__PullRequest *request, holm_error **error);
/// The same for a push.
worker_task *worker_push(worker *self, const Holm__Image__V1__PushRequest *request, holm_error **error);
