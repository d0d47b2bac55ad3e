// Containers as rows and folders: made, started, put right, removed. Everything here blocks for the disk:
// call it from a worker, not on a loop.
//
// A container is a row in state.db and the folder DATA/containers/ID:
//
//   config.json    the configuration in OCI form, with holm's own under "holm"
//   rw.ext4        the writable layer
//   lock           held (flock) by its shim as long as it lives: this, never a pid, says that it runs
//   log/           0.log (the newest), 1.log …; boot.log; shim.log
//
// and, while it runs, RUNTIME/c/SHORTID with its sockets. One lock file per bucket of ids in
// DATA/containers/.locks serialises create, launch, reconcile and remove of one container between processes;
// whoever holds one waits for nothing but the disk and, in launch, the first step of its own shim.
//
// States in status.state: "created", "starting", "running", "stopping", "restarting" (its policy starts it
// again after a delay), "exited". Reasons in status.reason: "exited", "signal", "out-of-memory", "vm-lost"
// (the VM died under it), "shim-lost" (the shim did), "start-failed" (status.error says why). A container
// whose VM or shim was lost has exit code 137: it ended as by SIGKILL.
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "core/base/error.h"
#include "core/base/path.h"
#include "core/container/configuration.h"
#include "core/store/state.h"

#define CONTAINER_SHORT_LENGTH 12

/// Makes a container from a request (see configuration.h). `image` is the document of the image, which is
/// here; `disk` is the prepared empty ext4 that the writable layer is copied from (MakeDisk of the image
/// worker). The caller owns the document.
json_t *container_create(const paths *where, state *db, const json_t *request, const json_t *image,
                         const char *disk, const configuration_defaults *defaults, holm_error **error);

/// Whether its row says that it does not run: created, or exited.
bool container_document_at_rest(const json_t *document);

/// Whether anybody listens for it. Does not disturb whoever does.
bool container_answers(const paths *where, const char *id);

/// A file that is there while it stands still, for want of room on the disk of the host: there state.db
/// cannot take that. The caller frees the path.
char *container_stall_mark(const paths *where, const char *id);

#define SHIM_ENDS_MS 10000 ///< more than its end can take once nobody can reach it

/// Waits for what becomes of a container that has a shim and does not answer: its shim is on its way, or ends
/// in this moment (or somebody has removed its socket: it is as it was). Blocks, at most for SHIM_ENDS_MS.
void container_settle(const paths *where, const char *id);

typedef struct container_launch_options {
    /// Start the process as soon as the VM is ready. Without it the shim waits for Start or Attach with
    /// `start`, and gives up when the lifeline is closed and nobody is connected.
    bool start;
    bool again;              ///< by its policy: its restarts are counted on
    unsigned pool;           ///< spares that the user wants kept, see spare.h
    bool cold;               ///< boot the machine instead of cloning a template
    const char *kernel;      ///< path of a kernel other than the one that belongs to this build, or NULL
    const char *accelerator; ///< "kvm", "tcg"; NULL or "auto": the faster one that works
} container_launch_options;

/// Starts the container's shim, fully detached, and returns when its socket listens. Calling it while the
/// shim runs is STATE. The lifeline is a descriptor to keep open until Start or Attach has answered (-1 when
/// it failed).
int container_launch(const paths *where, state *db, const char *id, const container_launch_options *options,
                     holm_error **error);

/// A shim that could not start its container has said why on the lifeline, and may be gone before it is asked
/// for anything: puts that in the place of *error. Leaves it where nothing was said, or there is no lifeline
/// (-1). Does not wait.
void container_launch_explain(int lifeline, holm_error **error);

/// Starts a container that restart_overdue speaks of; where that fails its status says why. Blocks until its
/// shim listens. `again`: this counts as one of its restarts.
void container_revive(const paths *where, state *db, const char *id, bool again);

/// Puts one container right: a row that says it runs while no shim holds its lock is marked as exited with
/// the reason "shim-lost". Idempotent; skipped when someone else is at work on it.
int container_reconcile(const paths *where, state *db, const char *id, holm_error **error);

/// The same for all of them, and removes what an interrupted create or remove left behind: folders without
/// rows, rows without folders.
int container_reconcile_all(const paths *where, state *db, holm_error **error);

/// Of a network that has been removed (its document): takes away what a process of it that was killed has
/// left on the host.
int container_network_clean(const paths *where, const json_t *network, holm_error **error);

/// Puts a container that does not run on one more network, where `asked` is as an entry of a configuration's
/// "networks", or takes it off one. IN_USE while its shim lives, which has to be asked then.
int container_connect_at_rest(const paths *where, state *db, const char *id, const json_t *asked,
                              holm_error **error);
int container_disconnect_at_rest(const paths *where, state *db, const char *id, const char *network,
                                 holm_error **error);

/// The same for ports of the host, where `asked` is as "ports" of a request: only its configuration changes.
int container_ports_change_at_rest(const paths *where, state *db, const char *id, const json_t *asked,
                                   bool adds, holm_error **error);

/// The same for a mount ({"mounts": [ONE]} or {"tmpfs": [ONE]}, as in a request) and for its place.
int container_mount_add_at_rest(const paths *where, state *db, const char *id, const json_t *asked,
                                holm_error **error);
int container_mount_remove_at_rest(const paths *where, state *db, const char *id, const char *place,
                                   holm_error **error);
/// Whether its document has just this mount.
bool container_mount_is_there(const json_t *document, const json_t *mount);

/// Removes a container that does not run, with its writable layer and logs; `volumes`: also the volumes
/// without a name that no other container mounts (without it only where it was to be removed at its end).
/// IN_USE when it runs.
int container_remove(const paths *where, state *db, const char *id, bool volumes, holm_error **error);

/// Whether a shim holds the container's lock.
bool container_is_alive(const paths *where, const char *id);

/// DATA/containers/ID, RUNTIME/c/SHORTID, and the shim's socket in it. The caller frees them.
char *container_folder(const paths *where, const char *id);
/// Makes DATA/commits/ID.XXXXXX.tar: its changes on their way into an image. Not in its folder, which is
/// closed to the image worker. A lock on the open file says that the commit still goes on; what others of the
/// same container have left behind goes. The caller closes it, and frees `path` after it has unlinked it.
int container_commit_make(const paths *where, const char *id, char **path, holm_error **error);
char *container_runtime_folder(const paths *where, const char *id);
char *container_socket(const paths *where, const char *id);

/// Whether this is 64 hex digits: ids come from files and sockets and become parts of paths.
bool container_id_valid(const char *id);
