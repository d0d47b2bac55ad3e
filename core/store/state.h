// state.db: what is known. SQLite in WAL mode, BEGIN IMMEDIATE, short transactions, one handle per thread and
// process, never carried across fork. Every function may block for the disk: call it from a worker, not on a
// loop.
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/error.h"

typedef struct state state;

/// Opens DATA/state/state.db, makes it or brings it up to this version. A newer schema, or WAL on a network
/// file system, is refused with a clear sentence.
state *state_open(const char *data_directory, holm_error **error);
void state_close(state *self);
CLEANUP_DEFINE(state, state_cleanup, state_close)
#define cleanup_state cleanup(state_cleanup)

/// Before a transaction that says that something has ended or is gone: where the disk is full, it gets the
/// room that is kept for such.
void state_take_spare(state *self);

/// Several calls as one transaction. Every begin has its end; commit false rolls back.
int state_begin(state *self, holm_error **error);
/// As state_begin, for one that is not within another: what it commits outlives a failure of power, too, so
/// what it takes the place of may be destroyed then. (Others may be lost with the last moments before it.)
int state_begin_durable(state *self, holm_error **error);
int state_end(state *self, bool commit, holm_error **error);

// ---- images ----
// An image document as holm.h describes it; status.layers is the array, lowest first, of
// {"digest", "mediaType", "diffId", "file": name of the file in DATA/layers without its folder (none where
// the layer has not been unpacked), "sizeBytes", "unpackedBytes"}.
//
// A name stands for an image, or for an index, of which the images of some platforms are here.

/// Stores the image and points `reference` (canonical: registry/repository:tag, may be NULL) at it alone. An
/// image of the same id is replaced, but for one that is unpacked by one that is not.
int state_image_put(state *self, const char *reference, const json_t *document, holm_error **error);
/// Stores an index and the images (an array of documents) of it that have come, and points `reference` (may
/// be NULL) at it: others of it that were here stay. index: {"id", "mediaType", "sizeBytes", "all": all that
/// it names has been brought, "platforms": [{"digest", "platform"}], "blobs": [digests that are of the index
/// and of none of its images, itself too]}.
int state_index_put(state *self, const char *reference, const json_t *index, const json_t *images,
                    holm_error **error);
/// All indexes that names stand for.
json_t *state_index_list(state *self, holm_error **error);
/// Every image that is meant: by canonical reference, digest ("sha256:…", of an image or an index),
/// repository and digest of one that is here by another name, or hex prefix of a digest of at least 2
/// characters when that is unique. Those of an index in the order in which they came. NULL and NOT_FOUND when
/// there is none, INVALID when the prefix is ambiguous. The caller owns the array of documents.
json_t *state_image_find(state *self, const char *reference, holm_error **error);
/// The first of these.
json_t *state_image_get(state *self, const char *reference, holm_error **error);
/// All of them, newest first; references and the ids of containers that use each one are filled in.
json_t *state_image_list(state *self, holm_error **error);
/// Points the name at this image alone.
int state_reference_set(state *self, const char *reference, const char *image_id, holm_error **error);
/// Lets the name stand for what `source` does, which is a canonical reference or a digest.
int state_reference_copy(state *self, const char *reference, const char *source, holm_error **error);
/// The digest that the name stands for, of an image or an index. NULL and NOT_FOUND when there is none. The
/// caller frees it.
char *state_reference_target(state *self, const char *reference, holm_error **error);
/// Takes a reference away, of this image only or (NULL) as a whole. *gone (may be NULL) is an array of the
/// ids of the images that have none any more.
int state_reference_delete(state *self, const char *reference, const char *image, json_t **gone,
                           holm_error **error);
/// Removes the image with its references; IN_USE with the names when containers need it.
int state_image_delete(state *self, const char *id, holm_error **error);
/// Every layer file and blob digest that some image or container still needs: {"files": [...], "blobs":
/// [...]}.
json_t *state_image_needed(state *self, holm_error **error);

/// Writes DATA/images/index.json, by which other tools find the images, anew.
int state_image_index_write(state *self, const char *data_directory, holm_error **error);

// ---- containers ----
// Documents as holm.h describes them. The configuration is written once, but for name and ports; the status
// changes.

int state_container_insert(state *self, const json_t *document,
                           holm_error **error); ///< EXISTS: the name is taken
/// By name, id, or unique prefix of an id.
json_t *state_container_get(state *self, const char *reference, holm_error **error);
json_t *state_container_list(state *self, bool all, holm_error **error);
/// {id: state} of all: for who needs no more, and a document takes 20 times as long.
json_t *state_container_states(state *self, holm_error **error);
int state_container_rename(state *self, const char *id, const char *name, holm_error **error);
/// Merges `changes` into the status object; with `expected` (may be NULL) only when the present state is that
/// one, else -1 and STATE.
int state_container_update(state *self, const char *id, const char *expected, const json_t *changes,
                           holm_error **error);
/// Merges `changes` into the configuration object.
int state_container_configure(state *self, const char *id, const json_t *changes, holm_error **error);
int state_container_delete(state *self, const char *id, holm_error **error);

// ---- addresses ----

/// What a container asks for on a network; each may be NULL: one is chosen then.
typedef struct state_address_wish {
    const char *address;  ///< IPv4, of a host in the network's subnet
    const char *mac;      ///< "02:…", of one card
    const char *address6; ///< IPv6, the same
} state_address_wish;

/// Gives (or gives again) the container an address on the network: stable over restarts, never twice. result:
/// {"name", "address", "prefix", "gateway", "mac"}, and where the network has IPv6 "addressV6", "prefixV6"
/// and "gatewayV6"; "name" is that of the network, which is made with its defaults when it is "default".
json_t *state_address_take(state *self, const char *network, const char *container_id,
                           const state_address_wish *wish, holm_error **error);
/// network NULL: those on all of them.
int state_address_release(state *self, const char *network, const char *container_id, holm_error **error);

// ---- networks (state_network.c) ----
// Documents as docs/protocol.md describes them; the members come from the addresses.

/// Makes a network from what was asked ("name", and any of the configuration's keys), with its defaults in
/// place. EXISTS: the name is taken; IN_USE: its subnet is. The caller owns the document.
json_t *state_network_create(state *self, const json_t *configuration, holm_error **error);
/// The network is made with its defaults when it is "default".
json_t *state_network_get(state *self, const char *name, holm_error **error);
/// All of them by name, "default" made where it is missing.
json_t *state_network_list(state *self, holm_error **error);
/// IN_USE with a name of its members while it has any.
int state_network_delete(state *self, const char *name, holm_error **error);

// ---- volumes (state_volume.c) ----
// Documents as docs/protocol.md describes them; status.containers comes from the containers' mounts.

/// Stores a new volume, with the time of now. EXISTS: the name is taken. The caller owns the document.
json_t *state_volume_insert(state *self, const json_t *document, holm_error **error);
json_t *state_volume_get(state *self, const char *name, holm_error **error);
/// All of them by name.
json_t *state_volume_list(state *self, holm_error **error);
/// IN_USE with the names of the containers that mount it.
int state_volume_delete(state *self, const char *name, holm_error **error);
/// Gives it another file and size. NOT_FOUND where it has gone.
int state_volume_replace(state *self, const char *name, const char *file, uint64_t size, holm_error **error);

// ---- events ----

/// Appends an event and touches DATA/state/events, which watchers see by inotify. attributes may be NULL.
int state_event_add(state *self, const char *kind, const char *action, const char *id, const char *name,
                    const json_t *attributes, holm_error **error);
/// Events after `sequence` (-1: none of the past: only *last is set), at most `most`, oldest first. Kept: the
/// last 10,000.
json_t *state_event_list(state *self, int64_t sequence, unsigned most, int64_t *last, holm_error **error);
