// holm-share: gives one machine the folders and files of the host that its container mounts, and nothing
// else.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "core/base/error.h"

#define SHARE_MOST    16
#define SHARE_HIDDEN  8
#define SHARE_FOLDER  "/share" ///< in the root that the daemon has; holds the shares by number
#define SHARE_PROGRAM "/usr/lib/qemu/virtiofsd"

typedef struct share_tree {
    const char *path; ///< as it was asked for
    bool read_only;
} share_tree;

typedef struct share_request {
    share_tree trees[SHARE_MOST];
    size_t count;
    const char *hidden[SHARE_HIDDEN]; ///< holm's own folders; those that are not there are skipped
    size_t hidden_count;
} share_request;

/// Gives this process a user of its own (the user's id, as root) and a root that has the shares, and the
/// daemon's program and libraries to read. *many: as share_ids_finish. INVALID: a share lies in one of holm's
/// own folders.
int share_root_enter(const share_request *request, bool *many, holm_error **error);

/// Who has subordinate ids (subuid(5), and newuidmap(1) to use them) gives them to the other users of the
/// guest; who has not gives them his own. Begin before the user namespace is made.
typedef struct share_ids {
    int go; ///< to the child that writes the maps once it is made; -1: none
    pid_t child;
} share_ids;
void share_ids_begin(share_ids *self);
/// Once it is made. Returns whether the guest's users have ids of their own; -1: neither way was possible.
int share_ids_finish(share_ids *self, uid_t user, gid_t group, holm_error **error);

/// Without rights to gain. With one id only: asking for another succeeds and changes nothing, so whatever the
/// guest makes, as whoever, belongs to the user.
int share_ids_keep(bool many, holm_error **error);
