// The calls of image.proto.
#include <string.h>

#include "core/image/archive.h"
#include "core/image/disk.h"
#include "core/image/image_client.h"
#include "core/image/worker_internal.h"

// A call with one message from the client, which arrives after the call has been opened.
typedef struct once {
    worker *owner;
    bool answered;
} once;

static void on_once_closed(rpc_stream *stream, rpc_code code, const char *text, void *data) {
    (void)stream;
    (void)code;
    (void)text;
    free(data);
}

static void expect(rpc_stream *stream, void *data, const rpc_stream_events *events) {
    once *call = calloc(1, sizeof *call);
    call->owner = data;
    rpc_stream_set_events(stream, events, call);
}

// ---- Pull ----

static void on_pull(rpc_stream *stream, const ProtobufCMessage *message, void *data) {
    once *call = data;
    worker *owner = call->owner;
    cleanup_error holm_error *error = NULL;
    worker_task *task = worker_pull(owner, (const Holm__Image__V1__PullRequest *)message, &error);
    if (!task) {
        rpc_stream_fail(stream, error);
        return;
    }
    free(call); // the watcher takes the stream over
    worker_watch(owner, stream, task);
}

static void open_pull(rpc_stream *stream, void *data) {
    static const rpc_stream_events events = {.message = on_pull, .close = on_once_closed};
    expect(stream, data, &events);
}

// ---- Push ----

static void on_push(rpc_stream *stream, const ProtobufCMessage *message, void *data) {
    once *call = data;
    worker *owner = call->owner;
    cleanup_error holm_error *error = NULL;
    worker_task *task = worker_push(owner, (const Holm__Image__V1__PushRequest *)message, &error);
    if (!task) {
        rpc_stream_fail(stream, error);
        return;
    }
    free(call);
    worker_watch(owner, stream, task);
}

static void open_push(rpc_stream *stream, void *data) {
    static const rpc_stream_events events = {.message = on_push, .close = on_once_closed};
    expect(stream, data, &events);
}

// ---- Watch ----

static void on_watch(rpc_stream *stream, const ProtobufCMessage *message, void *data) {
    (void)message;
    once *call = data;
    worker *owner = call->owner;
    free(call);
    worker_watch(owner, stream, NULL);
}

static void open_watch(rpc_stream *stream, void *data) {
    static const rpc_stream_events events = {.message = on_watch, .close = on_once_closed};
    expect(stream, data, &events);
}

// ---- Cancel ----

static void on_cancel(rpc_stream *stream, const ProtobufCMessage *message, void *data) {
    once *call = data;
    const Holm__Image__V1__CancelRequest *request = (const Holm__Image__V1__CancelRequest *)message;
    worker_task *task = worker_task_by_id(call->owner, request->task);
    if (!task) {
        cleanup_error holm_error *error = NULL;
        holm_error_set(&error, HOLM_ERROR_NOT_FOUND, "there is no such task");
        rpc_stream_fail(stream, error);
        return;
    }
    worker_task_cancel(task);
    Holm__Image__V1__Empty reply = HOLM__IMAGE__V1__EMPTY__INIT;
    rpc_stream_reply(stream, &reply.base);
}

static void open_cancel(rpc_stream *stream, void *data) {
    static const rpc_stream_events events = {.message = on_cancel, .close = on_once_closed};
    expect(stream, data, &events);
}

// ---- blocking calls: the request goes to one of uv's workers, the answer comes from the loop ----

typedef struct worker_call {
    uv_work_t work;
    worker *owner;
    rpc_stream *stream; // NULL: the client has gone
    const worker_call_methods *methods;
    ProtobufCMessage *request;
    void *result;
    holm_error *error;
} worker_call;

static void on_call_closed(rpc_stream *stream, rpc_code code, const char *text, void *data) {
    (void)stream;
    (void)code;
    (void)text;
    worker_call *call = data;
    call->stream = NULL;
    if (!call->request) // it never came
        free(call);
}

static void run_call(uv_work_t *work) {
    worker_call *call = work->data;
    call->result = call->methods->run(call->owner, call->request, &call->error);
}

static void after_call(uv_work_t *work, int status) {
    (void)status;
    worker_call *call = work->data;
    if (call->stream && call->error)
        rpc_stream_fail(call->stream, call->error);
    else if (call->stream)
        call->methods->answer(call->stream, call->result);
    if (call->stream)
        rpc_stream_set_events(call->stream, &(rpc_stream_events){0}, NULL);
    if (call->methods->release)
        call->methods->release(call->result);
    else
        free(call->result);
    worker *owner = call->owner;
    protobuf_c_message_free_unpacked(call->request, NULL);
    holm_error_free(call->error);
    free(call);
    worker_job_end(owner);
}

static void on_call_message(rpc_stream *stream, const ProtobufCMessage *message, void *data) {
    (void)stream;
    worker_call *call = data;
    if (call->request)
        return; // one is enough
    // The message is freed after this call: the worker gets its own.
    cleanup_free uint8_t *packed = malloc(protobuf_c_message_get_packed_size(message) + 1);
    size_t length = protobuf_c_message_pack(message, packed);
    call->request = protobuf_c_message_unpack(message->descriptor, NULL, length, packed);
    if (!call->request)
        abort(); // only without memory: it has just been packed
    call->work.data = call;
    worker_job_begin(call->owner);
    uv_queue_work(worker_loop(call->owner), &call->work, run_call, after_call);
}

void worker_call_open(rpc_stream *stream, worker *owner, const worker_call_methods *methods) {
    static const rpc_stream_events events = {.message = on_call_message, .close = on_call_closed};
    worker_call *call = calloc(1, sizeof *call);
    call->owner = owner;
    call->stream = stream;
    call->methods = methods;
    rpc_stream_set_events(stream, &events, call);
}

// ---- MakeDisk ----

static void *run_make_disk(worker *owner, const ProtobufCMessage *message, holm_error **error) {
    const Holm__Image__V1__MakeDiskRequest *request = (const Holm__Image__V1__MakeDiskRequest *)message;
    const disk_journal journal = {*request->journal_mode ? request->journal_mode : NULL,
                                  request->journal_bytes};
    const image_disk_shape shape = {request->size_bytes, journal.mode, journal.bytes};
    if (disk_journal_check(&journal, error) < 0) // its name becomes one of a file
        return NULL;
    cleanup_free char *folder = path_join(worker_paths(owner)->data, "disks", NULL);
    cleanup_free char *path = image_client_disk_of(worker_paths(owner), &shape);
    cleanup_free char *temporary = path_format("%s.%d.%p.tmp", path, (int)getpid(), (const void *)&path);
    if (access(path, R_OK) == 0)
        return steal_pointer(&path);
    if (path_make_directories(folder, error) < 0 ||
        disk_make(temporary, request->size_bytes, &journal, error) < 0)
        return NULL;
    if (rename(temporary, path) < 0) {
        holm_error_set_errno(error, errno, "make the disk %s", path);
        unlink(temporary);
        return NULL;
    }
    return steal_pointer(&path);
}

static void answer_make_disk(rpc_stream *stream, void *result) {
    Holm__Image__V1__MakeDiskResponse reply = HOLM__IMAGE__V1__MAKE_DISK_RESPONSE__INIT;
    reply.path = result;
    rpc_stream_reply(stream, &reply.base);
}

static void open_make_disk(rpc_stream *stream, void *data) {
    static const worker_call_methods methods = {.run = run_make_disk, .answer = answer_make_disk};
    worker_call_open(stream, data, &methods);
}

// ---- Unpack ----

static void *run_unpack(worker *owner, const ProtobufCMessage *message, holm_error **error) {
    const char *id = ((const Holm__Image__V1__UnpackRequest *)message)->id;
    const archive_options options = {.blobs = pull_engine_blobs(worker_engine(owner)),
                                     .data_directory = worker_paths(owner)->data};
    return archive_image_unpack(&options, id, error) < 0 ? NULL : strdup(id);
}

static void answer_unpack(rpc_stream *stream, void *result) {
    Holm__Image__V1__Empty reply = HOLM__IMAGE__V1__EMPTY__INIT;
    (void)result;
    rpc_stream_reply(stream, &reply.base);
}

static void open_unpack(rpc_stream *stream, void *data) {
    static const worker_call_methods methods = {.run = run_unpack, .answer = answer_unpack};
    worker_call_open(stream, data, &methods);
}

#define METHOD(name_, request_, response_, open_)                               \
    {                                                                           \
        .name = name_, .request = &holm__image__v1__##request_##__descriptor,   \
        .response = &holm__image__v1__##response_##__descriptor, .open = open_, \
    }

static const rpc_method methods[] = {
    METHOD("Pull", pull_request, progress, open_pull),
    METHOD("Push", push_request, progress, open_push),
    METHOD("Cancel", cancel_request, empty, open_cancel),
    METHOD("Watch", empty, progress, open_watch),
    METHOD("MakeDisk", make_disk_request, make_disk_response, open_make_disk),
    METHOD("Unpack", unpack_request, empty, open_unpack),
    METHOD("Load", load_input, progress, worker_open_load),
    METHOD("Import", load_input, progress, worker_open_import),
    METHOD("Save", save_request, save_output, worker_open_save),
    METHOD("Verify", verify_request, progress, worker_open_verify),
    METHOD("Remove", remove_request, remove_response, worker_open_remove),
    METHOD("Login", login_request, empty, worker_open_login),
    METHOD("Tags", tags_request, tags_response, worker_open_tags),
    METHOD("Referrers", referrers_request, referrers_response, worker_open_referrers),
    METHOD("RemoveRemote", remove_remote_request, remove_remote_response, worker_open_remove_remote),
};

const rpc_service worker_service = {
    .name = "holm.image.v1.Image",
    .methods = methods,
    .method_count = array_length(methods),
};
