// Volumes: disks that outlive the containers that mount them. A volume is a row of state.db and a file of its
// own in DATA/volumes; the row decides. A file appears before its row and goes after it, so what a killed
// holm leaves behind is a file without a row, which volume_sweep finds. Blocks: call from a worker.
#pragma once

#include <jansson.h>

#include "core/base/error.h"
#include "core/base/path.h"
#include "core/store/state.h"

#define VOLUME_SIZE_DEFAULT (UINT64_C(512) << 30) // nominal: the file is sparse

/// Puts the defaults into what was asked for (docs/protocol.md), in place, and checks it: a name (a random
/// one of 64 hex digits makes the volume anonymous) and a size.
int volume_complete(json_t *configuration, holm_error **error);
/// Makes the volume: a copy of the empty ext4 file `empty`, its row and its event. EXISTS: the name is taken.
/// The caller owns the document.
json_t *volume_create(const paths *where, state *db, const json_t *configuration, const char *empty,
                      holm_error **error);
/// Within a transaction of the caller's: the row, with its event. IN_USE while a container mounts it.
int volume_delete(state *db, const json_t *document, holm_error **error);
/// The file of a volume whose row is gone.
int volume_unlink(const paths *where, const json_t *document, holm_error **error);
/// Both. IN_USE while a container mounts it.
int volume_remove(const paths *where, state *db, const json_t *document, holm_error **error);
/// Removes the files that no row names and nobody is making.
int volume_sweep(const paths *where, state *db, holm_error **error);
/// Within a transaction of the caller's: the rows of the volumes without a name that only the container with
/// this configuration mounted, which has no row any more. Returns their documents; the caller owns them.
json_t *volume_delete_anonymous(state *db, const json_t *configuration);
/// The volume's file. The caller frees it.
char *volume_disk(const paths *where, const json_t *document);
/// Sets status.usedBytes: what the file takes on the host.
void volume_measure(const paths *where, json_t *document);
