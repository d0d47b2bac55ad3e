// What is changed in the folders of the host: their watcher (core/share/share_watch.h) tells it, the agent
// makes events of it, and the watcher hears that it may tell more. One packet is on its way at a time.
#define LOG_MODULE "changes"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/log.h"
#include "core/base/watch.h"
#include "core/container/shim_devices.h"

#define PACKET_MOST 131072
#define PAUSE_MS    50 // after a packet that made no events, for a guest that is busy with changes of its own
#define MANY        256 // changes, after which there is no pause: more are waiting

struct shim_changes {
    shim *shim;
    const char *tag; // of the share
    watch *socket;
    pid_t watcher; // 0: not known yet
    bool held;     // the share is being taken out of the machine, or is to be
    bool due;      // the watcher may tell more as soon as it is not
    uv_timer_t pause;
    unsigned holders; // of this: the timer, and the agent's answer that is waited for
    size_t asked;     // changes in the packet that the agent has
    uint64_t stamp;   // of the mark that is on its way through the share; 0: none
    bool unmarked;    // changes were told since
};

typedef Holm__Agent__V1__SeenChanges seen_changes;

typedef struct reaping {
    uv_work_t work;
    pid_t process;
} reaping;

static void reap(uv_work_t *work) {
    waitpid(((reaping *)work->data)->process, NULL, 0);
}

static void reaped(uv_work_t *work, int status) {
    (void)status;
    free(work->data);
}

// The watcher is this process's child, and ends when nobody listens any more.
static void stop_listening(shim_changes *self) {
    watch_destroy(steal_pointer(&self->socket));
    uv_timer_stop(&self->pause);
    if (self->watcher <= 0)
        return;
    reaping *made = calloc(1, sizeof *made);
    if (!made)
        abort();
    made->process = self->watcher;
    made->work.data = made;
    self->watcher = 0;
    uv_queue_work(self->shim->loop, &made->work, reap, reaped);
}

static void say_unwatched(shim_changes *self, const seen_changes *seen) {
    const char *limit = seen->no_instance ? "fs.inotify.max_user_instances" : "fs.inotify.max_user_watches";
    cleanup_free char *text =
        path_format("changes that the host makes in %s of its shared folders are no events in the container: "
                    "the limit of inotify is reached (sysctl %s)",
                    seen->no_instance ? "any" : "some", limit);
    log_warning("%s", text);
    shim_store_note(self->shim, json_pack("{s:s}", "error", text), "unwatched",
                    json_pack("{s:s}", "limit", limit));
}

static void release(shim_changes *self) {
    if (--self->holders == 0)
        free(self);
}

static void may_tell_more(shim_changes *self) {
    self->due = self->held;
    if (self->due)
        return;
    if (send(watch_fd(self->socket), "", 1, MSG_NOSIGNAL | MSG_DONTWAIT) == 1)
        watch_events(self->socket, UV_READABLE);
    else
        stop_listening(self);
}

static void pause_over(uv_timer_t *timer) {
    may_tell_more(timer->data);
}

static void agent_answered(const ProtobufCMessage *message, const holm_error *error, void *data) {
    shim_changes *self = data;
    const Holm__Agent__V1__ReportChangesResponse *answer = (const void *)message;
    if (self->socket && error) {
        if (!self->held) // else the share is gone
            log_warning("changes of the host are no events in the container: %s", holm_error_message(error));
        stop_listening(self);
    } else if (self->socket) {
        if (answer->stamp)
            self->stamp = answer->stamp;
        if (answer->raised || self->asked >= MANY)
            may_tell_more(self);
        else
            uv_timer_start(&self->pause, pause_over, PAUSE_MS, 0);
    }
    release(self);
}

// After changes a mark follows, for the agent to know when what the guest did has been told.
static void ask_agent(shim_changes *self, const seen_changes *seen) {
    Holm__Agent__V1__ReportChangesRequest request = HOLM__AGENT__V1__REPORT_CHANGES_REQUEST__INIT;
    request.source = (char *)self->tag;
    request.changes = seen->changes;
    request.n_changes = seen->n_changes;
    request.forget = seen->marked ? self->stamp : 0;
    if (seen->marked)
        self->stamp = 0;
    self->unmarked = self->unmarked || seen->n_changes > 0;
    request.mark = self->unmarked && self->stamp == 0;
    if (request.mark)
        self->unmarked = false;
    if (!request.n_changes && !request.forget && !request.mark) {
        may_tell_more(self);
        return;
    }
    self->holders++;
    self->asked = seen->n_changes;
    watch_events(self->socket, 0);
    rpc_call_unary(self->shim->agent, shim_agent_protocol(), "ReportChanges", &request.base, agent_answered,
                   self, 0);
}

// One packet, and who sent it. false: the watcher is gone.
static bool receive(shim_changes *self, uint8_t *bytes, size_t *length) {
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(struct ucred))];
    } control;
    struct iovec vector = {bytes, PACKET_MOST};
    struct msghdr message = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    ssize_t got = recvmsg(watch_fd(self->socket), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    *length = got > 0 ? (size_t)got : 0;
    if (got <= 0)
        return got < 0 && (errno == EAGAIN || errno == EINTR);
    const struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_CREDENTIALS) {
        struct ucred sender;
        memcpy(&sender, CMSG_DATA(header), sizeof sender);
        self->watcher = sender.pid;
    }
    return !(message.msg_flags & MSG_TRUNC);
}

static void on_packet(void *data, int events) {
    shim_changes *self = data;
    cleanup_free uint8_t *bytes = malloc(PACKET_MOST);
    size_t length;
    (void)events;
    if (!bytes || !receive(self, bytes, &length)) {
        log_warning("the watcher of shared folders is gone");
        stop_listening(self);
        return;
    }
    if (!length)
        return;
    seen_changes *seen = holm__agent__v1__seen_changes__unpack(NULL, length, bytes);
    if (!seen || !self->shim->agent) {
        stop_listening(self);
    } else {
        if (seen->unwatched || seen->no_instance)
            say_unwatched(self, seen);
        ask_agent(self, seen);
    }
    if (seen)
        holm__agent__v1__seen_changes__free_unpacked(seen, NULL);
}

shim_changes *shim_changes_create(shim *owner, int socket, const char *tag) {
    const int yes = 1;
    shim_changes *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    *self = (shim_changes){.shim = owner, .tag = tag, .holders = 1};
    uv_timer_init(owner->loop, &self->pause);
    self->pause.data = self;
    setsockopt(socket, SOL_SOCKET, SO_PASSCRED, &yes, sizeof yes);
    cleanup_error holm_error *error = NULL;
    if (!(self->socket = watch_create(owner->loop, socket, on_packet, self, &error)))
        log_warning("%s", holm_error_message(error));
    return self;
}

void shim_changes_start(shim_changes *self) {
    if (!self || !self->socket)
        return;
    self->held = false;
    if (self->due)
        may_tell_more(self);
    else if (!uv_is_active((uv_handle_t *)&self->pause) && self->holders == 1)
        watch_events(self->socket, UV_READABLE);
}

void shim_changes_hold(shim_changes *self) {
    if (!self || !self->socket)
        return;
    self->held = true;
    watch_events(self->socket, 0);
}

static void timer_closed(uv_handle_t *timer) {
    release(timer->data);
}

void shim_changes_destroy(shim_changes *self) {
    if (!self)
        return;
    stop_listening(self);
    uv_close((uv_handle_t *)&self->pause, timer_closed);
}
