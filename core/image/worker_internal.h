// Between the files of the worker.
#pragma once

#include "core/image/worker.h"

typedef struct worker_watcher {
    worker *owner;
    rpc_stream *stream;
    worker_task *task; // NULL: all of them
    bool over;
    struct worker_watcher *next;
} worker_watcher;

struct worker {
    worker_options options;
    pull_engine *engine;
    void *service_data[1]; // lives as long as the server
    rpc_server *server;    // NULL: it is ending
    worker_task *tasks;
    worker_watcher *watchers;
    uv_timer_t tell, idle;
    unsigned jobs;  // on uv's workers, without being tasks
    int leave_lock; // not -1: about to end
    bool sweeping;
    uv_mutex_t removing; // a removal's mark and its rows, or a sweep's look at both
};

/// Work that is no task keeps the process too.
void worker_job_begin(worker *self);
void worker_job_end(worker *self);

/// Removes the files that no image needs any more, once nothing adds any; in worker_remove.c.
void worker_sweep_when_possible(worker *self);

/// A call with one request and one answer whose work blocks.
typedef struct worker_call_methods {
    /// On a worker thread: the result, or NULL and the error.
    void *(*run)(worker *owner, const ProtobufCMessage *request, holm_error **error);
    /// On the loop, while the client is still there.
    void (*answer)(rpc_stream *stream, void *result);
    void (*release)(void *result); ///< NULL: free()
} worker_call_methods;
void worker_call_open(rpc_stream *stream, worker *owner, const worker_call_methods *methods);

/// Handlers of the service that have files of their own.
void worker_open_remove(rpc_stream *stream, void *data);
void worker_open_verify(rpc_stream *stream, void *data);
void worker_open_load(rpc_stream *stream, void *data);
void worker_open_import(rpc_stream *stream, void *data);
void worker_open_save(rpc_stream *stream, void *data);
void worker_open_login(rpc_stream *stream, void *data);
void worker_open_tags(rpc_stream *stream, void *data);
void worker_open_referrers(rpc_stream *stream, void *data);
void worker_open_remove_remote(rpc_stream *stream, void *data);
