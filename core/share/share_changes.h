// The changes that wait until the shim may have them.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/share/share_watch.h"

#define SHARE_CHANGES_MOST 65536 ///< more become "look again" for all folders

/// Of one and the same thing these become one.
#define SHARE_INODE_EVENTS (IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE)

typedef struct share_change share_change;

typedef struct share_changes {
    share_change *first, *last;
    size_t count;
} share_changes;

/// name "": of the folder itself, which is a share. mask 0: the mark, of the root.
void share_changes_add(share_changes *self, share_folder *folder, const char *name, uint32_t mask,
                       uint32_t cookie);
/// Forgets those in this folder, which is going.
void share_changes_forget(share_changes *self, share_folder *folder);
void share_changes_clear(share_changes *self);

/// What else a packet says.
typedef struct share_news {
    bool no_instance, ready;
    uint32_t unwatched;
} share_news;
/// Sends a packet with as many as it takes, oldest first, up to the first mark. 1: it is sent; 0: there was
/// nothing to say, for what changed is on no path now (an empty packet would be taken for the end); -1: the
/// other end is gone.
int share_changes_send(share_changes *self, const share_news *news, int socket);
