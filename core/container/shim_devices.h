// What the shim gives its machine: volumes, folders and sockets of the host, cards; and what of that comes or
// goes while the container runs.
#pragma once

#include "core/container/shim.h"

// ---- shim_volume.c: the disks of the volumes ----

/// Takes the volumes and gives the machine their disks, before it starts. IN_USE says who has one.
int shim_volume_add(shim *self, holm_error **error);
typedef enum shim_volume_use {
    SHIM_VOLUME_WRITES,
    SHIM_VOLUME_READS,
    SHIM_VOLUME_RECOVERS, ///< reads what has to be recovered: each for itself, nothing of that is kept
} shim_volume_use;
/// Opens the file of the volume of a mount, locked as long as the descriptor is there, and waits for the VMM
/// of a shim that was killed. `use` is set to what the machine may do.
int shim_volume_take(const shim *self, const json_t *volume, const json_t *mount, shim_volume_use *use,
                     holm_error **error);
/// An empty file without a name, for what a reader recovers. -1: none.
int shim_volume_scratch(const shim *self, holm_error **error);
/// Lets go of them, once the machine is gone: the next shim of this container may be waiting.
void shim_volume_drop(shim *self);

// ---- shim_share.c: folders and files of the host ----

/// Starts the daemon of the shares, where there are any, and gives them to the machine; after disks and
/// cards.
int shim_share_add(shim *self, holm_error **error);
/// Ends the daemon.
void shim_share_drop(shim *self);
/// A daemon that runs, as descriptors: a connection to it, its pidfd, the socket on which its watcher tells
/// of changes.
typedef struct shim_daemon {
    int connection, process, watcher;
} shim_daemon;
/// Starts a daemon for one more share. (Within the helper.) Its descriptors are the caller's.
int shim_share_start_one(const shim *self, const json_t *mount, shim_daemon *started, holm_error **error);
/// A daemon is gone.
void shim_share_lost(shim *self);

// ---- shim_changes.c: what is changed in folders of the host ----

/// Takes the watcher's socket; `tag` of its share stays the caller's. Listens from the start on.
shim_changes *shim_changes_create(shim *self, int socket, const char *tag);
/// Accepts NULL.
void shim_changes_start(shim_changes *self);
/// Nothing is told until the next start: its share may be on its way out of the machine. Accepts NULL.
void shim_changes_hold(shim_changes *self);
/// Accepts NULL. The watcher ends with it.
void shim_changes_destroy(shim_changes *self);

// ---- shim_socket.c: unix sockets of host and container joined ----

/// Opens the host's sockets; before the shim confines itself. IN_USE and EXISTS as published_socket_listen.
int shim_socket_add(shim *self, holm_error **error);
/// Joins them with the container's, once the agent has prepared the machine, and calls `ready`; where it
/// cannot the start has failed.
void shim_socket_join(shim *self, void (*ready)(shim *self));
/// Closes them, once the machine is gone.
void shim_socket_drop(shim *self);
/// A new connection to the agent that SSH_AUTH_SOCK names. (Within the helper.) The caller owns it.
int shim_socket_reach_ssh(holm_error **error);

// ---- shim_pressure.c: the host's memory ----

/// Opens what tells of the host's memory; before the shim confines itself.
void shim_pressure_open(shim *self);
/// From now on, with an agent that can be asked, page cache is given back when the host is short of memory.
void shim_pressure_start(shim *self);
/// Once the machine is gone.
void shim_pressure_stop(shim *self);

// ---- shim_network.c: the cards ----

/// Makes the cards that it was told of.
int shim_network_init(shim *self, holm_error **error);
/// The cards are on the networks that it was told of now.
int shim_network_adopt(shim *self, holm_error **error);
/// Takes a card's place on this network and publishes the ports, where it is the card for that; blocks.
/// (Within the helper, which makes the card where the container's row says that it is on that network.) The
/// answer's text are the ports of the host that became of the configuration's, in their order, as a JSON
/// array, or "".
int shim_network_take_place(shim *self, const char *network, helper_answer *answer, holm_error **error);
/// Opens and closes ports of the host until they are those of the container's row; as for the answer's text.
/// (Within the helper.)
int shim_network_publish(shim *self, helper_answer *answer, holm_error **error);
/// The ports of its configuration are these (borrowed) from now on, and these ports of the host became of
/// them. (In both.)
void shim_network_ports_set(shim *self, json_t *ports, const char *chosen);
/// Forgets the card that was there. (Within the helper.)
void shim_network_forget(shim *self, const char *network);
/// Gives the machine its cards; before the machine starts.
int shim_network_add(shim *self, holm_error **error);
/// Takes the cards' places on their networks, and again whenever one is lost.
void shim_network_join(shim *self);
void shim_network_leave(shim *self);
/// A worker is taking a place.
bool shim_network_busy(const shim *self);
/// Tells the networks' resolvers who is asked after them.
void shim_network_tell(const shim *self);
void shim_network_destroy(shim *self);

/// A card more, the last one, under the first name that is free; `network` is taken over.
shim_card *shim_card_create(shim *self, json_t *network);
shim_card *shim_card_find(const shim *self, const char *network);
/// Its place is this connection's from now on.
void shim_card_joined(shim_card *self, int control);
int shim_card_add(shim_card *self, holm_error **error);
/// It is off its network at once; gone when nobody is at work on it any more.
void shim_card_remove(shim_card *self);
/// The networks of all cards; the caller owns the array.
json_t *shim_card_networks(const shim *self);

// ---- shim_change.c ----

/// A change of its networks or ports while it runs. It begins when those before it are over.
typedef struct shim_change shim_change;
struct shim_change {
    relay relay; ///< first: the call that waits for it
    shim_change *next;
    shim *shim;
    void (*begin)(shim_change *self);
    void (*destroy)(shim_change *self); ///< frees it
    holm_error *error;                  ///< the first that went wrong
};
/// Takes it over; begin and destroy are set.
void shim_change_post(shim_change *self, waiter *call);
/// Something went wrong (copied). NULL: nothing.
void shim_change_note(shim_change *self, const holm_error *error);
/// Its restart is waited for: the next shim is told by state.db.
bool shim_change_waits(const shim_change *self);
/// Whether there is a guest to change something in; notes the error where not.
bool shim_change_can(shim_change *self);
/// Answers and destroys it.
void shim_change_finish(shim_change *self);

// ---- shim_eject.c ----

/// Takes a device out of the machine, and answers when it is gone: at once where there is no such device, or
/// no machine or agent any more.
void shim_eject(shim *self, const char *name, machine_done done, void *data);

// ---- shim_mount.c: one mount more or less, while it runs ----

void mount_open(rpc_stream *stream, void *data);
void unmount_open(rpc_stream *stream, void *data);

// ---- shim_mount_device.c: what is behind a mount ----

/// A mount of the container: of those it was started with, or one more.
typedef struct shim_mount shim_mount;
struct shim_mount {
    shim_mount *next;
    shim *shim;
    json_t *entry;   ///< of "mounts" or "tmpfs" of a configuration
    char source[32]; ///< the tag of its share, the serial of its disk
    char part[24];   ///< of the share
    char device[32]; ///< of the machine, which goes with it; "": none
    int *lock;       ///< on its volume's file, or NULL
    int own_lock;    ///< where it was added; 0: none
    int connection;  ///< to the daemon of its share, for the machine; -1: none
    int process;     ///< pidfd of that, where it has one of its own; -1: none
    uv_poll_t *watch;
    shim_changes *changes;
    bool leaving; ///< its device is being taken out: the daemon ends with that
};

/// NULL: nothing is mounted at this place.
shim_mount *shim_mount_find(shim *self, const char *place);
/// One more in the list, with the first device name that is free; `entry` is borrowed.
shim_mount *shim_mount_create(shim *self, json_t *entry);
/// The guest has mounted it, or is about to unmount it.
void shim_mount_use(shim_mount *self, bool mounted);
/// Its device stays in the machine, with nothing mounted: it is not found any more.
void shim_mount_forget(shim_mount *self);
/// Gives the machine its device, with what the helper has opened for it (taken over); settle the machine
/// then. Nothing for one in memory.
int shim_mount_plug(shim_mount *self, struct helper_answer *opened, holm_error **error);
/// Its device is out of the machine, or it never was in it: what is behind it goes, and it is off the list.
/// The daemon of its share is the helper's to end (HELPER_UNMOUNT).
void shim_mount_destroy(shim_mount *self);
/// The machine is gone: what is behind them all goes.
void shim_mounts_drop(shim *self);

// ---- shim_mount_helper.c: within the helper ----

/// Opens what is behind a mount that the container's row has at this place: the daemon of a share (a
/// connection to it, its pidfd and the socket of its watcher), the file of a volume (with its lock, and for
/// the machine; the text is the number of its shim_volume_use).
int shim_mount_fetch(shim *self, const char *place, helper_answer *answer, holm_error **error);
/// Ends the daemon of the share that was fetched for this place.
void shim_mount_release(const char *place);

// ---- shim_publish.c: one port of the host more or less, while it runs ----

void publish_open(rpc_stream *stream, void *data);
void unpublish_open(rpc_stream *stream, void *data);

// ---- shim_plug.c: one network more or less, while it runs ----

void connect_open(rpc_stream *stream, void *data);
void disconnect_open(rpc_stream *stream, void *data);

// ---- shim_ports.c: ports of the host ----

/// The configuration's ports as the network wants them, into `out` (room for NETWORK_PORTS_MOST); strings are
/// the configuration's. `chosen` is what became of them the last time, or NULL.
size_t shim_ports_asked(const shim *self, const json_t *chosen, network_publish *out);
/// Says of a port that could not be opened who has it, or how it could be had.
void shim_ports_explain(const shim *self, const network_publish *port, holm_error **error);
/// A configuration's ports with the ports of the host that were chosen; the caller owns it.
json_t *shim_ports_describe(const json_t *ports, const json_t *chosen);
/// Writes down which they are.
void shim_ports_note(shim *self, const json_t *chosen);
