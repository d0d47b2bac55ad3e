#include "guest/filesystem_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/vfs.h>

#include "guest/event.h"

static void remember(agent *self, const char *path, const char *name) {
    struct statfs status;
    uv_mutex_lock(&self->lock);
    if (self->filesystem_count < AGENT_FILESYSTEMS_MAX && statfs(path, &status) == 0) {
        agent_filesystem *added = &self->filesystems[self->filesystem_count++];
        memcpy(added->id, &status.f_fsid, sizeof added->id);
        snprintf(added->name, sizeof added->name, "%s", name);
    }
    uv_mutex_unlock(&self->lock);
}

void filesystem_watch_add(agent *self, const char *path, const char *name) {
    if (fanotify_mark(watch_fd(self->filesystem_errors), FAN_MARK_ADD | FAN_MARK_FILESYSTEM, FAN_FS_ERROR,
                      AT_FDCWD, path) == 0)
        remember(self, path, name);
}

static void find_name(agent *self, const void *id, char *name, size_t size) {
    snprintf(name, size, "a file system");
    uv_mutex_lock(&self->lock);
    for (size_t i = 0; i < self->filesystem_count; i++)
        if (memcmp(self->filesystems[i].id, id, sizeof self->filesystems[i].id) == 0)
            snprintf(name, size, "%s", self->filesystems[i].name);
    uv_mutex_unlock(&self->lock);
}

// One event: two records, which file system it is and what happened there.
static void report(agent *self, const struct fanotify_event_metadata *event) {
    char name[AGENT_FILESYSTEM_NAME] = "a file system", text[128] = "an error";
    const uint8_t *at = (const uint8_t *)event + event->metadata_len,
                  *end = (const uint8_t *)event + event->event_len;
    while (end - at >= (ptrdiff_t)sizeof(struct fanotify_event_info_header)) {
        const struct fanotify_event_info_header *header = (const void *)at;
        if (header->info_type == FAN_EVENT_INFO_TYPE_FID)
            find_name(self, &((const struct fanotify_event_info_fid *)header)->fsid, name, sizeof name);
        if (header->info_type == FAN_EVENT_INFO_TYPE_ERROR) {
            const struct fanotify_event_info_error *what = (const void *)header;
            snprintf(text, sizeof text, "%s (%u so far)", strerror(what->error), what->error_count);
        }
        if (header->len == 0)
            break;
        at += header->len;
    }
    event_filesystem_error(self, name, text);
}

static void on_events(void *data, int events) {
    agent *self = data;
    _Alignas(struct fanotify_event_metadata) char space[4096];
    (void)events;
    ssize_t got = read(watch_fd(self->filesystem_errors), space, sizeof space);
    if (got <= 0)
        return;
    for (const struct fanotify_event_metadata *event = (void *)space; FAN_EVENT_OK(event, got);
         event = FAN_EVENT_NEXT(event, got))
        report(self, event);
}

int filesystem_watch_init(agent *self, holm_error **error) {
    int fd = fanotify_init(FAN_CLASS_NOTIF | FAN_REPORT_FID | FAN_CLOEXEC | FAN_NONBLOCK, O_RDONLY);
    if (fd < 0) {
        holm_error_set_errno(error, errno, "watch for errors of file systems");
        return -1;
    }
    self->filesystem_errors = watch_create(self->loop, fd, on_events, self, error);
    watch_events(self->filesystem_errors, UV_READABLE);
    return self->filesystem_errors ? 0 : -1;
}
