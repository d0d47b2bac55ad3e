// Logs: read in batches on a worker, told on the loop, followed by inotify.
#include <errno.h>
#include <string.h>
#include <sys/inotify.h>

#include "core/container/log.h"
#include "core/holm_boot_log.h"
#include "core/holm_internal.h"

#define BATCH_LINES 512u
#define BATCH_BYTES (256u << 10)

typedef struct batch_line {
    int64_t unix_ns;
    int stream;
    bool partial;
    size_t begin, length; // in the batch's bytes
} batch_line;

struct holm_log {
    holm_handle handle;
    uv_work_t work;
    holm_log_events events;
    void *data;
    char *container;
    bool boot, follow;
    int64_t last, since_ns;

    // The worker's.
    char id[72];
    log_reader *reader;
    boot_log boot_reader;
    bool opened;
    int watch_fd; // inotify: of the log for both kinds

    batch_line lines[BATCH_LINES];
    size_t line_count, line_told;
    buffer bytes;
    bool more;    // another batch is there already
    bool at_rest; // the container had ended before the batch was read

    // The loop's.
    bool paused, working, telling, closed, watching;
    uv_poll_t poll;            // the log has grown
    uv_fs_event_t events_file; // a container has changed
    unsigned open_handles;
    holm_error *error;
};

// ---- on the worker ----

static int open_boot(holm_log *self, const char *folder) {
    cleanup_free char *path = path_join(folder, "boot.log", NULL);
    if (boot_log_open(&self->boot_reader, path, self->last, &self->error) < 0)
        return -1;
    if (!self->follow)
        return 0;
    self->watch_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (self->watch_fd < 0 || inotify_add_watch(self->watch_fd, folder, IN_MODIFY | IN_CREATE) < 0) {
        holm_error_set_errno(&self->error, errno, "watch %s", folder);
        return -1;
    }
    return 0;
}

static int open_log(holm_log *self, const char *folder) {
    self->reader = log_reader_open(folder, self->last, self->since_ns, &self->error);
    if (!self->reader)
        return -1;
    if (self->follow)
        self->watch_fd = log_reader_watch(self->reader, &self->error);
    return self->follow && self->watch_fd < 0 ? -1 : 0;
}

static int open_reader(holm_log *self, const json_t *document) {
    snprintf(self->id, sizeof self->id, "%s", holm_document_id(document));
    cleanup_free char *container = container_folder(&self->handle.client->where, self->id);
    cleanup_free char *folder = path_join(container, "log", NULL);
    self->opened = true;
    return self->boot ? open_boot(self, folder) : open_log(self, folder);
}

static void keep_line(holm_log *self, int64_t unix_ns, int stream, bool partial, const char *bytes,
                      size_t length) {
    self->lines[self->line_count++] = (batch_line){.unix_ns = unix_ns,
                                                   .stream = stream,
                                                   .partial = partial,
                                                   .begin = self->bytes.length,
                                                   .length = length};
    buffer_append(&self->bytes, bytes, length);
}

// 1: one was kept; 0: there is none now; -1: error.
static int read_line(holm_log *self) {
    if (self->boot) {
        const char *bytes;
        size_t length;
        bool partial;
        int got = boot_log_next(&self->boot_reader, self->follow && !self->at_rest, &bytes, &length, &partial,
                                &self->error);
        if (got > 0)
            keep_line(self, 0, 1, partial, bytes, length);
        return got;
    }
    log_record record;
    int got = log_reader_next(self->reader, &record, &self->error);
    if (got > 0)
        keep_line(self, record.unix_ns, record.stream, record.partial, record.bytes, record.length);
    return got;
}

static void drain_watch(const holm_log *self) {
    char events[4096];
    if (self->boot && self->watch_fd >= 0)
        while (read(self->watch_fd, events, sizeof events) > 0)
            ;
}

static void read_batch(holm_log *self, state *db) {
    bool alive = false;
    cleanup_json json_t *document =
        holm_container_look_up(self->handle.client, db, self->opened ? self->id : self->container, &alive,
                               self->opened ? NULL : &self->error);
    const char *now = holm_document_status(document, "state");
    // A container that has been removed meanwhile has ended, too.
    self->at_rest = !document || strcmp(now, "exited") == 0;
    if (!self->opened && (!document || open_reader(self, document) < 0))
        return;
    drain_watch(self);
    int got = 1;
    while (self->line_count < BATCH_LINES && self->bytes.length < BATCH_BYTES && (got = read_line(self)) > 0)
        ;
    self->more = got > 0;
}

static void read_on_worker(uv_work_t *work) {
    holm_log *self = work->data;
    state *db = holm_state_take(self->handle.client, &self->error);
    if (!db)
        return;
    read_batch(self, db);
    holm_state_give(self->handle.client, db);
}

// ---- on the loop ----

static void work_next(holm_log *self);

static void log_free(holm_log *self) {
    log_reader_close(self->reader);
    if (self->boot && self->opened) {
        boot_log_finish(&self->boot_reader);
        if (self->watch_fd >= 0)
            close(self->watch_fd);
    }
    holm_handle_finish(&self->handle);
    buffer_finish(&self->bytes);
    holm_error_free(self->error);
    free(self->container);
    free(self);
}

static void handle_closed(uv_handle_t *handle) {
    holm_log *self = handle->data;
    if (--self->open_handles == 0)
        log_free(self);
}

static void let_go(holm_log *self) {
    self->closed = true;
    if (self->working || self->telling)
        return; // their end comes back here
    if (!self->watching) {
        log_free(self);
        return;
    }
    uv_close((uv_handle_t *)&self->poll, handle_closed);
    uv_close((uv_handle_t *)&self->events_file, handle_closed);
}

static void finish(holm_log *self) {
    self->events.ended(self, self->error, self->data);
    let_go(self);
}

static void log_grew(uv_poll_t *poll, int status, int events) {
    (void)status, (void)events;
    work_next(poll->data);
}

static void state_changed(uv_fs_event_t *event, const char *name, int events, int status) {
    (void)name, (void)events, (void)status;
    work_next(event->data);
}

static void watch(holm_log *self) {
    if (!self->watching) {
        cleanup_free char *path = path_join(self->handle.client->where.data, "state/events", NULL);
        uv_poll_init(self->handle.client->loop, &self->poll, self->watch_fd);
        uv_fs_event_init(self->handle.client->loop, &self->events_file);
        uv_fs_event_start(&self->events_file, state_changed, path, 0);
        self->poll.data = self->events_file.data = self;
        self->watching = true;
        self->open_handles = 2;
        work_next(self); // what happened before the watch
        return;
    }
    uv_poll_start(&self->poll, UV_READABLE, log_grew);
}

// Tells what the batch has; then goes on reading, waits, or ends.
static void tell(holm_log *self) {
    self->telling = true;
    while (self->line_told < self->line_count && !self->paused && !self->closed) {
        const batch_line *line = &self->lines[self->line_told++];
        self->events.line(self, line->unix_ns, line->stream, (const char *)self->bytes.data + line->begin,
                          line->length, line->partial, self->data);
    }
    self->telling = false;
    if (self->closed) {
        let_go(self);
        return;
    }
    if (self->paused)
        return;
    self->line_count = self->line_told = 0;
    buffer_clear(&self->bytes);
    if (self->error || (!self->more && (!self->follow || self->at_rest)))
        finish(self);
    else if (self->more)
        work_next(self);
    else
        watch(self);
}

static void batch_done(uv_work_t *work, int status) {
    holm_log *self = work->data;
    (void)status;
    self->working = false;
    if (self->closed)
        let_go(self);
    else
        tell(self);
}

static void work_next(holm_log *self) {
    if (self->working || self->closed || self->line_count > 0)
        return;
    if (self->watching)
        uv_poll_stop(&self->poll);
    self->working = true;
    self->work.data = self;
    uv_queue_work(self->handle.client->loop, &self->work, read_on_worker, batch_done);
}

static void close_with_client(holm_handle *handle) {
    holm_log *self = (holm_log *)handle;
    if (!self->closed)
        let_go(self);
}

holm_log *holm_log_open(holm_client *client, const holm_log_options *options, const holm_log_events *events,
                        void *data) {
    holm_log *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    holm_handle_init(&self->handle, client, close_with_client);
    self->events = *events;
    self->data = data;
    self->container = strdup(options->container);
    self->boot = options->boot;
    self->follow = options->follow;
    self->last = options->last;
    self->since_ns = options->since_ns;
    self->watch_fd = -1;
    self->boot_reader.fd = -1;
    work_next(self);
    return self;
}

void holm_log_pause(holm_log *log) {
    log->paused = true;
}

void holm_log_resume(holm_log *log) {
    if (!log->paused)
        return;
    log->paused = false;
    if (!log->working && !log->telling)
        tell(log);
}

void holm_log_close(holm_log *log) {
    if (!log)
        return;
    let_go(log);
}
