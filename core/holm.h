// libholm: all that a front end can ask for. The only header of core that tui includes.
//
// A client runs on one libuv loop. Every request returns at once; its answer comes from the loop. Slow work
// (state.db) happens on libuv's worker threads, the rest is asked of the process that owns it (shim, image
// worker). Documents are jansson values in one shape for every resource: {"id", "configuration", "status"};
// docs/protocol.md lists the fields. The strings in documents may come from hostile images: print them
// through holm_text_escape.
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "core/base/buffer.h"          // IWYU pragma: export
#include "core/base/cleanup.h"         // IWYU pragma: export
#include "core/base/error.h"           // IWYU pragma: export
#include "core/base/terminal_filter.h" // IWYU pragma: export

typedef struct holm_client holm_client;

/// Opens the user's holm: folders, state.db (made or brought up to this version), configuration. Links
/// nothing heavy. `loop` is borrowed and must outlive the client.
holm_client *holm_client_create(uv_loop_t *loop, holm_error **error);
/// Writes a Chrome trace of what follows to `path`, here and in the processes that are started.
int holm_trace(const char *path, holm_error **error);
/// What is started from now on boots a machine of its own, instead of cloning a template.
void holm_start_cold(holm_client *client);
/// Opens in the background what every list is read from, so that it is there when the first one is asked for.
void holm_client_warm(holm_client *client);
/// Ends what is under way on this side (containers and image work go on): no callback comes any more. Accepts
/// NULL. Must be called on the loop's thread; the loop has to run on until it has nothing left, to let go of
/// the handles.
void holm_client_destroy(holm_client *client);

/// The answer to a request: exactly once, from the loop. On failure result is NULL and error set. Both are
/// borrowed.
typedef void (*holm_done)(json_t *result, const holm_error *error, void *data);

// ---- containers ----
// `reference` is a name, an id, or a unique prefix of an id of at least two characters.

/// result: an array of container documents, newest first; all of them, or those that are running. `filters`
/// is an object of arrays ({"name": ["web"], "label": ["a=b"], "status": ["exited"], "ancestor": […], "id":
/// […]}) or NULL.
void holm_container_list(holm_client *client, bool all, json_t *filters, holm_done done, void *data);
/// result: the document.
void holm_container_inspect(holm_client *client, const char *reference, holm_done done, void *data);

/// Creates from `configuration` (taken over; see docs/protocol.md for the keys; at least "image"). The image
/// must be here. result: the document.
void holm_container_create(holm_client *client, json_t *configuration, holm_done done, void *data);
/// Starts it in the background. result: the document.
void holm_container_start(holm_client *client, const char *reference, holm_done done, void *data);
/// signal 0 and grace_ms 0: the container's own (SIGTERM, 10 s). result: the document, exited.
void holm_container_stop(holm_client *client, const char *reference, int signal, unsigned grace_ms,
                         holm_done done, void *data);
void holm_container_restart(holm_client *client, const char *reference, int signal, unsigned grace_ms,
                            holm_done done, void *data);
void holm_container_kill(holm_client *client, const char *reference, int signal, holm_done done, void *data);
/// Publishes ports of the host that lead into it, at once where it runs. ports: as in docs/protocol.md; taken
/// over. IN_USE says who has one, DENIED what would allow it; then nothing has changed. result: the document,
/// whose status has the ports that were chosen, the new ones last.
void holm_container_publish(holm_client *client, const char *reference, json_t *ports, holm_done done,
                            void *data);
/// The other way round, with the connections that are there. An entry means all that lead to its port of the
/// container, or those of the address and port of the host that it says. NOT_FOUND: there is none such.
void holm_container_unpublish(holm_client *client, const char *reference, json_t *ports, holm_done done,
                              void *data);
/// Mounts one more folder or file of the host, volume or file system in memory in it, at once where it runs.
/// mount: {"mounts": [ONE]} or {"tmpfs": [ONE]} as in docs/protocol.md; taken over. EXISTS, IN_USE: another
/// one is there or beneath, or has the volume; then nothing has changed. result: the document.
void holm_container_mount(holm_client *client, const char *reference, json_t *mount, holm_done done,
                          void *data);
/// The other way round, by its place in the container. IN_USE says who uses it there; with `force` it goes
/// all the same, and who uses it gets errors. result: the document.
void holm_container_unmount(holm_client *client, const char *reference, const char *destination, bool force,
                            holm_done done, void *data);
/// result: {"exitCode", "reason"} once it is not running.
void holm_container_wait(holm_client *client, const char *reference, holm_done done, void *data);
void holm_container_rename(holm_client *client, const char *reference, const char *name, holm_done done,
                           void *data);
typedef struct holm_remove_options {
    bool force;   ///< a running one, too: it is killed first
    bool volumes; ///< with the volumes without a name that no other container mounts
} holm_remove_options;
/// Removes it and its writable layer.
void holm_container_remove(holm_client *client, const char *reference, const holm_remove_options *options,
                           holm_done done, void *data);
/// Removes those that do not run. `filters` of this and the other prunes: an object of arrays (until, label,
/// "label!") or NULL. result: {"deleted": names, "reclaimedBytes"}.
void holm_container_prune(holm_client *client, json_t *filters, holm_done done, void *data);
/// result: an array of {"pid", "parent", "user", "state", "cpuTimeNs", "residentBytes", "startedAt",
/// "command", "session"}.
void holm_container_processes(holm_client *client, const char *reference, holm_done done, void *data);
/// Runs another process in the background; `process` as in docs/protocol.md (borrowed). result: {"name",
/// "pid"}.
void holm_container_exec(holm_client *client, const char *reference, const json_t *process, holm_done done,
                         void *data);
/// result: an array of the terminal sessions that can be attached ({"name", "arguments", "terminal",
/// "running", …}).
void holm_container_sessions(holm_client *client, const char *reference, holm_done done, void *data);

/// What it has changed on its root file system, running or stopped. result: an array of {"kind": "A" (added),
/// "C" (changed), "D" (deleted), "path"}.
void holm_container_diff(holm_client *client, const char *reference, holm_done done, void *data);
/// Writes its root file system as a tar into the file (NULL: standard output). result: NULL.
void holm_container_export(holm_client *client, const char *reference, const char *path, holm_done done,
                           void *data);
/// Makes an image of the container's image and what it has changed. options: {"reference", "message",
/// "author", "changes": ["CMD …"]}, each optional; borrowed. result: {"id"}.
void holm_container_commit(holm_client *client, const char *reference, json_t *options, holm_done done,
                           void *data);

typedef struct holm_copy_options {
    const char *container; ///< reference
    const char *inside; ///< the path in the container; ending in "/." it stands for the content of the folder
    const char *outside; ///< the path on the host, or "-": an archive on standard input or output
    bool owner;          ///< keep owners: else what comes in belongs to root, what comes out to the user
    bool follow;         ///< where the source is a link, copy what it leads to
} holm_copy_options;

/// Copies a file or folder between host and container, as cp -r would: into a folder that is there, else
/// under the name that is given. What comes out is unpacked by a process that reaches only the place where it
/// goes; devices, pipes and set-user-id bits are left out. A container that does not run can be copied from,
/// not to. result:
/// {"entries", "bytes", "leftOut"}, as far as known.
void holm_container_copy_out(holm_client *client, const holm_copy_options *options, holm_done done,
                             void *data);
void holm_container_copy_in(holm_client *client, const holm_copy_options *options, holm_done done,
                            void *data);

/// What is in a folder of it, running or stopped; links in `path` are followed within its root. result:
/// {"entries": an array, folders (and links to folders) first, each by name, "leftOut": how many more were
/// seen, "more": whether there are yet others}. An entry is {"name", "kind": "folder", "file", "link",
/// "pipe", "socket" or "device", "mode", "uid", "gid", "user", "group" ("": no name), "sizeBytes",
/// "modifiedUnixNs"}, of a link also "target" and where that is something "leadsTo": its kind. Names are
/// bytes that anybody can have chosen: they go through holm_text_escape before a screen; what is no UTF-8 is
/// escaped already and comes as "nameHex", too. 4096 entries at most. Of one that does not run owners have no
/// names, and what volumes hold is not seen.
void holm_container_folder(holm_client *client, const char *reference, const char *path, holm_done done,
                           void *data);
/// The beginning of a file of it, 256 KiB at most. result: {"text": lines that a screen can show, "binary":
/// true: it is no text, which is "" then, "sizeBytes", "shownBytes"}.
void holm_container_file(holm_client *client, const char *reference, const char *path, holm_done done,
                         void *data);

// ---- sessions: the standard streams of a process ----

typedef struct holm_session holm_session;

typedef struct holm_session_options {
    const char *container; ///< reference
    const char *session;   ///< NULL: the container's own process (with exec: a name is made)
    json_t *exec;    ///< NULL: attach; else the process to make ("arguments", "environment", "directory",
                     ///< "user", "terminal", "privileged"); borrowed
    bool start;      ///< start the container once attached
    bool stdin_open; ///< input will be written
    bool repaint;    ///< a terminal's screen as it is comes first
    bool keep;       ///< an exec session stays when we leave
    unsigned columns, rows; ///< 0: not known
} holm_session_options;

typedef struct holm_session_events {
    /// Attached: now the session's name and whether it has a terminal are known.
    void (*attached)(holm_session *session, const char *name, bool terminal, void *data);
    /// stream: 1 or 2. Pause the session to slow the writer down.
    void (*output)(holm_session *session, int stream, const void *bytes, size_t length, void *data);
    /// Input was congested and can be written again.
    void (*drained)(holm_session *session, void *data);
    /// Exactly once, last: the process has ended with this code (error NULL), or the session is lost or was
    /// refused (exit code -1 and the error). The session is freed after the call.
    void (*ended)(holm_session *session, int exit_code, const holm_error *error, void *data);
} holm_session_events;

holm_session *holm_session_open(holm_client *client, const holm_session_options *options,
                                const holm_session_events *events, void *data);
/// Queues input. Returns false when the producer should wait for `drained` (the bytes are taken all the
/// same).
bool holm_session_write(holm_session *session, const void *bytes, size_t length);
void holm_session_close_input(holm_session *session);
void holm_session_resize(holm_session *session, unsigned columns, unsigned rows);
void holm_session_signal(holm_session *session, int number);
void holm_session_pause(holm_session *session);
void holm_session_resume(holm_session *session);
/// While `ended` is called without an error: why the process ended ("exited", "signal", "out-of-memory").
const char *holm_session_reason(const holm_session *session);
/// Detaches: the process goes on. `ended` does not come any more. Accepts NULL.
void holm_session_close(holm_session *session);

// ---- logs ----

typedef struct holm_log holm_log;
typedef struct holm_log_options {
    const char *container;
    bool boot;        ///< the machine's boot log and the agent's instead
    bool follow;      ///< go on until the container ends or the log is closed
    int64_t last;     ///< only the last n lines; -1: all
    int64_t since_ns; ///< unix time; 0: from the start
} holm_log_options;
typedef struct holm_log_events {
    /// One line as it was written, without its newline (`partial`: it had none). stream 1 or 2. Chunks of a
    /// very long line come as partial lines. bytes are not terminated.
    void (*line)(holm_log *log, int64_t unix_ns, int stream, const char *bytes, size_t length, bool partial,
                 void *data);
    /// Exactly once, last (not after holm_log_close).
    void (*ended)(holm_log *log, const holm_error *error, void *data);
} holm_log_events;
holm_log *holm_log_open(holm_client *client, const holm_log_options *options, const holm_log_events *events,
                        void *data);
void holm_log_pause(holm_log *log);
void holm_log_resume(holm_log *log);
/// Accepts NULL.
void holm_log_close(holm_log *log);

// ---- live ----

typedef struct holm_watch holm_watch;

/// One statistics document per container and interval:
/// {"id","name","unixNs","cpuPercentOfOneCore","cpuPercentOfShare","cpus","cpuUsageNs","memoryUsageBytes","memoryLimitBytes",
///  "memoryCacheBytes","networkRxBytes","networkTxBytes","blockReadBytes","blockWriteBytes","processCount",
///  "hostMemoryBytes","hostCpuNs","memoryGivenBackBytes"}
/// `containers` is an array of references, or NULL for all running ones, also those that start later.
/// interval_ms 0: one sample of each (two readings 1 s apart for the percentages), then `ended`.
typedef void (*holm_watch_item)(holm_watch *watch, json_t *item, void *data);
typedef void (*holm_watch_ended)(holm_watch *watch, const holm_error *error, void *data);
holm_watch *holm_stats_watch(holm_client *client, json_t *containers, unsigned interval_ms,
                             holm_watch_item item, holm_watch_ended ended, void *data);
/// Events from the events table as they are written, oldest first:
/// {"sequence","unixNs","kind":"container|image|…", "action","id","name","attributes":{}}. since_sequence -1:
/// only new ones; until_ns 0: endless.
holm_watch *holm_event_watch(holm_client *client, int64_t since_sequence, int64_t since_ns, int64_t until_ns,
                             holm_watch_item item, holm_watch_ended ended, void *data);
/// Every image task (pull, load …) of this user as it goes: the fields of Progress in core/image/image.proto,
/// in camelCase. Does not start the image worker: it waits for one to appear.
holm_watch *holm_task_watch(holm_client *client, holm_watch_item item, holm_watch_ended ended, void *data);
/// Ends a watch; `ended` does not come any more. Accepts NULL.
void holm_watch_close(holm_watch *watch);

// ---- images ----

/// result: an array of image documents: {"id": manifest digest, "configuration": {"references": […],
/// "platform", "process"…}, "status": {"digest": of what its name stands for, "platforms", "unpacked",
/// "sizeBytes", "uniqueBytes", "sharedBytes", "createdAt", "layers": […], "containers": […]}}. A name that
/// stands for an index has an image for each platform of it that is here. `filters` is an object of arrays
/// (reference, id, label, dangling, platform, before, since, until) or NULL: every key has to fit, of its
/// values any.
void holm_image_list(holm_client *client, json_t *filters, holm_done done, void *data);
void holm_image_inspect(holm_client *client, const char *reference, holm_done done, void *data);
/// By a name that name goes, and the image with its last one; by an id the image. IN_USE where containers use
/// it; with force only its names go then. result: {"untagged": […], "deleted": […]}.
/// platform (may be NULL): of several of one name only the image for this one.
void holm_image_remove(holm_client *client, const char *reference, const char *platform, bool force,
                       holm_done done, void *data);
/// Removes the images without a name (all: and the named ones) that no container uses and that fit the
/// filters. result: {"untagged", "deleted", "reclaimedBytes"}.
void holm_image_prune(holm_client *client, bool all, json_t *filters, holm_done done, void *data);
/// What images take on the disk, each file counted once. result: {"total", "active", "sizeBytes",
/// "reclaimableBytes", "layerBytes", "blobBytes", "partialBytes", "images": as holm_image_list}.
void holm_image_usage(holm_client *client, holm_done done, void *data);
void holm_image_tag(holm_client *client, const char *reference, const char *target, holm_done done,
                    void *data);

typedef struct holm_image_pull_options {
    const char *platform; ///< "linux/arm64"; NULL: the host's
    const char *scheme;   ///< NULL, "auto", "http", "https"
    unsigned concurrency; ///< layers brought at the same time; 0: as configured
    bool all_platforms;   ///< all that an index names is kept
} holm_image_pull_options;
#define HOLM_PULL_CONCURRENCY_MAX 8 ///< more are not brought at the same time, whatever is said

/// Starts (or joins) a pull and tells its progress to `item` as holm_task_watch does; the item with "done" is
/// the last but for `ended`. Closing the watch leaves the pull running. options may be NULL.
holm_watch *holm_image_pull(holm_client *client, const char *reference,
                            const holm_image_pull_options *options, holm_watch_item item,
                            holm_watch_ended ended, void *data);
typedef struct holm_image_push_options {
    const char *scheme;   ///< as for a pull
    const char *platform; ///< only the image for this one; NULL: see holm_image_push
    bool all_platforms;   ///< an index of those that are here, also when some are missing
} holm_image_push_options;

/// Sends what has this name to the registry that the name says: an index with all its platforms when they are
/// here, else the image for this machine; the last item's "note" says so. The same kind of watch. options may
/// be NULL.
holm_watch *holm_image_push(holm_client *client, const char *reference,
                            const holm_image_push_options *options, holm_watch_item item,
                            holm_watch_ended ended, void *data);
/// From an archive file (OCI layout tar or docker-archive, plain, gzip or zstd; "-": standard input). The
/// same kind of watch.
holm_watch *holm_image_load(holm_client *client, const char *path, holm_watch_item item,
                            holm_watch_ended ended, void *data);
/// From a root file system tar ("-": standard input); `changes` is an array of "CMD …", "ENV …" lines or NULL
/// (borrowed).
holm_watch *holm_image_import(holm_client *client, const char *path, const char *reference, json_t *changes,
                              holm_watch_item item, holm_watch_ended ended, void *data);
/// Hashes every blob again and looks for every layer image; repair: fetches what is wrong from where it came
/// from.
holm_watch *holm_image_verify(holm_client *client, bool repair, holm_watch_item item, holm_watch_ended ended,
                              void *data);

typedef struct holm_image_save_options {
    const char *format;   ///< NULL, "oci-archive", "docker-archive"
    const char *compress; ///< NULL, "zstd", "gzip"
    const char *platform; ///< NULL: this machine's, or what there is
    bool all_platforms;   ///< the index, with all of it that is here
    const char *path;     ///< NULL: standard output; a file has its name once it is whole
} holm_image_save_options;
/// Writes images (an array of references, borrowed) into one archive. No items come.
holm_watch *holm_image_save(holm_client *client, json_t *references, const holm_image_save_options *options,
                            holm_watch_item item, holm_watch_ended ended, void *data);

// ---- registries ----
// `registry` is a host, with its port where it needs one; NULL: the one of references that name none.

typedef struct holm_login {
    const char *registry;
    const char *username, *password;
    const char *scheme; ///< NULL, "auto", "http", "https"
} holm_login;
/// Has the registry check them, then keeps them: with the credential helper that is configured, else in
/// auth.json. All is copied, and overwritten in the end. result: {"registry", "username", "source"}.
void holm_registry_login(holm_client *client, const holm_login *login, holm_done done, void *data);
/// Forgets who the user is to a registry. result: {"registry", "sources": […]}.
void holm_registry_logout(holm_client *client, const char *registry, holm_done done, void *data);
/// Where the user is known, from every file and helper: an array of {"registry", "username", "source"}; a
/// helper that failed is {"source", "problem"}.
void holm_registry_list(holm_client *client, holm_done done, void *data);
#define HOLM_TAGS_MAX 10000
/// The tags of an image's repository, at most `most` of them (0: HOLM_TAGS_MAX). result: {"tags": […],
/// "more"}.
void holm_registry_tags(holm_client *client, const char *name, const char *scheme, unsigned most,
                        holm_done done, void *data);
/// What refers to an image there, by its "subject", at most 1000; of one artifact type where that is not
/// NULL. result: {"digest", "referrers": [{"digest", "mediaType", "artifactType", "size", "annotations"}],
/// "more"}.
void holm_registry_referrers(holm_client *client, const char *name, const char *scheme,
                             const char *artifact_type, holm_done done, void *data);
/// Takes the tag that `name` has away from the registry; with a digest, the image and all its tags. What is
/// here stays. UNSUPPORTED where the registry does not do that. result: {"reference", "digest"}.
void holm_registry_remove(holm_client *client, const char *name, const char *scheme, holm_done done,
                          void *data);

void holm_task_cancel(holm_client *client, const char *task, holm_done done, void *data);

// ---- volumes (docs/protocol.md lists the fields) ----

/// result: an array of volume documents by name. `filters` is an object of arrays (name, label, dangling,
/// anonymous) or NULL.
void holm_volume_list(holm_client *client, json_t *filters, holm_done done, void *data);
void holm_volume_inspect(holm_client *client, const char *name, holm_done done, void *data);
/// Creates from `configuration` (taken over; every key may be left out: without a "name" it is anonymous).
/// result: the document.
void holm_volume_create(holm_client *client, json_t *configuration, holm_done done, void *data);
/// Writes what is in it as a tar into the file (NULL: standard output). IN_USE while a container writes it.
/// result: NULL.
void holm_volume_export(holm_client *client, const char *name, const char *path, holm_done done, void *data);
/// Makes it, or takes one that was never used, and puts the tar on standard input into it. result: the
/// document.
void holm_volume_import(holm_client *client, const char *name, holm_done done, void *data);
/// Gives it another size, larger or smaller; what is in it is copied to a new disk. IN_USE while anyone has
/// it. result: the document.
void holm_volume_resize(holm_client *client, const char *name, uint64_t size, holm_done done, void *data);
/// IN_USE while a container mounts it. result: the document as it was.
void holm_volume_remove(holm_client *client, const char *name, holm_done done, void *data);
/// Removes the anonymous volumes (all: the named ones too) that no container mounts. result: {"deleted":
/// names, "reclaimedBytes"}.
void holm_volume_prune(holm_client *client, bool all, json_t *filters, holm_done done, void *data);

// ---- networks (docs/protocol.md lists the fields) ----

/// result: an array of network documents by name. `filters` is an object of arrays (name, label) or NULL.
void holm_network_list(holm_client *client, json_t *filters, holm_done done, void *data);
void holm_network_inspect(holm_client *client, const char *name, holm_done done, void *data);
/// Creates from `configuration` (taken over; at least "name"). result: the document.
void holm_network_create(holm_client *client, json_t *configuration, holm_done done, void *data);
/// IN_USE while it has members. result: the document as it was.
void holm_network_remove(holm_client *client, const char *name, holm_done done, void *data);
/// Puts a container on one more network, at once where it runs. options: {"address", "addressV6", "mac",
/// "aliases"}, each optional; taken over, may be NULL. EXISTS: it is there already. result: the container's
/// document.
void holm_network_connect(holm_client *client, const char *network, const char *container, json_t *options,
                          holm_done done, void *data);
/// Takes it off. result: the container's document.
void holm_network_disconnect(holm_client *client, const char *network, const char *container, holm_done done,
                             void *data);
/// Removes those without members, but for "default". result: {"deleted": names, "reclaimedBytes": 0}.
void holm_network_prune(holm_client *client, json_t *filters, holm_done done, void *data);

// ---- the system ----

/// result: {"version", "accelerator", "acceleratorReason", "kernel" (null: not built), "kernelBuildPercent"
/// (null: it is not being built), "cpus", "memoryBytes", …}
void holm_system_information(holm_client *client, holm_done done, void *data);
/// What holm takes on the disk. result: {"images", "containers", "volumes", "templates", "kernels",
/// "sizeBytes", "reclaimableBytes"}; each kind is {"total", "active", "sizeBytes", "reclaimableBytes",
/// "items": [{"name", "sizeBytes", "active", …}]}.
void holm_system_usage(holm_client *client, holm_done done, void *data);
typedef struct holm_prune_options {
    bool all;     ///< also images with a name and, without filters, templates and kernels that no build uses
    bool volumes; ///< also volumes without a name
} holm_prune_options;
/// Removes containers that do not run, networks without members and images without a name. result:
/// {"containers", "networks", "volumes", "images", "templates", "kernels": names, "untagged",
/// "reclaimedBytes"}.
void holm_system_prune(holm_client *client, const holm_prune_options *options, json_t *filters,
                       holm_done done, void *data);
/// Looks at all that holm needs. result: an array of {"name", "state": "good", "note" (it works, less well)
/// or "missing" (it does not work without), "looked": at what, "found", "advice": what to do, or null}.
void holm_system_doctor(holm_client *client, holm_done done, void *data);
/// Starts what should run after the host has booted: containers whose policy is "always" or "unless-stopped",
/// and what was lost with its shim. result: an array of {"name", "error": null or why it did not start}.
void holm_system_start(holm_client *client, holm_done done, void *data);
/// Makes the systemd user unit that does so when the user's services start, or takes it away. result:
/// {"unit": its path, "lingers": whether they start at boot, before the user has logged in}.
void holm_system_enable(holm_client *client, bool enable, holm_done done, void *data);
/// A value of the user's configuration by its dotted key ("container.cpus"), or NULL when it is not set.
/// Borrowed. "command" is an array of the user's commands: {"name", "key", "context", "run": [text, or
/// {"name", "field": where it is in the document: "configuration.references.0"} or {"name", "ask":
/// question}], "ask", "confirm", "output", "read-only", "origin": "FILE:LINE"}. "keys.origin" has such an
/// origin for each name in "keys".
const json_t *holm_configuration_get(const holm_client *client, const char *key);
/// Reads a TOML file (a theme) as a document; *lines (may be NULL) becomes an object of dotted key → line
/// number. A syntax error names file and line. The caller owns both.
json_t *holm_configuration_read(const char *path, json_t **lines, holm_error **error);
/// The folder of what came with this build (themes), and the user's configuration folder. Borrowed.
const char *holm_share_directory(const holm_client *client);
const char *holm_configuration_directory(const holm_client *client);
/// The user's state folder, for what a front end keeps between starts (histories, layout). Borrowed.
const char *holm_data_directory(const holm_client *client);

// ---- text ----

/// Control characters, invalid UTF-8 and bidirectional overrides become visible escapes (\x1b, \u202e). The
/// caller frees it.
char *holm_text_escape(const char *text, size_t length);
/// "1.2 GiB", "3 minutes"; into the caller's buffer, which is returned.
const char *holm_text_bytes(uint64_t bytes, char *out, size_t size);
const char *holm_text_duration(int64_t seconds, char *out, size_t size);
/// Reads "512", "64m", "1.5GiB" (powers of 1024). false: it is not a size.
bool holm_text_parse_bytes(const char *text, uint64_t *bytes);
/// Reads RFC 3339, or a duration ("10m", "2h") as that long ago, into unix time. false: it is neither.
bool holm_text_parse_time(const char *text, int64_t *unix_ns);
/// Reads a duration ("500ms", "90s", "1h30m", or seconds) in nanoseconds. false: it is none.
bool holm_text_parse_duration(const char *text, int64_t *ns);
/// "2026-11-22T13:05:00.123456789Z"; into the caller's buffer (32 bytes or more), which is returned.
const char *holm_text_time(int64_t unix_ns, char *out, size_t size);
/// Prints a document as "json", "yaml" or "toml". The caller frees the text. NULL: a format that is not
/// known.
char *holm_text_document(const json_t *document, const char *format, holm_error **error);
