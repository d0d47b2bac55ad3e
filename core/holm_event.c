// Events: read from their table whenever the events file is touched.
#include <errno.h>
#include <fcntl.h>

#include "core/base/time.h"
#include "core/holm_internal.h"

#define BATCH 500u

typedef struct event_watch {
    holm_watch watch;
    uv_work_t work;
    uv_fs_event_t file;
    uv_timer_t until;
    unsigned open_handles;
    int64_t sequence;
    int64_t since_ns, until_ns;
    bool working, again, telling;
    json_t *batch;
    holm_error *error;
} event_watch;

static void read_on_worker(uv_work_t *work) {
    event_watch *self = work->data;
    holm_client *client = self->watch.handle.client;
    state *db = holm_state_take(client, &self->error);
    if (!db)
        return;
    self->batch = state_event_list(db, self->sequence, BATCH, &self->sequence, &self->error);
    holm_state_give(client, db);
}

static void read_next(event_watch *self);

static void event_free(event_watch *self) {
    json_decref(self->batch);
    holm_error_free(self->error);
    holm_watch_release(&self->watch);
}

static void handle_closed(uv_handle_t *handle) {
    event_watch *self = handle->data;
    if (--self->open_handles == 0)
        event_free(self);
}

static void event_end(holm_watch *watch) {
    event_watch *self = (event_watch *)watch;
    if (self->working || self->telling)
        return; // their end comes back here
    uv_close((uv_handle_t *)&self->file, handle_closed);
    uv_close((uv_handle_t *)&self->until, handle_closed);
}

static void tell(event_watch *self) {
    cleanup_json json_t *batch = steal_pointer(&self->batch);
    size_t index;
    json_t *event;
    bool past = false;
    self->telling = true;
    json_array_foreach (batch, index, event) {
        int64_t unix_ns = json_integer_value(json_object_get(event, "unixNs"));
        past = past || (self->until_ns && unix_ns > self->until_ns);
        if (!past && unix_ns >= self->since_ns)
            holm_watch_tell(&self->watch, json_incref(event));
    }
    self->telling = false;
    if (self->watch.closed)
        event_end(&self->watch);
    else if (past || (self->until_ns && json_array_size(batch) < BATCH && time_now_ns() > self->until_ns))
        holm_watch_finish(&self->watch, NULL);
    else if (json_array_size(batch) == BATCH || self->again)
        read_next(self);
}

static void batch_done(uv_work_t *work, int status) {
    event_watch *self = work->data;
    (void)status;
    self->working = false;
    if (self->watch.closed)
        event_end(&self->watch);
    else if (self->error)
        holm_watch_finish(&self->watch, self->error);
    else
        tell(self);
}

static void read_next(event_watch *self) {
    self->again = self->working || self->telling;
    if (self->again || self->watch.closed)
        return;
    self->working = true;
    uv_queue_work(self->watch.handle.client->loop, &self->work, read_on_worker, batch_done);
}

static void file_touched(uv_fs_event_t *event, const char *name, int events, int status) {
    (void)name, (void)events, (void)status;
    read_next(event->data);
}

static void time_is_up(uv_timer_t *timer) {
    read_next(timer->data);
}

// The file has to be there to be watched.
static int watch_file(event_watch *self, holm_error **error) {
    cleanup_free char *folder = path_join(self->watch.handle.client->where.data, "state", NULL);
    cleanup_free char *path = path_join(folder, "events", NULL);
    if (path_make_directories(folder, error) < 0)
        return -1;
    cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        holm_error_set_errno(error, errno, "open %s", path);
        return -1;
    }
    int result = uv_fs_event_start(&self->file, file_touched, path, 0);
    if (result < 0)
        holm_error_set_errno(error, -result, "watch %s", path);
    return result;
}

// What went wrong at the start is told from the loop as well, by way of an empty job.
static void do_nothing(uv_work_t *work) {
    (void)work;
}

holm_watch *holm_event_watch(holm_client *client, int64_t since_sequence, int64_t since_ns, int64_t until_ns,
                             holm_watch_item item, holm_watch_ended ended, void *data) {
    event_watch *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    holm_watch_init(&self->watch, client, item, ended, data, event_end);
    self->sequence = since_ns > 0 && since_sequence < 0 ? 0 : since_sequence;
    self->since_ns = since_ns;
    self->until_ns = until_ns;
    uv_fs_event_init(client->loop, &self->file);
    uv_timer_init(client->loop, &self->until);
    self->file.data = self->until.data = self->work.data = self;
    self->open_handles = 2;
    self->working = true;
    bool watching = watch_file(self, &self->error) == 0;
    int64_t left_ns = until_ns - time_now_ns();
    if (until_ns > 0 && left_ns > 0)
        uv_timer_start(&self->until, time_is_up, (uint64_t)(left_ns / 1000000) + 1, 0);
    uv_queue_work(client->loop, &self->work, watching ? read_on_worker : do_nothing, batch_done);
    return &self->watch;
}
