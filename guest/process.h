// The processes the agent was asked for: known by name, started, waited for, ended.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/base/buffer.h"
#include "core/base/watch.h"
#include "guest/agent.h"
#include "guest/call.h"

#define PROCESS_FIRST    "init" ///< the name of the container's own process
#define PROCESS_NAME_MAX 128
#define PROCESSES_MAX    512

typedef enum process_state {
    PROCESS_CREATING, ///< its child sets itself up
    PROCESS_CREATED,  ///< waits for StartProcess
    PROCESS_STARTING, ///< told to run its program
    PROCESS_RUNNING,
    PROCESS_EXITED,
} process_state;

typedef struct process_waiter {
    struct process_waiter *next;
    process *of;
    call *answer;
} process_waiter;

typedef struct process_chunk process_chunk;

struct process {
    process *next;
    agent *agent;
    char *name;
    bool terminal;
    process_state state;
    pid_t pid; ///< in the agent's own namespace
    watch *report;
    call *creating, *starting;
    Holm__Agent__V1__Process *held; ///< to be made when the machine is prepared, or NULL
    bool start_at_once;
    process_waiter *waiters;
    steps done;                        ///< of its creation
    uint64_t oom_kills;                ///< of the group when it was created
    Holm__Agent__V1__ProcessExit exit; ///< name belongs to the process

    // Standard streams, see process_streams.c.
    watch *output[2]; ///< standard output (or the terminal), standard error
    bool ended[2];
    watch *input;
    int slave;        ///< of the terminal: kept open so that it outlives the last user inside
    buffer pending;   ///< input not yet taken
    bool close_input; ///< once that is written
    process_attachment *attachment;
    process_chunk
        *chunks; ///< output given to the attachment that its connection has not taken yet, oldest first
    process_chunk **chunks_end;
};

process *process_find(agent *self, const char *name);
/// The one with that name, or NULL and NOT_FOUND.
process *process_get(agent *self, const char *name, holm_error **error);
/// The container's own process while it runs, or NULL.
process *process_first(agent *self);
/// The machine is prepared, or is not (error): what was asked for meanwhile is made, or fails.
void process_create_held(agent *self, const holm_error *error);
/// Reaps all that has ended, ours and orphans.
void process_reap_all(agent *self);

// The calls of the service.
void process_create(agent *self, const ProtobufCMessage *request, call *answer);
void process_start(agent *self, const ProtobufCMessage *request, call *answer);
void process_wait_exit(agent *self, const ProtobufCMessage *request, call *answer);
ProtobufCMessage *process_signal(agent *self, const ProtobufCMessage *request, holm_error **error);
ProtobufCMessage *process_resize(agent *self, const ProtobufCMessage *request, holm_error **error);
ProtobufCMessage *process_delete(agent *self, const ProtobufCMessage *request, holm_error **error);

// ---- standard streams (process_streams.c) ----

/// For a process just made: no streams yet.
void process_streams_init(process *self);
/// Takes over the agent's ends: `input` and `error` may be -1. Each is closed when this fails.
int process_streams_open(process *self, int input, int output, int error_output, holm_error **error);
/// Sends what there is to the attachment, if any; called whenever that may have become possible.
void process_streams_pump(process *self);
/// Everything closed, the attachment ended with that error.
void process_streams_finish(process *self, const holm_error *error);
/// A new Attach call.
void process_attach_open(rpc_stream *stream, void *agent);
int process_streams_resize(const process *self, uint32_t columns, uint32_t rows);
