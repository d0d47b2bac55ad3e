// A copy of the writable layer while the container runs: the guest freezes its file system, which writes its
// journal out, the file is copied (holes and, where the host can, blocks kept), and the guest goes on. The
// shim does all of it, so that a front end that dies leaves nothing frozen.
#define LOG_MODULE "snapshot"
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/log.h"
#include "core/container/shim.h"

#define OPERATION_MS 30000

typedef struct snapshot {
    relay relay; // first: the call that waits for it
    shim *shim;
    uv_work_t work;
    char *from, *to;
    holm_error *error;
} snapshot;

static void snapshot_finish(snapshot *self) {
    static const Holm__Shim__V1__Empty empty = HOLM__SHIM__V1__EMPTY__INIT;
    shim *owner = self->shim;
    if (!relay_answer(&self->relay, &empty.base, self->error))
        unlink(self->to); // nobody takes it away
    holm_error_free(self->error);
    free(self->from);
    free(self->to);
    free(self);
    owner->snapshot_runs = false;
    owner->open_streams--;
    shim_finish_if_idle(owner);
}

static void operate(snapshot *self, Holm__Agent__V1__FilesystemOperationRequest__Operation operation,
                    rpc_call_done done) {
    Holm__Agent__V1__FilesystemOperationRequest request = HOLM__AGENT__V1__FILESYSTEM_OPERATION_REQUEST__INIT;
    request.operation = operation;
    request.path = (char *)"/";
    rpc_call_unary(self->shim->agent, shim_agent_protocol(), "FilesystemOperation", &request.base, done, self,
                   OPERATION_MS);
}

static void thawed(const ProtobufCMessage *answer, const holm_error *error, void *data) {
    (void)answer;
    if (error)
        log_warning("the container's file system is not thawed: %s", holm_error_message(error));
    snapshot_finish(data);
}

static void thaw(snapshot *self) {
    if (self->shim->agent)
        operate(self, HOLM__AGENT__V1__FILESYSTEM_OPERATION_REQUEST__OPERATION__THAW, thawed);
    else
        snapshot_finish(self); // the machine has gone meanwhile
}

static void copy(uv_work_t *work) {
    snapshot *self = work->data;
    unlink(self->to);
    file_copy_sparse(self->from, self->to, &self->error);
}

static void copied(uv_work_t *work, int status) {
    (void)status;
    thaw(work->data);
}

static void frozen(const ProtobufCMessage *answer, const holm_error *error, void *data) {
    snapshot *self = data;
    (void)answer;
    if (error) {
        // It may have been frozen after all, where the answer came too late.
        self->error = holm_error_copy(error);
        thaw(self);
        return;
    }
    self->work.data = self;
    uv_queue_work(self->shim->loop, &self->work, copy, copied);
}

static void refuse(waiter *call, const char *why) {
    cleanup_error holm_error *error = NULL;
    holm_error_set(&error, HOLM_ERROR_STATE, "the container %s %s", call->shim->name, why);
    rpc_stream_fail(call->stream, error);
}

static void handle_snapshot(waiter *call, const ProtobufCMessage *request) {
    shim *owner = call->shim;
    (void)request;
    if (owner->phase != SHIM_RUNNING || !owner->agent || owner->snapshot_runs) {
        refuse(call, owner->snapshot_runs ? "is being copied already" : "neither runs nor has it stopped");
        return;
    }
    snapshot *self = calloc(1, sizeof *self);
    *self = (snapshot){.relay = {call},
                       .shim = owner,
                       .from = path_join(owner->folder, "rw.ext4", NULL),
                       .to = path_join(owner->folder, "snapshot.ext4", NULL)};
    call->relay = &self->relay;
    owner->snapshot_runs = true;
    owner->open_streams++; // the shim stays until it is thawed
    operate(self, HOLM__AGENT__V1__FILESYSTEM_OPERATION_REQUEST__OPERATION__FREEZE, frozen);
}

void snapshot_open(rpc_stream *stream, void *data) {
    shim_open_call(stream, data, handle_snapshot);
}
