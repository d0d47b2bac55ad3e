#include "core/network/relay.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER_BYTES (64u << 10)

typedef struct relay relay;

// One side: what was read from it waits here for the other.
typedef struct side {
    relay *owner;
    uv_poll_t poll;
    int fd;
    bool ended;  // nothing more comes from it
    bool closed; // and the other side has been told
    size_t begin, end;
    uint8_t bytes[BUFFER_BYTES];
} side;

struct relay {
    relay_list *list;
    relay *next, **link;
    unsigned open_handles;
    bool over;
    side sides[2];
};

static void side_closed(uv_handle_t *handle) {
    side *self = handle->data;
    relay *owner = self->owner;
    close(self->fd);
    if (--owner->open_handles == 0)
        free(owner);
}

static void relay_end(relay *self, bool reset) {
    if (self->over)
        return;
    self->over = true;
    *self->link = self->next;
    if (self->next)
        self->next->link = self->link;
    const struct linger at_once = {.l_onoff = 1};
    for (int i = 0; i < 2; i++) {
        if (reset)
            setsockopt(self->sides[i].fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        uv_close((uv_handle_t *)&self->sides[i].poll, side_closed);
    }
}

static side *other_of(side *self) {
    return &self->owner->sides[self == &self->owner->sides[0]];
}

static bool waits(void) {
    return errno == EAGAIN || errno == EINTR || errno == ENOTCONN;
}

// From one side into its buffer; false: the connection is lost.
static bool take(side *self) {
    if (self->ended || self->end > self->begin)
        return true;
    self->begin = self->end = 0;
    ssize_t got = recv(self->fd, self->bytes, sizeof self->bytes, MSG_DONTWAIT);
    if (got < 0)
        return waits();
    self->end = (size_t)got;
    self->ended = got == 0;
    return true;
}

// From the buffer to the other side.
static bool give(side *self) {
    int to = other_of(self)->fd;
    while (self->begin < self->end) {
        ssize_t sent =
            send(to, self->bytes + self->begin, self->end - self->begin, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0)
            return waits();
        self->begin += (size_t)sent;
    }
    if (self->ended && !self->closed) {
        self->closed = true;
        shutdown(to, SHUT_WR);
    }
    return true;
}

static void side_ready(uv_poll_t *poll, int status, int events);

static void side_watch(side *self) {
    bool room = self->begin == self->end && !self->ended;
    bool pending = other_of(self)->begin < other_of(self)->end;
    int events = (room ? UV_READABLE : 0) | (pending ? UV_WRITABLE : 0);
    if (events)
        uv_poll_start(&self->poll, events, side_ready);
    else
        uv_poll_stop(&self->poll);
}

static void side_ready(uv_poll_t *poll, int status, int events) {
    side *self = poll->data, *other = other_of(self);
    (void)events;
    int problem = 0;
    socklen_t length = sizeof problem;
    getsockopt(self->fd, SOL_SOCKET, SO_ERROR, &problem, &length);
    if (status < 0 || problem || !take(self) || !give(self) || !give(other)) {
        relay_end(self->owner, true);
        return;
    }
    if (self->closed && other->closed) {
        relay_end(self->owner, false);
        return;
    }
    side_watch(self);
    side_watch(other);
}

void relay_start(uv_loop_t *loop, relay_list *list, int client, int server) {
    relay *self = malloc(sizeof *self);
    if (!self)
        abort();
    self->list = list;
    self->next = list->first;
    self->link = &list->first;
    if (self->next)
        self->next->link = &self->next;
    list->first = self;
    self->open_handles = 2;
    self->over = false;
    const int fds[2] = {client, server};
    for (int i = 0; i < 2; i++) {
        side *each = &self->sides[i];
        each->owner = self;
        each->fd = fds[i];
        each->ended = each->closed = false;
        each->begin = each->end = 0;
        uv_poll_init(loop, &each->poll, each->fd);
        each->poll.data = each;
    }
    side_watch(&self->sides[0]);
    side_watch(&self->sides[1]);
}

void relay_list_finish(relay_list *self) {
    while (self->first)
        relay_end(self->first, true);
}
