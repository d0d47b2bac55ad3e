#include "guest/event.h"

#include <stdlib.h>
#include <sys/utsname.h>
#include <time.h>

#include "guest/boot.h"
#include "guest/cgroup.h"
#include "guest/process.h"

#define LOG_MODULE "event"
#include "core/base/log.h"

struct event_listener {
    event_listener *next;
    agent *agent;
    rpc_stream *stream;
};

static void fill_time(Holm__Agent__V1__Event *event) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    event->unix_ns = now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

// A listener that does not listen is let go of: events must not pile up here.
static void broadcast(agent *self, Holm__Agent__V1__Event *event) {
    fill_time(event);
    for (event_listener *each = self->listeners; each; each = each->next) {
        if (rpc_stream_congested(each->stream))
            rpc_stream_cancel(each->stream);
        else
            rpc_stream_send(each->stream, &event->base);
    }
}

void event_process_exit(agent *self, const Holm__Agent__V1__ProcessExit *exit) {
    Holm__Agent__V1__Event event = HOLM__AGENT__V1__EVENT__INIT;
    event.what_case = HOLM__AGENT__V1__EVENT__WHAT_PROCESS_EXIT;
    event.process_exit = (Holm__Agent__V1__ProcessExit *)exit;
    broadcast(self, &event);
}

void event_filesystem_error(agent *self, const char *path, const char *text) {
    Holm__Agent__V1__Event event = HOLM__AGENT__V1__EVENT__INIT;
    Holm__Agent__V1__FilesystemError what = HOLM__AGENT__V1__FILESYSTEM_ERROR__INIT;
    what.path = (char *)path;
    what.text = (char *)text;
    event.what_case = HOLM__AGENT__V1__EVENT__WHAT_FILESYSTEM_ERROR;
    event.filesystem_error = &what;
    log_warning("file system of %s: %s", path, text);
    broadcast(self, &event);
}

static void on_memory_events(uv_fs_event_t *handle, const char *name, int events, int status) {
    agent *self = handle->data;
    (void)name, (void)events, (void)status;
    uint64_t kills = cgroup_oom_kills();
    if (kills <= self->oom_kills)
        return;
    Holm__Agent__V1__Event event = HOLM__AGENT__V1__EVENT__INIT;
    Holm__Agent__V1__OutOfMemory out_of_memory = HOLM__AGENT__V1__OUT_OF_MEMORY__INIT;
    out_of_memory.process = (char *)PROCESS_FIRST;
    out_of_memory.kills = kills - self->oom_kills;
    event.what_case = HOLM__AGENT__V1__EVENT__WHAT_OUT_OF_MEMORY;
    event.out_of_memory = &out_of_memory;
    self->oom_kills = kills;
    broadcast(self, &event);
}

int event_watch_memory(agent *self, holm_error **error) {
    uv_fs_event_init(self->loop, &self->memory_events);
    self->memory_events.data = self;
    int failed =
        uv_fs_event_start(&self->memory_events, on_memory_events, CONTAINER_CGROUP "/memory.events", 0);
    if (failed)
        holm_error_set_errno(error, -failed, "watch memory.events");
    return failed ? -1 : 0;
}

static void on_close(rpc_stream *stream, rpc_code code, const char *text, void *data) {
    event_listener *self = data;
    (void)stream, (void)code, (void)text;
    event_listener **link = &self->agent->listeners;
    while (*link != self)
        link = &(*link)->next;
    *link = self->next;
    free(self);
}

void event_open(rpc_stream *stream, void *data) {
    static const rpc_stream_events events = {.close = on_close};
    event_listener *opened = calloc(1, sizeof *opened);
    if (!opened)
        abort();
    opened->agent = data;
    opened->stream = stream;
    opened->next = opened->agent->listeners;
    opened->agent->listeners = opened;
    rpc_stream_set_events(stream, &events, opened);

    struct utsname names;
    Holm__Agent__V1__Event event = HOLM__AGENT__V1__EVENT__INIT;
    Holm__Agent__V1__Ready ready = HOLM__AGENT__V1__READY__INIT;
    ready.version = (char *)HOLM_VERSION;
    ready.kernel = uname(&names) == 0 ? names.release : (char *)"";
    event.what_case = HOLM__AGENT__V1__EVENT__WHAT_READY;
    event.ready = &ready;
    fill_time(&event);
    rpc_stream_send(stream, &event.base);
}
