#include "core/base/acceptor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/base/watch.h"

#define RESERVE 128 // what serves a connection needs descriptors, too

struct acceptor {
    watch *listener;
    int spare;   // given up for a moment when descriptors run out, so that someone can be refused
    rlim_t most; // a connection with this number, or a higher one, is refused
    acceptor_taken taken;
    void *data;
};

static int take(const acceptor *self, struct sockaddr_storage *peer) {
    socklen_t length = sizeof *peer;
    return accept4(watch_fd(self->listener), (struct sockaddr *)peer, &length, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

static int make_spare(int listener) {
    return fcntl(listener, F_DUPFD_CLOEXEC, 0);
}

static void refuse(acceptor *self) {
    struct sockaddr_storage peer;
    if (self->spare >= 0)
        close(steal_fd(&self->spare));
    int fd = take(self, &peer);
    if (fd >= 0)
        close(fd);
    self->spare = make_spare(watch_fd(self->listener));
}

static void on_ready(void *data, int events) {
    acceptor *self = data;
    struct sockaddr_storage peer = {0};
    (void)events;
    int fd = take(self, &peer);
    if (fd < 0 && (errno == EMFILE || errno == ENFILE))
        refuse(self);
    else if (fd >= 0 && (rlim_t)fd >= self->most) // the lowest that was free
        close(fd);
    else if (fd >= 0)
        self->taken(self->data, fd, &peer);
}

// Numbers from here on are left to what is open already.
static rlim_t find_most(void) {
    struct rlimit files = {RLIM_INFINITY, RLIM_INFINITY};
    getrlimit(RLIMIT_NOFILE, &files);
    return files.rlim_cur > 2 * RESERVE ? files.rlim_cur - RESERVE : files.rlim_cur;
}

acceptor *acceptor_create(uv_loop_t *loop, int fd, acceptor_taken taken, void *data, holm_error **error) {
    acceptor *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    *self = (acceptor){.spare = make_spare(fd), .most = find_most(), .taken = taken, .data = data};
    self->listener = watch_create(loop, fd, on_ready, self, error);
    if (self->listener) {
        watch_events(self->listener, UV_READABLE);
        return self;
    }
    acceptor_destroy(self);
    return NULL;
}

void acceptor_pause(acceptor *self, bool paused) {
    if (self)
        watch_events(self->listener, paused ? 0 : UV_READABLE);
}

void acceptor_destroy(acceptor *self) {
    if (!self)
        return;
    watch_destroy(self->listener);
    if (self->spare >= 0)
        close(self->spare);
    free(self);
}
