#include "core/base/relay_pair.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "core/base/buffer.h"
#include "core/base/watch.h"

typedef struct side {
    relay_pair *pair;
    watch *watch;
    buffer waiting; ///< for this side to take
    bool ended;     ///< it says no more
    bool told;      ///< that the other one says no more
} side;

struct relay_pair {
    side sides[2];
    bool connecting; ///< the second one
    relay_pair_ended ended;
    void *data;
};

static side *other_of(side *self) {
    return &self->pair->sides[self == &self->pair->sides[0]];
}

// false: the connection is lost.
static bool take_from(side *self) {
    side *other = other_of(self);
    while (!self->ended && other->waiting.length < RELAY_PAIR_BUFFER) {
        uint8_t chunk[16384];
        ssize_t got = recv(watch_fd(self->watch), chunk, sizeof chunk, MSG_DONTWAIT);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return errno == EAGAIN;
        if (got == 0)
            self->ended = true;
        buffer_append(&other->waiting, chunk, (size_t)got);
    }
    return true;
}

static bool give_to(side *self) {
    while (self->waiting.length) {
        ssize_t sent = send(watch_fd(self->watch), self->waiting.data, self->waiting.length,
                            MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return errno == EAGAIN;
        buffer_consume(&self->waiting, (size_t)sent);
    }
    if (other_of(self)->ended && !self->told) {
        self->told = true;
        shutdown(watch_fd(self->watch), SHUT_WR);
    }
    return true;
}

static void watch_what_matters(side *self) {
    bool room = other_of(self)->waiting.length < RELAY_PAIR_BUFFER;
    watch_events(self->watch,
                 (!self->ended && room ? UV_READABLE : 0) | (self->waiting.length ? UV_WRITABLE : 0));
}

static bool is_connected(relay_pair *self) {
    int failed = 0;
    socklen_t length = sizeof failed;
    return getsockopt(watch_fd(self->sides[1].watch), SOL_SOCKET, SO_ERROR, &failed, &length) == 0 && !failed;
}

// Whoever is left hears of a connection that broke, not of one that ended.
static void reset_both(relay_pair *self) {
    static const struct linger at_once = {.l_onoff = 1};
    for (size_t i = 0; i < 2; i++)
        setsockopt(watch_fd(self->sides[i].watch), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

static void on_ready(void *data, int events) {
    relay_pair *self = ((side *)data)->pair;
    bool good = true;
    (void)events;
    if (self->connecting)
        good = is_connected(self);
    self->connecting = false;
    for (size_t i = 0; i < 2 && good; i++)
        good = take_from(&self->sides[i]);
    for (size_t i = 0; i < 2 && good; i++)
        good = give_to(&self->sides[i]);
    if (!good)
        reset_both(self);
    if (!good || (self->sides[0].told && self->sides[1].told)) {
        self->ended(self, self->data);
        relay_pair_destroy(self);
        return;
    }
    for (size_t i = 0; i < 2; i++)
        watch_what_matters(&self->sides[i]);
}

relay_pair *relay_pair_create(uv_loop_t *loop, int first, int second, bool connecting, relay_pair_ended ended,
                              void *data, holm_error **error) {
    cleanup_close int one = first, two = second;
    int *fds[2] = {&one, &two};
    relay_pair *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    *self = (relay_pair){.connecting = connecting, .ended = ended, .data = data};
    for (size_t i = 0; i < 2; i++) {
        self->sides[i].pair = self;
        self->sides[i].watch = watch_create(loop, steal_fd(fds[i]), on_ready, &self->sides[i], error);
        if (!self->sides[i].watch) {
            relay_pair_destroy(self);
            return NULL;
        }
    }
    // nothing is read before there is somewhere to write it
    watch_events(self->sides[0].watch, connecting ? 0 : UV_READABLE);
    watch_events(self->sides[1].watch, connecting ? UV_WRITABLE : UV_READABLE);
    return self;
}

void relay_pair_destroy(relay_pair *self) {
    if (!self)
        return;
    for (size_t i = 0; i < 2; i++) {
        watch_destroy(self->sides[i].watch);
        buffer_finish(&self->sides[i].waiting);
    }
    free(self);
}
