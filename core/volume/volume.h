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
// ---- content that is there before anyone sees it: a file without a row, which becomes a volume's ----

typedef struct volume_draft {
    char *file, *path; ///< its name in the folder, and all of it
    int lock;          ///< against the sweep
} volume_draft;

/// A copy of the empty ext4 file `empty`.
int volume_draft_make(const paths *where, const char *empty, volume_draft *self, holm_error **error);
/// As volume_create, with this file.
json_t *volume_draft_create(state *db, const json_t *configuration, volume_draft *self, holm_error **error);
/// Gives the volume this file, of this size, in the place of its own, which goes. The caller holds the lock
/// of the old one (volume_open).
int volume_draft_replace(const paths *where, state *db, const json_t *document, uint64_t size,
                         volume_draft *self, holm_error **error);
/// Removes what did not become a volume's.
void volume_draft_finish(volume_draft *self);

/// Opens the volume's file under a lock, shared to read: whoever mounts it holds one, too. IN_USE says who.
int volume_open(const paths *where, const json_t *document, bool writes, holm_error **error);
/// Puts "in use by …" into *error; the container `except` (may be NULL) is not meant.
void volume_fail_in_use(const json_t *document, const char *except, holm_error **error);
/// Whether no machine has ever mounted it and nothing was brought into it (s_mtime of ext4's superblock).
bool volume_is_new(int fd);

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
