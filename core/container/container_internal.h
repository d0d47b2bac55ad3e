// What the files of core/container share about folders and locks.
#pragma once

#include "core/container/container.h"
#include "core/network/port.h"

#define CONTAINER_ID_LENGTH   64
#define CONTAINER_TIME_LENGTH 40
#define CONTAINER_LOST_CODE   137      // as by SIGKILL
#define CONTAINER_NEW         ".new-"  // a folder that is being made
#define CONTAINER_GONE        ".gone-" // a folder that is being removed

/// DATA/containers/MARK ID. The caller frees it.
char *container_hidden_folder(const paths *where, const char *mark, const char *id);

/// The short lock that serialises what is done to a container. Without `wait`: IN_USE when it is held.
int container_lock(const paths *where, const char *id, bool wait, holm_error **error);

/// The lock a shim holds for its life. The container's folder must be there.
int container_life_lock(const paths *where, const char *id, bool wait, holm_error **error);

/// The same for who holds the short lock and wants it at rest: where its row says so already its shim is on
/// its last steps, and is waited for; else IN_USE.
int container_life_lock_at_rest(const paths *where, state *db, const char *id, holm_error **error);

/// container_launch for a caller who holds the short lock, `lock`; it stays the caller's, but the shim holds
/// it, too, until its socket listens: whoever takes it knows that no shim is on its way.
int container_launch_locked(const paths *where, state *db, const char *id, int lock,
                            const container_launch_options *options, holm_error **error);

/// container_remove for a caller who holds both locks.
int container_remove_locked(const paths *where, state *db, const char *id, bool volumes, holm_error **error);

/// Within a transaction: gives it an address on the network that `asked` (an entry of the configuration's
/// "networks") names, and adds that to `networks`, those of its status.
int container_network_take(state *db, const char *id, const json_t *asked, json_t *networks,
                           holm_error **error);
/// An entry of its status's "networks" with what its shim needs to know of the network besides: "subnet" and
/// "internal". The caller owns it.
json_t *container_network_describe(state *db, const json_t *entry, holm_error **error);
/// Of such an entry what is about the network, borrowed from it; nothing else is set.
void container_network_member(const json_t *described, network_member *out);
/// Puts a container on one more network, or takes it off one, in state.db; with its event. `described` (may
/// be NULL) gets what container_network_describe says, for the caller. EXISTS: it is on it; NOT_FOUND: it is
/// not.
int container_network_connect(state *db, const char *id, const json_t *asked, json_t **described,
                              holm_error **error);
int container_network_disconnect(state *db, const char *id, const char *network, holm_error **error);

/// The short lock of a container whose shim is not there (else IN_USE): nobody launches it meanwhile.
int container_hold_at_rest(const paths *where, state *db, const char *id, holm_error **error);

/// Adds the entries of `asked` (as "ports" of a request) to the ports of its configuration, or takes away
/// those that they mean: the same port of the container, and of the host where it says one. `at_rest`: with
/// all that goes with it; else container_ports_opened follows, or container_ports_restore with `before`.
/// `before` and `now` (may be NULL) get the lists, for the caller. NOT_FOUND: there is none such.
int container_ports_change(state *db, const char *id, const json_t *asked, bool adds, bool at_rest,
                           json_t **before, json_t **now, holm_error **error);
/// The event. Within a transaction.
int container_ports_tell(state *db, const json_t *document, bool adds, holm_error **error);
/// They are open: what its status says of them, and the event.
int container_ports_opened(state *db, const char *id, json_t *chosen, bool adds, holm_error **error);
/// The ports of the host that became of its configuration's the last time, in their order; 0: none. The
/// caller owns the array.
json_t *container_ports_chosen(const json_t *document);
int container_ports_restore(state *db, const char *id, json_t *before, holm_error **error);

/// Adds a mount ({"mounts": [ONE]} or {"tmpfs": [ONE]}, as in a request) to its configuration. `tells`: with
/// the event, else container_mount_added follows, or container_mount_restore with `before` (may be NULL; for
/// the caller). EXISTS, IN_USE: another one is there or beneath; NOT_FOUND: there is no such volume.
int container_mount_add(state *db, const char *id, const json_t *asked, bool tells, json_t **before,
                        holm_error **error);
int container_mount_added(state *db, const char *id, const json_t *asked, holm_error **error);
int container_mount_restore(state *db, const char *id, const json_t *before, holm_error **error);
/// The entry that is mounted at a place, for the caller. NOT_FOUND: nothing is; IN_USE: another one is in it.
int container_mount_find(state *db, const char *id, const char *place, json_t **mount, holm_error **error);
/// Takes it away, with the event.
int container_mount_remove(state *db, const char *id, const char *place, holm_error **error);

/// "2026-11-22T12:00:00.123456789Z" into `out`, which is returned.
char *container_time_now(char out[CONTAINER_TIME_LENGTH]);
char *container_time_text(int64_t unix_ns, char out[CONTAINER_TIME_LENGTH]);

/// The configuration in the container's config.json. The caller owns it.
json_t *container_configuration_read(const paths *where, const char *id, holm_error **error);
