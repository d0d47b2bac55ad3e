// All that PID 1 knows: what main makes and the calls work on.
#pragma once

#include <uv.h>

#include "core/base/acceptor.h"
#include "core/base/watch.h"
#include "core/rpc/rpc.h"
#include "guest/agent.pb-c.h"
#include "guest/steps.h"

#define AGENT_PORT        1024 ///< where the agent listens and, on the host, is waited for (vsock)
#define AGENT_CONNECTIONS 64
#define AGENT_REHEARSAL   "rehearsal" ///< the argument with which it only says that it is there
#define AGENT_LIST_MAX    1024        ///< entries of any list a client can make longer

#define AGENT_FILESYSTEMS_MAX 64 ///< whose names are known in events
#define AGENT_FILESYSTEM_NAME 64

/// A file system whose errors are told.
typedef struct agent_filesystem {
    int id[2]; ///< as statfs(2) has it
    char name[AGENT_FILESYSTEM_NAME];
} agent_filesystem;

typedef struct process process;
typedef struct process_attachment process_attachment;
typedef struct event_listener event_listener;
typedef struct relay relay;

/// See reclaim.h.
typedef struct agent_reclaim {
    uv_timer_t timer;
    uv_work_t work;
    uint64_t used_usec; ///< of CPU, at the last look
    unsigned idle_looks;
    bool working;
    bool fruitless; ///< until the container works again
} agent_reclaim;

typedef struct agent {
    uv_loop_t *loop;
    rpc_server *server;
    void *service_data[1]; ///< the server's
    acceptor *listener;
    uv_work_t nothing; ///< of a template
    uv_work_t rescan;  ///< of a clone that wakes up

    // The next are shared with worker threads.
    uv_mutex_t lock;
    steps boot; ///< what was done up to the end of Prepare
    bool rescanned;
    Holm__Agent__V1__MountRequest **later_mounts; ///< for the first process, see container_mounts.h
    size_t later_mount_count;
    Holm__Agent__V1__KeyValue **sysctls; ///< for the first process
    size_t sysctl_count;
    bool root_read_only;
    agent_filesystem filesystems[AGENT_FILESYSTEMS_MAX]; ///< see filesystem_watch.h
    size_t filesystem_count;
    char **environment; ///< KEY=value, for processes created later
    size_t environment_count;

    int device_filter;  ///< in place, see device_filter.h; -1: taken off
    process *processes; ///< linked list
    size_t process_count;
    int devpts; ///< the container's; -1 while it has none
    event_listener *listeners;
    relay *relays;
    uint64_t relay_number; ///< of the last one
    uv_signal_t child_ended;
    watch *filesystem_errors;
    uv_fs_event_t memory_events;
    uint64_t oom_kills; ///< as last told
    agent_reclaim reclaim;
    bool stopping;  ///< Shutdown has begun: no new processes
    bool preparing; ///< Prepare is under way: new processes wait for it
} agent;

static inline uv_loop_t *agent_loop(agent *self) {
    return self->loop;
}

/// Keeps a mount for the first process. LIMIT when there are too many. From any thread.
int agent_keep_mount(agent *self, const Holm__Agent__V1__MountRequest *request, holm_error **error);
/// Keeps a sysctl of the container's own namespaces for the first process. From any thread.
int agent_keep_sysctl(agent *self, const char *key, const char *value, holm_error **error);
/// Sets KEY=value for processes created later. From any thread.
int agent_set_environment(agent *self, const char *variable, holm_error **error);
/// Forgets what was kept for processes and told by steps. From any thread, with no process there.
void agent_forget(agent *self);
/// Notes a step that began at begin_ns and ends now. From any thread.
void agent_note_step(agent *self, const char *name, uint64_t begin_ns);
/// A deep copy of a message.
ProtobufCMessage *agent_copy_message(const ProtobufCMessage *message);

/// The service of agent.proto; its data is the agent.
extern const rpc_service agent_service;
