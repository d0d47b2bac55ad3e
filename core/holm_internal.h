// What the files of libholm share: the client, requests that alternate between worker and loop, and what has
// to be closed with the client.
#pragma once

#include "core/base/path.h"
#include "core/config/config.h"
#include "core/container/container.h"
#include "core/container/shim_protocol.h"
#include "core/holm.h"
#include "core/rpc/rpc.h"
#include "core/store/state.h"

static inline void holm_json_finish(json_t **value) {
    json_decref(*value);
}
#define cleanup_json cleanup(holm_json_finish)

/// Something under way on behalf of a client. It keeps the client's memory; `close` ends it when the client
/// is destroyed.
typedef struct holm_handle {
    holm_client *client;
    struct holm_handle *next, *previous;
    void (*close)(struct holm_handle *self);
} holm_handle;

struct holm_client {
    uv_loop_t *loop;
    paths where;
    config *config;
    unsigned pool;  // spares that are kept
    bool cold;      // what is started boots, instead of cloning a template
    bool destroyed; // by its owner: no callback of his is called any more
    unsigned users; // handles, and the owner
    holm_handle *handles;
    uv_mutex_t lock;    // of what follows: shared with the workers
    state *idle;        // an open handle that nobody uses right now
    uv_mutex_t opening; // held by the worker that opens state.db
    bool swept;         // what interrupted commands left behind has been looked for
};

void holm_handle_init(holm_handle *self, holm_client *client, void (*close)(holm_handle *self));
/// Takes it off the client, which may go with it.
void holm_handle_finish(holm_handle *self);

/// A state handle for one job on a worker, given back afterwards.
state *holm_state_take(holm_client *client, holm_error **error);
void holm_state_give(holm_client *client, state *db);

// ---- requests ----
// A request is steps: work (on a worker, with a state handle) and calls (to the container's shim, on the
// loop). Each step names the next one. The one that ends it calls holm_request_finish.

typedef struct holm_request holm_request;
typedef int (*holm_request_run)(holm_request *self, state *db, holm_error **error);
typedef void (*holm_request_next)(holm_request *self);
/// The answer of a call; borrowed.
typedef void (*holm_request_answer)(holm_request *self, const ProtobufCMessage *answer);

struct holm_request {
    holm_handle handle;
    uv_work_t work;
    holm_done done;
    void *data;

    // What was asked, owned.
    char *reference;
    char *text;
    json_t *json;
    int signal;
    unsigned grace_ms;
    bool flag;
    bool volumes;                                  // go along
    void (*prune_next)(struct holm_request *self); // after the images
    holm_request_run run_later;                    // once a disk is there
    bool asked_again;
    bool unreached;             // once
    const void *plan;           ///< of the file that made it
    void (*release)(void *own); ///< lets go of `own` at the end, or NULL
    void *own;

    // On the way.
    json_t *document; // of the container
    bool alive;       // its shim is there
    int lifeline;     // of a shim just launched, or to the image worker, or -1
    json_t *result;
    holm_error *error;
    rpc_connection *connection;
    int lock;                  ///< on what is copied or written meanwhile, or -1
    int disk;                  ///< that of the container, or the copy that its shim has made, or -1
    struct timespec disk_time; ///< when it was changed, before it was read
    int peer;                  ///< the shim that was asked, while it can be lost: a pidfd, or -1
    holm_request_run run;
    holm_request_next next;
    holm_request_next lost;
    holm_request_answer answer;
};

holm_request *holm_request_create(holm_client *client, holm_done done, void *data);
/// Runs `run` on a worker, then `next` on the loop; an error ends the request.
void holm_request_work(holm_request *self, holm_request_run run, holm_request_next next);
/// Calls a method of the shim of self->document. An error ends the request; but where the shim is gone
/// (UNAVAILABLE) and `lost` is not NULL, `lost` comes instead.
void holm_request_call(holm_request *self, const char *method, const ProtobufCMessage *message,
                       holm_request_answer answer, holm_request_next lost);
/// Calls a method of the image worker, whose descriptor (of image_client_connect) is self->lifeline.
void holm_request_call_worker(holm_request *self, const char *method, const ProtobufCMessage *message,
                              holm_request_answer answer);
/// Answers with self->result or self->error and frees the request.
void holm_request_finish(holm_request *self);

// ---- containers, on a worker ----

/// The container's document, put right where its shim is gone.
json_t *holm_container_look_up(holm_client *client, state *db, const char *reference, bool *alive,
                               holm_error **error);
/// A connection to the shim of the container with this id.
rpc_connection *holm_container_connect(holm_client *client, const char *id, rpc_connection_closed closed,
                                       void *data, holm_error **error);
const char *holm_document_id(const json_t *document);
/// A text of the status or configuration, "" where there is none.
const char *holm_document_status(const json_t *document, const char *key);
const char *holm_document_configuration(const json_t *document, const char *key);
/// Whether it has the label "KEY", or "KEY=VALUE" with that value.
bool holm_document_has_label(const json_t *document, const char *text);
/// Whether it was made before a time, or longer ago than a duration: 1, 0, or -1 with the error.
int holm_document_is_before(const json_t *document, const char *text, holm_error **error);
/// Says in the status of a container whether it stands still.
void holm_document_add_stall(const holm_client *client, json_t *document);
/// STATE: "the container NAME SENTENCE", and how it is started.
void holm_document_refuse(const json_t *document, const char *sentence, holm_error **error);
/// A run function: looks up self->reference into self->document and self->alive.
int holm_request_look_up(holm_request *self, state *db, holm_error **error);

/// A change of a container: `at_rest` is done while its shim is not there (IN_USE: it is), else the shim is
/// asked by `ask`, whose call ends with holm_change_done.
typedef struct holm_change {
    int (*at_rest)(holm_request *self, state *db, const char *id, holm_error **error);
    void (*ask)(holm_request *self, holm_request_next lost);
} holm_change;
/// Makes the change to the container self->reference; the result is its document.
void holm_request_change(holm_request *self, const holm_change *what);
void holm_change_done(holm_request *self, const ProtobufCMessage *answer);

/// Looks for what the bind mounts of a request name on the host, and makes the folders that it says may be
/// made.
int holm_mount_find_sources(json_t *request, holm_error **error);

/// {"exitCode", "reason"} or another message as an object: every field in camelCase.
json_t *holm_message_json(const ProtobufCMessage *message);

/// A process to make, as the shim is told of it; its texts are those of the document, which must outlive it.
typedef struct holm_process {
    Holm__Shim__V1__ProcessConfiguration message;
} holm_process;
void holm_process_init(holm_process *self, const json_t *document);
void holm_process_finish(holm_process *self);

// ---- watches ----

struct holm_watch {
    holm_handle handle;
    holm_watch_item item;
    holm_watch_ended ended;
    void *data;
    /// Lets go of everything; calls holm_watch_release at last, now or later from the loop.
    void (*end)(holm_watch *self);
    bool closed; // nothing is told any more
};

void holm_watch_init(holm_watch *self, holm_client *client, holm_watch_item item, holm_watch_ended ended,
                     void *data, void (*end)(holm_watch *self));
/// Tells an item (stolen), unless the watch is closed.
void holm_watch_tell(holm_watch *self, json_t *item);
/// Tells the end (error may be NULL, borrowed), unless it is closed, and lets go.
void holm_watch_finish(holm_watch *self, const holm_error *error);
/// Frees the memory: the last act of `end`.
void holm_watch_release(holm_watch *self);
