#include "core/share/share_watch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "core/share/share_changes.h"

#define FOLDER_EVENTS \
    (SHARE_INODE_EVENTS | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_EXCL_UNLINK)
#define WAITING_MOST 4096 // changes, before more events are read: the kernel keeps 16384 of them
#define SAME_MOST    64   // places of one folder

// A name that was there when its folder came: its own event may still come, and is not told again.
typedef struct seen_name {
    struct seen_name *same_bucket, *next, **bucket;
    const share_folder *folder;
    char name[];
} seen_name;

typedef struct watcher {
    int inotify, socket;
    share_folders folders;
    share_changes changes;
    share_news news;
    bool may_send;
    bool full; // there are no more watches
    // A folder that was renamed hangs nowhere until its other name is read, and a name was seen until then,
    // too: until an event of our own, from after that, is read.
    int turn;                         // a file of our own, to have such events
    int turning;                      // its watch; -1: none is on its way
    share_folder *away, *away_before; // by `work`
    seen_name *seen, *seen_before;
    seen_name *by_name[SHARE_BUCKETS];
} watcher;

// ---- names that were there already ----

static seen_name **bucket_of(watcher *self, const share_folder *folder, const char *name) {
    uint64_t hash = (uintptr_t)folder >> 4;
    for (; *name; name++)
        hash = hash * 31 + (unsigned char)*name;
    return &self->by_name[hash % SHARE_BUCKETS];
}

static void see(watcher *self, const share_folder *folder, const char *name) {
    size_t size = strlen(name) + 1;
    seen_name *made = malloc(sizeof *made + size), **bucket = bucket_of(self, folder, name);
    if (!made)
        abort();
    *made = (seen_name){.same_bucket = *bucket, .next = self->seen, .bucket = bucket, .folder = folder};
    memcpy(made->name, name, size);
    *bucket = self->seen = made;
}

static bool was_seen(watcher *self, const share_folder *folder, const char *name) {
    for (seen_name *at = *bucket_of(self, folder, name); at; at = at->same_bucket)
        if (at->folder == folder && strcmp(at->name, name) == 0) {
            at->folder = NULL; // once
            return true;
        }
    return false;
}

static void forget_seen(seen_name **list) {
    for (seen_name *at; (at = *list);) {
        *list = at->next;
        seen_name **link = at->bucket;
        while (*link != at)
            link = &(*link)->same_bucket;
        *link = at->same_bucket;
        free(at);
    }
}

// ---- folders that come and go ----

static void come_back(share_folder **list, const share_folder *folder) {
    while (*list && *list != folder)
        list = &(*list)->work;
    if (*list)
        *list = folder->work;
}

static void folder_dropped(share_folder *folder, void *data) {
    watcher *self = data;
    come_back(&self->away, folder);
    come_back(&self->away_before, folder);
    share_changes_forget(&self->changes, folder);
    int watch = folder->watch;
    share_folder_set_watch(&self->folders, folder, -1);
    if (watch >= 0 && !share_folder_watched(&self->folders, watch, NULL))
        inotify_rm_watch(self->inotify, watch);
}

static void remove_folder(watcher *self, share_folder *folder) {
    share_folder_destroy(&self->folders, folder, folder_dropped, self);
}

// File systems that are no place for files, and change all the time.
static bool is_pseudo(int fd) {
    static const unsigned long magic[] = {PROC_SUPER_MAGIC,   SYSFS_MAGIC,   CGROUP2_SUPER_MAGIC,
                                          CGROUP_SUPER_MAGIC, DEBUGFS_MAGIC, TRACEFS_MAGIC,
                                          SECURITYFS_MAGIC,   BPF_FS_MAGIC,  DEVPTS_SUPER_MAGIC};
    struct statfs status;
    if (fstatfs(fd, &status) < 0)
        return true;
    for (size_t i = 0; i < array_length(magic); i++)
        if ((unsigned long)status.f_type == magic[i])
            return true;
    return false;
}

// Returns its descriptor, or -1: it is not there, cannot be read or is none.
static int watch_folder(watcher *self, share_folder *folder) {
    cleanup_close int fd = share_folder_open(&self->folders, folder);
    struct stat status;
    char link[32];
    if (fd < 0 || fstat(fd, &status) < 0 || (!folder->file && (!S_ISDIR(status.st_mode) || is_pseudo(fd))))
        return -1;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    uint32_t events = !folder->parent ? IN_ATTRIB : folder->file ? SHARE_INODE_EVENTS : FOLDER_EVENTS;
    int watch = self->full ? -1 : inotify_add_watch(self->inotify, link, events);
    if (watch < 0 && (self->full || errno == ENOSPC)) {
        self->full = true;
        self->news.unwatched++;
    }
    share_folder_set_watch(&self->folders, folder, watch);
    return watch < 0 ? -1 : steal_fd(&fd);
}

static bool entry_is_folder(int folder, const struct dirent *entry) {
    struct stat status;
    if (entry->d_type != DT_UNKNOWN)
        return entry->d_type == DT_DIR;
    return fstatat(folder, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode);
}

// What is in it: folders are put before `work`, the first to look at next.
static share_folder *list_folder(watcher *self, share_folder *folder, int fd, bool tell, share_folder *work) {
    bool empty =
        !folder->first; // no name in it is known, and a folder of many folders is not searched for each
    int readable = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cleanup_directory DIR *list = readable < 0 ? NULL : fdopendir(readable);
    if (!list && readable >= 0)
        close(readable);
    for (const struct dirent *entry; list && (entry = readdir(list));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        bool is_folder = entry_is_folder(fd, entry);
        if (tell) {
            see(self, folder, entry->d_name);
            share_changes_add(&self->changes, folder, entry->d_name, IN_CREATE | (is_folder ? IN_ISDIR : 0),
                              0);
        }
        if (!(is_folder || !folder->parent) || (!empty && share_folder_find(folder, entry->d_name)))
            continue;
        share_folder *one = share_folder_create(folder, entry->d_name);
        one->file = !is_folder;
        one->work = work;
        work = one;
    }
    return work;
}

// Watches this one and all beneath it. `tell`: what is in it has come with it, and is told.
static void take_in(watcher *self, share_folder *folder, bool tell) {
    share_folder *work = folder;
    folder->work = NULL;
    while (work) {
        share_folder *one = work;
        work = one->work;
        one->work = NULL;
        cleanup_close int fd = watch_folder(self, one);
        if (fd < 0 && one->parent)
            remove_folder(self, one);
        else if (fd >= 0 && !one->file)
            work = list_folder(self, one, fd, tell, work);
    }
}

static void add_folder(watcher *self, share_folder *parent, const char *name, bool tell) {
    share_folder *old = share_folder_find(parent, name);
    if (old)
        remove_folder(self, old);
    take_in(self, share_folder_create(parent, name), tell);
}

// ---- beginning, and again when events were lost ----

static bool begin(watcher *self) {
    share_folders_init(&self->folders, self->folders.root);
    self->turning = -1;
    self->full = false;
    self->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    self->news.no_instance = self->inotify < 0;
    if (self->inotify >= 0)
        take_in(self, self->folders.top, false);
    return self->inotify >= 0;
}

static void end(watcher *self) {
    self->away = self->away_before = NULL;
    forget_seen(&self->seen);
    forget_seen(&self->seen_before);
    share_changes_clear(&self->changes);
    share_folders_finish(&self->folders);
    if (self->inotify >= 0)
        close(self->inotify);
}

static share_folder *next_folder(const share_folder *at) {
    if (at->first)
        return at->first;
    while (at && !at->next)
        at = at->parent;
    return at ? at->next : NULL;
}

// Nobody knows what has changed: every folder is to be looked at.
static void begin_again(watcher *self) {
    end(self);
    if (!begin(self))
        return;
    share_folder *top = self->folders.top;
    for (share_folder *at = top->first; at; at = next_folder(at))
        if (at->file || at->parent == top)
            share_changes_add(&self->changes, at, "", at->file ? SHARE_INODE_EVENTS : IN_ATTRIB | IN_ISDIR,
                              0);
        else
            share_changes_add(&self->changes, at->parent, at->name, IN_ATTRIB | IN_ISDIR, 0);
    share_changes_add(&self->changes, top, "", 0, 0); // a mark may be among what was lost
}

// ---- what is waited for until all of now has been read ----

static void begin_turn(watcher *self) {
    char link[32];
    if (self->turning >= 0 || (!self->seen && !self->away))
        return;
    snprintf(link, sizeof link, "/proc/self/fd/%d", self->turn);
    self->turning = inotify_add_watch(self->inotify, link, IN_ATTRIB);
    if (self->turning < 0)
        return;
    inotify_rm_watch(self->inotify, self->turning); // that is the event
    self->seen_before = steal_pointer(&self->seen);
    self->away_before = steal_pointer(&self->away);
}

static void end_turn(watcher *self) {
    self->turning = -1;
    forget_seen(&self->seen_before);
    while (self->away_before) // it is outside of the shares now
        remove_folder(self, self->away_before);
}

// ---- events ----

static share_folder *find_away(const watcher *self, uint32_t cookie) {
    share_folder *const lists[] = {self->away, self->away_before};
    for (size_t i = 0; i < array_length(lists); i++)
        for (share_folder *at = lists[i]; at; at = at->work)
            if (at->cookie == cookie)
                return at;
    return NULL;
}

static void folder_goes(watcher *self, share_folder *parent, const struct inotify_event *event) {
    share_folder *folder = share_folder_find(parent, event->name);
    if (!folder)
        return;
    if (event->mask & IN_DELETE) {
        remove_folder(self, folder);
        return;
    }
    share_folder_move(folder, NULL, folder->name);
    folder->cookie = event->cookie;
    folder->work = self->away;
    self->away = folder;
}

static void folder_comes(watcher *self, share_folder *parent, const struct inotify_event *event) {
    share_folder *folder = event->mask & IN_MOVED_TO ? find_away(self, event->cookie) : NULL;
    if (!folder) {
        add_folder(self, parent, event->name, event->mask & IN_CREATE);
        return;
    }
    come_back(&self->away, folder);
    come_back(&self->away_before, folder);
    folder->work = NULL;
    folder->cookie = 0;
    share_folder *old = share_folder_find(parent, event->name);
    if (old)
        remove_folder(self, old);
    share_folder_move(folder, parent, event->name);
}

static void name_event(watcher *self, share_folder *folder, const struct inotify_event *event) {
    uint32_t mask = event->mask & (FOLDER_EVENTS | IN_ISDIR) & ~(uint32_t)IN_EXCL_UNLINK;
    bool told = !(mask & SHARE_INODE_EVENTS) && was_seen(self, folder, event->name) && (mask & IN_CREATE);
    if (told)
        return;
    if ((mask & IN_ISDIR) && (mask & (IN_MOVED_FROM | IN_DELETE)))
        folder_goes(self, folder, event);
    share_changes_add(&self->changes, folder, event->name, mask, event->cookie);
    if ((mask & IN_ISDIR) && (mask & (IN_CREATE | IN_MOVED_TO)))
        folder_comes(self, folder, event);
}

static void folder_event(watcher *self, share_folder *folder, const struct inotify_event *event) {
    if (event->mask & IN_IGNORED) {
        share_folder_set_watch(&self->folders, folder, -1);
        if (folder->parent && !folder->first)
            remove_folder(self, folder);
    } else if (event->len > 0 && *event->name) {
        if (folder != self->folders.top) // each share tells of itself
            name_event(self, folder, event);
    } else if (!folder->parent && !folder->cookie && folder == self->folders.top) {
        share_changes_add(&self->changes, folder, "", 0, 0);
    } else if (folder->parent == self->folders.top && (event->mask & SHARE_INODE_EVENTS)) {
        share_changes_add(&self->changes, folder, "", event->mask & (SHARE_INODE_EVENTS | IN_ISDIR), 0);
    }
}

// One folder can be at several places, each of which has the event. What happens at one can end others.
static void dispatch(watcher *self, const struct inotify_event *event) {
    share_folder *places[SAME_MOST], *at = NULL;
    size_t count = 0;
    if (event->wd == self->turning && (event->mask & IN_IGNORED)) {
        end_turn(self);
        return;
    }
    while (count < SAME_MOST && (at = share_folder_watched(&self->folders, event->wd, at)))
        places[count++] = at;
    for (size_t i = 0; i < count; i++) {
        share_folder *still = NULL;
        while ((still = share_folder_watched(&self->folders, event->wd, still)) && still != places[i])
            continue;
        if (still)
            folder_event(self, still, event);
    }
}

// false: events were lost.
static bool read_events(watcher *self) {
    _Alignas(struct inotify_event) char space[32768];
    while (self->changes.count < WAITING_MOST) {
        ssize_t got = read(self->inotify, space, sizeof space);
        if (got <= 0)
            break;
        for (const char *at = space; at < space + got;) {
            const struct inotify_event *event = (const void *)at;
            at += sizeof *event + event->len;
            if ((event->mask & IN_Q_OVERFLOW) || self->changes.count > SHARE_CHANGES_MOST)
                return false;
            dispatch(self, event);
        }
    }
    begin_turn(self);
    return true;
}

// ---- the shim ----

static bool has_news(const watcher *self) {
    return self->changes.first || self->news.ready || self->news.unwatched || self->news.no_instance;
}

static bool send_news(watcher *self) {
    int sent = 0;
    while (self->may_send && has_news(self) && sent == 0)
        sent = share_changes_send(&self->changes, &self->news, self->socket);
    if (sent == 0)
        return true;
    self->news = (share_news){0};
    self->may_send = false;
    return sent > 0;
}

// false: the shim is gone.
static bool hear(watcher *self) {
    char byte;
    ssize_t got = read(self->socket, &byte, 1);
    if (got == 1)
        self->may_send = true;
    return got == 1 || (got < 0 && (errno == EINTR || errno == EAGAIN));
}

static void watch_on(watcher *self) {
    while (send_news(self)) {
        bool room = self->changes.count < WAITING_MOST && self->inotify >= 0;
        struct pollfd polled[] = {{self->socket, POLLIN, 0}, {self->inotify, POLLIN, 0}};
        if (poll(polled, room ? 2 : 1, -1) < 0 && errno != EINTR)
            return;
        if (polled[0].revents && !hear(self))
            return;
        if (room && (polled[1].revents & POLLIN) && !read_events(self))
            begin_again(self);
    }
}

void share_watch_run(int root, int socket) {
    watcher *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->socket = socket;
    self->may_send = true;
    self->folders.root = root;
    self->turn = memfd_create("turn", MFD_CLOEXEC);
    begin(self);
    self->news.ready = true;
    watch_on(self);
    end(self);
    if (self->turn >= 0)
        close(self->turn);
    free(self);
}
