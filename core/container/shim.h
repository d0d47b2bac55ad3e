// The shim: one process per running container. What its files share.
//
// Everything runs on one loop but the jobs of shim_store.c and shim_log.c, which run one at a time on libuv's
// workers and touch only what they own.
//
// Life: main takes the lock, starts the machine, listens, says ready -> (machine ready) the agent is dialled
// and gets Prepare -> (start wanted) init is created and attached -> init ends, or Stop, or the machine is
// lost -> Shutdown in the guest, machine stopped -> the end is written to state.db, lock and folder are let
// go -> waiters are answered, what is still queued is delivered, the process ends.
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <uv.h>

#include "core/base/path.h"
#include "core/container/configuration.h"
#include "core/container/container_internal.h"
#include "core/container/shim.pb-c.h"
#include "core/container/terminal.h"
#include "core/network/port.h"
#include "core/rpc/rpc.h"
#include "core/store/state.h"
#include "guest/agent.pb-c.h"
#include "vm/machine.h"

#define SHIM_INIT             "init"
#define SHIM_AGENT_PORT       1024u
#define SHIM_SESSIONS_MOST    128u
#define SHIM_CONNECTIONS_MOST 256u
#define SHIM_WORKERS          4          ///< threads of libuv
#define SHIM_AFTER_EXIT_MOST  (8u << 20) // output taken without back pressure once its process has ended

typedef struct shim shim;
typedef struct session session;
typedef struct attachment attachment;
typedef struct shim_log shim_log;
typedef struct shim_health shim_health;
typedef struct shim_spare shim_spare;
typedef struct store_job store_job;

typedef enum shim_phase {
    SHIM_BOOTING,  ///< the machine comes up
    SHIM_PREPARED, ///< the guest is set up, init not yet asked for
    SHIM_STARTING, ///< init is being created
    SHIM_RUNNING,
    SHIM_STOPPING,   ///< init has ended or will not begin: guest and machine go
    SHIM_CLOSED,     ///< no machine any more; the end is being written
    SHIM_RESTARTING, ///< by its policy it starts again, after a delay
    SHIM_DONE,       ///< only answers are left to deliver
} shim_phase;

/// A unary call, from its request to its answer; it may wait in one list.
typedef struct waiter waiter;
typedef struct shim_sockets shim_sockets;
typedef struct shim_pressure shim_pressure;
typedef struct shim_changes shim_changes;

typedef struct relay {
    waiter *call; ///< NULL: its client has gone away meanwhile
} relay;
struct waiter {
    waiter *next;
    waiter **list; ///< that it waits in, or NULL
    shim *shim;
    rpc_stream *stream;
    void (*handler)(waiter *call, const ProtobufCMessage *request);
    relay *relay; ///< the question to the agent on its behalf, or NULL
};

/// What comes back with the tasks that say so; the caller owns all of it.
typedef struct helper_answer {
    int fd;   ///< with HELPER_JOIN the connection that keeps the place on the network; -1: none
    int card; ///< with HELPER_JOIN the machine's half of a card that was not there before; -1: none.
              ///< For the descriptors of HELPER_MOUNT see shim_mount_fetch
    int third;
    char *text;
} helper_answer;

/// A card of the machine and its place on a network.
typedef struct shim_card shim_card;
struct shim_card {
    shim_card *next;
    shim *shim;
    char name[CONFIGURATION_CARD_SIZE]; ///< in the guest and of the machine's device
    json_t *network;                    ///< as container_network_describe has it
    bool publishes;                     ///< the ports of the host lead in by it
    network_port port;
    uv_poll_t *watch; ///< of its control connection, or NULL
    bool joining;     ///< a worker is at it
    bool leaving;     ///< it goes as soon as it is not joining
    uv_work_t request;
    helper_answer answer; ///< that the worker has got
    holm_error *error;
};

struct shim {
    uv_loop_t *loop;
    paths where;
    const char *id; ///< a spare's is not known yet
    char *name;
    char *folder;
    char *runtime;
    json_t *configuration;
    json_t *told;      ///< by the launcher, see container_launch.c
    shim_spare *spare; ///< NULL: it has a container
    bool refilled;     ///< the pool, after its start
    bool plugged;      ///< it was a spare, and has given its machine what its container mounts
    int life;          ///< the lock's descriptor
    int launch_lock; ///< the short lock of whoever started it, until it listens; -1: none. In the helper its
                     ///< own
    uint64_t begin_ns;
    uint64_t prepare_ns; ///< when Prepare was sent
    int64_t guest_clock; ///< nanoseconds that the guest's clock is behind ours

    int lifeline; ///< write end of the launcher's pipe, -1: closed
    uv_poll_t lifeline_poll;
    uv_signal_t signals[2];
    uv_timer_t deadline; ///< of the step of the stop that runs
    uv_timer_t refill;   ///< of the pool
    bool handles_open;

    shim_phase phase;
    bool start_wanted;
    bool init_asked; ///< for its creation
    const machine_driver *driver;
    machine *machine;
    machine_accelerator accelerator;
    bool stalled; ///< the disk of the host is full: the machine stands still
    rpc_connection *agent;
    bool agent_ready; ///< Prepare has answered
    bool network_ready;
    bool confined;               ///< in every thread
    shim_card *cards;            ///< by their order, which is that of the guest's resolvers
    struct shim_change *changes; ///< one after the other; the first one is under way
    rpc_stream *agent_events;
    size_t guest_log_bytes;

    int volumes[CONFIGURATION_MOUNTS_MOST]; ///< locks on their files; 0: none
    struct shim_mount *mounts;              ///< see shim_mount_find
    bool mounts_listed;                     ///< those that it was started with are there

    int share_socket;       ///< to the daemon of the shares, for the next VMM; -1: none
    int share_process;      ///< its pidfd; -1: none
    uv_poll_t *share_watch; ///< of its end, or NULL
    shim_changes *changes_of_shares;

    shim_sockets *sockets; ///< NULL: none
    shim_pressure *pressure;

    uint64_t memory_peak; ///< most blocks of guest memory a sample has seen

    rpc_server *server;
    void *service_data[1];
    bool snapshot_runs;    ///< its disk is being copied
    unsigned open_streams; ///< calls on the server that are not closed yet
    session *init;
    session *sessions; ///< exec sessions
    unsigned session_count;
    uint64_t session_counter;
    shim_log *log;
    shim_health *health; ///< NULL: not asked for, or not yet

    waiter *start_waiters;
    waiter *end_waiters; ///< Wait and Stop
    int stop_signal;
    uint32_t stop_grace_ms;
    bool stop_asked;
    bool machine_stopping;
    bool abandoned;    ///< never started: no end to record
    bool user_ended;   ///< stopped or killed by a front end, not by itself
    bool kept;         ///< not removed with its end: it is to start again
    bool restarts;     ///< decided, once its machine is gone
    bool handing_over; ///< the next shim takes the container over

    // How it ended.
    bool ended;
    int exit_code;
    const char *reason; ///< static
    int64_t started_ns; ///< 0: it never ran
    int64_t finished_ns;
    holm_error *failure; ///< why it could not start or was lost

    int helper; ///< socket to it
    uv_mutex_t helper_lock;
    struct confine *confinement; ///< prepared and not yet entered, see shim_confine.c
    int proc[4];                 ///< smaps_rollup and stat of the VMM and of this process, see shim_confine.c

    // shim_store.c
    store_job *jobs, **jobs_tail;
    bool job_runs;
    unsigned job_count;
    state *db; ///< touched by jobs only
};

// ---- shim_trace.c ----

/// A step on the way is done: for the log and the trace.
void shim_step(const shim *self, const char *what);
/// Puts the guest's clock beside ours, when the answer has come to a call that was sent at sent_ns (our
/// clock) and was worked on from begun_ns to done_ns (the guest's).
void shim_trace_clock(shim *self, uint64_t sent_ns, uint64_t begun_ns, uint64_t done_ns);
/// What the guest has done, once its clock is known.
void shim_trace_guest(const shim *self, Holm__Agent__V1__Step *const *steps, size_t count);

// ---- shim_main.c ----

void shim_lifeline_close(shim *self);
/// Lets go of the short lock that came with its start.
void shim_unlock_launch(shim *self);
/// Tells the launcher that it can be spoken to, and from then on hears of the launcher's end.
void shim_ready(shim *self);
void shim_open_log(const shim *self);
/// Its configuration, as it is now by what it was told.
int shim_read_configuration(shim *self, holm_error **error);
/// Its container's name as it was told, else the id.
void shim_take_name(shim *self);
/// The container's lock and folders are its own: its predecessor's machine is waited for.
int shim_take_over(shim *self, holm_error **error);
/// Makes its log and its first process's session.
void shim_begin_sessions(shim *self);
/// Tells the launcher, where it is still there, why the container could not start.
void shim_lifeline_fail(const shim *self, const holm_error *error);
/// Ends a shim that could not take its container up; `folder`, where not NULL, is removed. The launcher may
/// go on as soon as it hears why, so what others could want is let go before.
_Noreturn void shim_give_up(shim *self, const char *folder, const holm_error *error);

// ---- shim_boot.c: machine, agent, init ----

int shim_boot(shim *self, holm_error **error);
#define SHIM_DISK_LAYERS   "layers"
#define SHIM_DISK_WRITABLE "writable"
#define SHIM_DISK_VOLUME   "volume%zu" // by its place among the mounts
/// Gives `put` (of the driver) each of the container's disks but its volumes.
int shim_disks(shim *self, int (*put)(machine *self, const machine_disk *disk, holm_error **error),
               holm_error **error);
/// What the agent is asked for first; the caller owns it.
Holm__Agent__V1__PrepareRequest *shim_prepare_request(const shim *self, const char *id, holm_error **error);
/// Init may run from now on.
void shim_start(shim *self);
/// Ends the start with this error (copied): code 127, 126 or 125.
void shim_start_failed(shim *self, const holm_error *error);
const rpc_service *shim_agent_protocol(void);
/// The network is there, or none is wanted.
void shim_boot_network_ready(shim *self);
/// Every thread is confined.
void shim_boot_confined(shim *self);

// ---- shim_spare.c: a shim without a container ----

int shim_spare_begin(shim *self, holm_error **error);
/// The agent is there.
void shim_spare_rehearse(shim *self);
/// Ends the process.
void shim_spare_end(shim *self, const char *why) __attribute__((noreturn));
/// Within shim and helper: takes the container over that `told` (taken over) is about.
int shim_spare_adopt(shim *self, json_t *told, holm_error **error);

// ---- shim_refill.c: the pool ----

/// A spare is made for the next start, once: when the container has ended, or else some time after its start.
void shim_spare_refill(shim *self);
void shim_spare_refill_later(shim *self);

// ---- shim_helper.c: what a confined shim cannot do itself ----

typedef enum helper_task {
    HELPER_JOIN = 'j',    ///< take the place on a network; descriptors come back
    HELPER_PUBLISH = 'p', ///< open and close ports of the host, as the row says
    HELPER_LEAVE = 'v',   ///< forget the card of a network
    HELPER_CLEAN = 'c',   ///< remove the runtime folder and the published sockets
    HELPER_REMOVE = 'r',  ///< remove the container; after HELPER_LOCK
    HELPER_LOCK = 'l',    ///< take the container's short lock and keep it
    HELPER_SSH = 'a',     ///< reach the user's SSH agent; a descriptor comes back
    HELPER_ADOPT = 't',   ///< of a spare: know the container it is for, as told
    HELPER_SPARE = 'w',   ///< count its start, and see to it that there are spares
    HELPER_MOUNT = 'm',   ///< open what is behind a mount of the row; descriptors come back
    HELPER_UNMOUNT = 'u', ///< end what serves it
    HELPER_RESTART = 's', ///< start the next shim; after HELPER_LOCK
} helper_task;

/// Forks the helper; before there are threads, and before the machine. It ends with us.
int shim_helper_start(shim *self, holm_error **error);
/// Blocks until it is done: from a worker. `about` is the network, or the place of the mount, for the tasks
/// that are about one, else NULL; so may be `answer`.
int shim_helper_ask(shim *self, helper_task task, const char *about, helper_answer *answer,
                    holm_error **error);
/// Has the helper of a spare adopt the container, too; blocks.
int shim_helper_adopt(shim *self, const char *told, holm_error **error);
void shim_helper_stop(shim *self);

// ---- shim_confine.c ----

/// Puts the rules together, which takes files being opened: it costs nothing while the machine is starting.
void shim_confine_prepare(shim *self);
/// Gives up everything but this container's files and what is open already: this thread at once, and when all
/// the others have done so the guest may be prepared (shim_boot_confined). Once, when the machine is ready.
int shim_confine(shim *self, holm_error **error);

// ---- shim_end.c ----

/// Init has ended, or will never run: the guest is shut down, then the machine, then all of it is written.
void shim_end(shim *self, int exit_code, const char *reason, int64_t finished_ns, const holm_error *failure);
/// signal 0, grace 0: the container's own.
void shim_stop(shim *self, int signal_number, uint32_t grace_ms);
/// What shim_stop asked for, once init runs.
void shim_stop_running(shim *self);
/// The launcher is gone and nobody asked for a start.
void shim_abandon(shim *self);
void shim_machine_closed(shim *self, machine_end end);
/// Ends the process once nothing is left to deliver.
void shim_finish_if_idle(shim *self);
void shim_exit_status(const shim *self, Holm__Shim__V1__ExitStatus *out);

/// Writes the end for good where its restart was waited for.
void shim_end_for_good(shim *self);

// ---- shim_restart.c ----

/// Whether its policy starts it again now that it has ended.
bool shim_restart_due(const shim *self);
/// What the status says while the restart is waited for.
void shim_restart_describe(const shim *self, json_t *changes);
/// Waits for the delay, then hands the container to a new shim.
void shim_restart_wait(shim *self);
/// Without waiting any longer; nothing where no restart is waited for.
void shim_restart_now(shim *self);

// ---- shim_health.c ----

/// Init runs: from now on it is asked how it is, where its configuration says so.
void shim_health_start(shim *self);
/// Asks no more. Accepts one that was never started.
void shim_health_stop(shim *self);
/// Output and end of the program that asks.
void shim_health_output(shim_health *self, const void *bytes, size_t length);
void shim_health_ended(shim_health *self, const Holm__Agent__V1__ProcessExit *exit, const holm_error *error);

// ---- shim_service.c ----

int shim_listen(shim *self, holm_error **error);
void waiters_answer(waiter **list, const ProtobufCMessage *answer, const holm_error *error);
void waiter_add(waiter **list, waiter *call);
/// Makes an exec session (not started yet). name NULL or "": one is made.
session *shim_exec(shim *self, const Holm__Shim__V1__ProcessConfiguration *request, const char *name,
                   holm_error **error);

/// Answers the call that asked, with the error where there is one. false: its client has gone away meanwhile.
bool relay_answer(relay *self, const ProtobufCMessage *answer, const holm_error *error);

/// A call with one request; the handler answers it, now or later.
void shim_open_call(rpc_stream *stream, shim *self,
                    void (*handler)(waiter *call, const ProtobufCMessage *request));

// ---- shim_copy.c: what the agent answers ----

void shim_copy_open(rpc_stream *stream, void *data);
void shim_stat_open(rpc_stream *stream, void *data);
void shim_list_folder_open(rpc_stream *stream, void *data);
void shim_read_file_open(rpc_stream *stream, void *data);

// ---- shim_snapshot.c ----

void snapshot_open(rpc_stream *stream, void *data);

// ---- shim_session.c ----

struct session {
    session *next;
    shim *shim;
    char *name;
    Holm__Agent__V1__Process *process;
    bool keep;
    shim_health *health; ///< that asked for it, or NULL
    bool created;        ///< the agent has made it
    bool ended;
    bool process_ended; ///< told by the event stream, before its last output has come
    uint32_t pid;
    uint32_t columns, rows;
    Holm__Agent__V1__ProcessExit *exit; ///< NULL: not known
    rpc_stream *stream;                 ///< the agent's Attach, NULL: not open
    bool opened_again;
    bool paused;
    uint64_t after_exit;
    terminal *screen; ///< NULL: no terminal
    attachment *attachments;
    waiter *exec_waiters; ///< Exec calls that wait for its creation
};

struct attachment {
    attachment *next;
    shim *shim;
    session *session; ///< NULL: its header has not come, or the session has let it go
    rpc_stream *stream;
    bool joined; ///< its header has come
    bool told;   ///< Attached was sent
    bool input;  ///< it sends input
    bool repaint;
};

/// For calls whose answer changes nothing.
void shim_ignore(const ProtobufCMessage *response, const holm_error *error, void *data);
/// Makes a session; `process` is taken over.
session *session_create(shim *self, const char *name, Holm__Agent__V1__Process *process);
void session_destroy(session *self);
session *session_find(shim *self, const char *name);
/// Creates the process in the guest and takes its streams.
void session_start(session *self);
void session_resize(session *self, uint32_t columns, uint32_t rows);
void session_signal(shim *self, const char *process, int number);
/// The event stream says that its process has ended.
void session_process_ended(session *self);
/// Ends the attachments: with the exit, or with the error.
void session_release(session *self, const Holm__Shim__V1__ExitStatus *status, const holm_error *error);
/// Pauses or resumes the agent's stream, by what the slowest reader and the log can take.
void session_throttle(session *self);

// ---- shim_attach.c ----

void attach_open(rpc_stream *stream, void *data);
void attachment_tell(attachment *self);
void attachment_output(attachment *self, int stream, const void *bytes, size_t length);

// ---- shim_log.c ----

shim_log *shim_log_create(shim *self);
void shim_log_add(shim_log *self, int stream, const void *bytes, size_t length);
bool shim_log_congested(const shim_log *self);
/// Writes what is left; `done` comes from the loop.
void shim_log_flush(shim_log *self, void (*done)(shim *self));
void shim_log_destroy(shim_log *self);

// ---- shim_store.c ----

/// Runs on a worker, after all jobs before it. `done` (may be NULL) gets the error or NULL, on the loop.
typedef int (*store_work)(shim *self, state *db, void *data, holm_error **error);
typedef void (*store_done)(shim *self, const holm_error *error, void *data);
void shim_store_post(shim *self, store_work work, store_done done, void *data);
/// Merges `changes` (taken over) into the status and adds an event (`action` NULL: none; attributes taken
/// over).
void shim_store_note(shim *self, json_t *changes, const char *action, json_t *attributes);

// ---- shim_statistics.c ----

void statistics_open(rpc_stream *stream, void *data);
