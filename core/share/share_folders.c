#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/share/share_watch.h"

static void *must(void *made) {
    if (!made)
        abort();
    return made;
}

static void link_to(share_folder *self, share_folder *parent) {
    self->parent = parent;
    self->link = parent ? &parent->first : NULL;
    self->next = parent ? parent->first : NULL;
    if (self->next)
        self->next->link = &self->next;
    if (parent)
        parent->first = self;
}

static void unlink_from(share_folder *self) {
    if (self->link)
        *self->link = self->next;
    if (self->next)
        self->next->link = self->link;
    self->parent = self->next = NULL;
    self->link = NULL;
}

void share_folders_init(share_folders *self, int root) {
    memset(self, 0, sizeof *self);
    self->root = root;
    self->top = share_folder_create(NULL, "");
}

void share_folders_finish(share_folders *self) {
    share_folder_destroy(self, self->top, NULL, NULL);
}

share_folder *share_folder_create(share_folder *parent, const char *name) {
    share_folder *self = must(calloc(1, sizeof *self));
    self->watch = -1;
    self->name = must(strdup(name));
    link_to(self, parent);
    return self;
}

void share_folder_destroy(share_folders *self, share_folder *folder,
                          void (*dropped)(share_folder *folder, void *data), void *data) {
    unlink_from(folder);
    while (folder) { // from the leaves up, however deep it is
        share_folder *leaf = folder;
        while (leaf->first)
            leaf = leaf->first;
        if (dropped)
            dropped(leaf, data);
        share_folder_set_watch(self, leaf, -1);
        if (leaf == folder)
            folder = NULL;
        unlink_from(leaf);
        free(leaf->name);
        free(leaf);
    }
}

share_folder *share_folder_find(const share_folder *parent, const char *name) {
    for (share_folder *at = parent->first; at; at = at->next)
        if (strcmp(at->name, name) == 0)
            return at;
    return NULL;
}

void share_folder_move(share_folder *self, share_folder *parent, const char *name) {
    unlink_from(self);
    if (strcmp(self->name, name) != 0) {
        free(self->name);
        self->name = must(strdup(name));
    }
    link_to(self, parent);
}

static share_folder **bucket_of(share_folders *self, int watch) {
    return &self->by_watch[(unsigned)watch % SHARE_BUCKETS];
}

void share_folder_set_watch(share_folders *self, share_folder *folder, int watch) {
    if (folder->watch >= 0) {
        share_folder **at = bucket_of(self, folder->watch);
        while (*at && *at != folder)
            at = &(*at)->same_bucket;
        if (*at)
            *at = folder->same_bucket;
    }
    folder->watch = watch;
    if (watch < 0)
        return;
    share_folder **bucket = bucket_of(self, watch);
    folder->same_bucket = *bucket;
    *bucket = folder;
}

share_folder *share_folder_watched(const share_folders *self, int watch, const share_folder *before) {
    share_folder *at = before ? before->same_bucket : self->by_watch[(unsigned)watch % SHARE_BUCKETS];
    while (at && at->watch != watch)
        at = at->same_bucket;
    return at;
}

bool share_folder_path(const share_folder *self, char *path, size_t size) {
    size_t at = size - 1;
    const share_folder *folder = self;
    path[at] = 0;
    for (; folder->parent; folder = folder->parent) {
        size_t length = strlen(folder->name);
        if (length + 1 > at)
            return false;
        at -= length;
        memcpy(path + at, folder->name, length);
        path[--at] = '/';
    }
    if (*folder->name || at == size - 1) // on the way from one name to another, or the root
        return false;
    memmove(path, path + at + 1, size - at - 1);
    return true;
}

int share_folder_open(const share_folders *self, const share_folder *folder) {
    const struct open_how how = {.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
                                 .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
    char path[PATH_MAX];
    if (!folder->parent)
        return fcntl(self->root, F_DUPFD_CLOEXEC, 0);
    if (!share_folder_path(folder, path, sizeof path))
        return -1;
    return (int)syscall(SYS_openat2, self->root, path, &how, sizeof how);
}
