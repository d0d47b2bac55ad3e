// The watcher of a container's shared folders: tells its shim what changes in them, whoever changes it.
//
// It watches (inotify(7)) each folder beneath the root that holds the shares by number. A message
// (SeenChanges of guest/agent.proto) is a packet on its socket; for each one the shim sends a byte back when
// it may have the next. What happens meanwhile waits here, and much of the same kind becomes one.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Watches until the other end of the socket is closed. Both descriptors stay the caller's.
void share_watch_run(int root, int socket);

// ---- share_folders.c: the folders that are watched ----

typedef struct share_folder share_folder;
struct share_folder {
    share_folder *parent; ///< NULL: the root
    share_folder *first, *next, **link;
    share_folder *same_bucket, *work;
    int watch;       ///< -1: none
    bool file;       ///< a share can be a single file
    unsigned queued; ///< changes that wait and are in it
    uint32_t cookie; ///< of the rename that it is on; 0: none
    char *name;
};

#define SHARE_BUCKETS 16384

typedef struct share_folders {
    int root;
    share_folder *top;
    share_folder *by_watch[SHARE_BUCKETS];
} share_folders;

void share_folders_init(share_folders *self, int root);
void share_folders_finish(share_folders *self);
/// One more in `parent`, without a watch yet.
share_folder *share_folder_create(share_folder *parent, const char *name);
/// Off the tree, with all beneath it; frees nothing else. `dropped` is told of each before.
void share_folder_destroy(share_folders *self, share_folder *folder,
                          void (*dropped)(share_folder *folder, void *data), void *data);
share_folder *share_folder_find(const share_folder *parent, const char *name);
/// It is in another one from now on, or under another name; parent NULL: in none.
void share_folder_move(share_folder *self, share_folder *parent, const char *name);
void share_folder_set_watch(share_folders *self, share_folder *folder, int watch);
/// The next one with this watch, NULL at the end: what is shared twice is there twice. before NULL: the
/// first.
share_folder *share_folder_watched(const share_folders *self, int watch, const share_folder *before);
/// "0/src" from the root. false: it is on no path, or a longer one than `size`.
bool share_folder_path(const share_folder *self, char *path, size_t size);
/// Opens it, without following links; -1: it is not there.
int share_folder_open(const share_folders *self, const share_folder *folder);
