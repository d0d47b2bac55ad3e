// What the dashboard knows: documents of libholm taken apart once, escaped for display, with the history of
// their figures. No terminal, no requests.
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "tui/graph.h"

typedef struct model_stats {
    bool known;
    double cpu_of_core, cpu_of_share, cpus; ///< percent of one core, percent of its share, the share in cores
    uint64_t memory, memory_limit, given_back, host_memory;
    uint64_t rx, tx, read, written;                 ///< totals
    double rx_rate, tx_rate, read_rate, write_rate; ///< bytes a second
    unsigned processes;
    int64_t unix_ns;
    history cpu_history, memory_history, rx_history, tx_history, read_history, write_history, back_history,
        process_history;
} model_stats;

typedef struct model_container {
    char *id, *name, *image, *state, *reason, *error, *command, *address;
    char *health;        ///< "starting", "healthy", "unhealthy"; "": it is not asked
    char *health_output; ///< of the last check
    int exit_code;
    int64_t created, started, finished; ///< unix seconds; 0: never
    unsigned restarts;
    unsigned health_failures; ///< in a row
    int health_code;          ///< of the last check
    bool terminal;            ///< its own process has one
    double cpus;              ///< configured
    uint64_t memory;          ///< configured
    bool pending;             ///< a request of ours is under way
    bool stalled;             ///< the disk of the host is full
    json_t *document;
    model_stats *stats;
} model_container;

typedef struct model_image {
    char *id, *name; ///< name: the shortest way to say its first reference
    char *platform;
    uint64_t size, unique;
    int64_t created;
    unsigned containers, layers;
    json_t *document;
} model_image;

typedef struct model_network {
    char *id, *name, *subnet, *gateway, *subnet6, *gateway6, *mode; ///< of IPv6: "" where it has none
    int64_t created;
    json_t *document;
} model_network;

typedef struct model_volume {
    char *id, *name;
    uint64_t used, size; ///< bytes on the host's disk, and at most; 0: not known
    int64_t created;
    bool anonymous;
    json_t *document;
} model_volume;

#define MODEL_MOST_EVENTS 500

typedef struct model_event {
    char *id; ///< its sequence number
    char *kind, *action, *name, *text;
    int64_t unix_ns;
    json_t *document;
} model_event;

typedef struct model_layer {
    char digest[16];
    char phase[16];
    uint64_t done, total;
} model_layer;

#define MODEL_MOST_LAYERS 128

/// What became of one of many things that an action was for.
typedef struct model_outcome {
    char *name, *problem; ///< problem: only of one that failed
    enum { OUTCOME_WAITING, OUTCOME_DONE, OUTCOME_FAILED } state;
} model_outcome;

typedef struct model_task {
    char *id, *kind, *subject, *phase, *error, *hint;
    uint64_t bytes_done, bytes_total;
    double rate; ///< bytes a second, smoothed
    int64_t started_ns, sampled_ns;
    uint64_t sampled_bytes;
    bool done, failed;
    char *reference;      ///< of a pull of ours, as it was typed: by it the pull goes on; or NULL
    bool pausing, paused; ///< it has been asked to end for now; it has
    size_t layer_count;
    model_layer *layers;
    size_t outcome_count; ///< of a task of ours: one action on many things
    model_outcome *outcomes;
    char *output; ///< of a command of the user's: its last lines, safe to show; or NULL
} model_task;

/// What the doctor found of one thing that is needed.
typedef struct model_check {
    enum { CHECK_GOOD, CHECK_NOTE, CHECK_MISSING } state;
    char *name, *looked, *found, *advice; ///< advice "": nothing is to be done
} model_check;

typedef struct model_host {
    int cpus;
    double cpu; ///< percent of all; -1: not known yet
    uint64_t memory_total, memory_used, given_back;
    history cpu_history, memory_history, rx_history, tx_history, read_history, write_history,
        thread_history; ///< rates in bytes a second
} model_host;

typedef struct model_state {
    bool containers_known, images_known, networks_known, volumes_known; ///< a first answer has come
    model_container *containers;
    size_t container_count;
    model_image *images;
    size_t image_count;
    model_network *networks;
    size_t network_count;
    model_volume *volumes;
    size_t volume_count;
    model_event *events; ///< newest first
    size_t event_count;
    model_task *tasks; ///< oldest first
    size_t task_count;
    unsigned batches; ///< tasks of ours so far
    model_host host;
    char *accelerator, *accelerator_reason, *version, *kernel;
    int kernel_percent; ///< while the guest kernel is being built; -1: it is not
    bool system_known, checks_known;
    model_check *checks;
    size_t check_count;
    char *lost; ///< why the backend does not answer, or NULL
} model_state;

void model_finish(model_state *self);

/// Take a list of documents as the truth of now. History and pending marks of what stays are kept.
void model_set_containers(model_state *self, const json_t *documents);
/// One that was just made, before the next list knows it.
void model_add_container(model_state *self, const json_t *document);
void model_set_images(model_state *self, const json_t *documents);
void model_set_networks(model_state *self, const json_t *documents);
void model_set_volumes(model_state *self, const json_t *documents);
/// Puts an event on top; the oldest of more than MODEL_MOST_EVENTS goes.
void model_add_event(model_state *self, const json_t *document);
void model_set_system(model_state *self, const json_t *document);
void model_set_checks(model_state *self, const json_t *list);
size_t model_missing_count(const model_state *self);
/// One statistics document. False: no such container.
bool model_add_stats(model_state *self, const json_t *document);
/// One progress document. Returns the task, or NULL when it made no sense.
model_task *model_add_task(model_state *self, const json_t *document, int64_t now_ns);
/// One action on many things, as a task of ours.
model_task *model_add_batch(model_state *self, const char *kind, const char *subject,
                            const char *const *names, size_t count);
/// problem NULL: it went well.
void model_batch_outcome(model_state *self, const char *id, size_t index, const char *problem);
/// A command of the user's that has been started, as a task of ours.
model_task *model_add_command(model_state *self, const char *title);
/// What it has printed so far (of that the end), as it came.
void model_command_output(model_state *self, const char *id, const char *bytes, size_t length);
/// problem NULL: it went well.
void model_command_ended(model_state *self, const char *id, const char *problem);
/// The outcomes, failures first; the caller frees the array.
const model_outcome **model_outcomes(const model_task *task);
/// The pull is ours: it can be paused, and goes on by this reference.
void model_own_pull(model_state *self, const char *id, const char *reference);
/// Forgets a task.
void model_remove_task(model_state *self, const char *id);
void model_set_lost(model_state *self, const char *reason);

model_container *model_find_container(const model_state *self, const char *id);
model_image *model_find_image(const model_state *self, const char *id);
model_network *model_find_network(const model_state *self, const char *id);
model_volume *model_find_volume(const model_state *self, const char *id);
/// The container's address on the network, or NULL when it is no member.
const char *model_member_address(const model_container *container, const char *network);
/// The same of IPv6, also NULL when it has none there.
const char *model_member_address6(const model_container *container, const char *network);
/// What else it is called there; NULL: it is not there.
const json_t *model_member_aliases(const model_container *container, const char *network);
/// Whether the container mounts the volume.
bool model_container_mounts(const model_container *container, const char *volume);
model_task *model_find_task(const model_state *self, const char *id);

bool model_container_running(const model_container *container); ///< running or stopping
bool model_container_unhealthy(const model_container *container);
bool model_container_busy(const model_container *container); ///< between two states
unsigned model_running_count(const model_state *self);

/// "nginx:1.27" for "docker.io/library/nginx:1.27". Points into the reference.
const char *model_short_reference(const char *reference);
/// What an exit was, in a few words: "exited 7", "killed by KILL", "out of memory".
const char *model_exit_text(const model_container *container, char *out, size_t size);
