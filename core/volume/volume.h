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
/// IN_USE while a container mounts it.
int volume_remove(const paths *where, state *db, const json_t *document, holm_error **error);
/// Removes the files that no row names and nobody is making.
int volume_sweep(const paths *where, state *db, holm_error **error);
/// The volume's file. The caller frees it.
char *volume_disk(const paths *where, const json_t *document);
/// Sets status.usedBytes: what the file takes on the host.
void volume_measure(const paths *where, json_t *document);
