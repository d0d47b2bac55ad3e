#include "vm/vsock_connection.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "vm/vring.h"

vsock_connection *vsock_connection_create(uv_loop_t *loop, uint32_t guest_port, uint32_t host_port) {
    vsock_connection *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->fd = -1;
    self->guest_port = guest_port;
    self->host_port = host_port;
    self->poll.loop = loop;
    return self;
}

int vsock_connection_open(vsock_connection *self, int fd) {
    uv_loop_t *loop = self->poll.loop;
    int failed = uv_poll_init(loop, &self->poll, fd);
    if (failed) {
        self->poll.loop = loop;
        close(fd);
        return -1;
    }
    self->poll.data = self;
    self->fd = fd;
    self->open = true;
    return 0;
}

void vsock_connection_credit(vsock_connection *self, const vsock_header *header) {
    self->peer_buffer_size = header->buffer_size;
    self->peer_forwarded = header->forwarded;
}

uint32_t vsock_connection_room(const vsock_connection *self) {
    uint32_t under_way = self->sent - self->peer_forwarded;
    return under_way < self->peer_buffer_size ? self->peer_buffer_size - under_way : 0;
}

static void count_forwarded(vsock_connection *self, size_t length) {
    self->forwarded += (uint32_t)length;
    if (self->forwarded - self->forwarded_told >= VSOCK_BUFFER_SIZE / 2)
        self->owed |= VSOCK_OWED_CREDIT;
}

// Nobody reads the local stream any more: what waits for it, and what still comes, is dropped.
static void stop_writing(vsock_connection *self) {
    self->write_ended = true;
    count_forwarded(self, self->waiting.length);
    buffer_finish(&self->waiting);
}

static void end_when_drained(vsock_connection *self) {
    if (self->guest_sends_no_more && !self->write_ended && self->waiting.length == 0) {
        self->write_ended = true;
        shutdown(self->fd, SHUT_WR);
    }
}

static void write_waiting(vsock_connection *self) {
    while (self->waiting.length > 0) {
        ssize_t written =
            send(self->fd, self->waiting.data, self->waiting.length, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (written < 0) {
            if (errno != EAGAIN && errno != EINTR)
                stop_writing(self);
            return;
        }
        buffer_consume(&self->waiting, (size_t)written);
        count_forwarded(self, (size_t)written);
    }
    buffer_finish(&self->waiting);
    end_when_drained(self);
}

int vsock_connection_deliver(vsock_connection *self, const struct iovec *vectors, unsigned count,
                             size_t length) {
    if (length > VSOCK_BUFFER_SIZE - (self->received - self->forwarded))
        return -1;
    self->received += (uint32_t)length;
    if (self->write_ended) {
        count_forwarded(self, length);
        return 0;
    }
    size_t done = 0;
    if (self->waiting.length == 0) {
        struct msghdr message = {.msg_iov = (struct iovec *)vectors, .msg_iovlen = count};
        ssize_t written = sendmsg(self->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (written < 0 && errno != EAGAIN && errno != EINTR) {
            stop_writing(self);
            count_forwarded(self, length);
            return 0;
        }
        done = written > 0 ? (size_t)written : 0;
        count_forwarded(self, done);
    }
    if (done < length) {
        struct iovec rest[VRING_SEGMENTS_MOST];
        unsigned parts = vring_slice(vectors, count, done, length - done, rest);
        for (unsigned i = 0; i < parts; i++)
            buffer_append(&self->waiting, rest[i].iov_base, rest[i].iov_len);
    }
    return 0;
}

void vsock_connection_guest_shutdown(vsock_connection *self, unsigned flags) {
    if (flags & VSOCK_NO_MORE_SEND) {
        self->guest_sends_no_more = true;
        end_when_drained(self);
    }
    if (flags & VSOCK_NO_MORE_RECEIVE && !self->guest_receives_no_more) {
        self->guest_receives_no_more = true;
        self->local_ended = true;
        shutdown(self->fd, SHUT_RD);
    }
}

static void note_local_closed(vsock_connection *self) {
    self->local_closed = true;
    stop_writing(self);
}

static void note_local_end(vsock_connection *self) {
    self->local_ended = true;
    struct pollfd now = {.fd = self->fd};
    unsigned flags = VSOCK_NO_MORE_SEND;
    if (poll(&now, 1, 0) == 1 && now.revents & (POLLHUP | POLLERR))
        note_local_closed(self);
    if (self->local_closed)
        flags |= VSOCK_NO_MORE_RECEIVE;
    if (flags & ~self->shutdown_flags) {
        self->shutdown_flags |= flags;
        self->owed |= VSOCK_OWED_SHUTDOWN;
    }
}

size_t vsock_connection_take(vsock_connection *self, const struct iovec *vectors, unsigned count) {
    if (self->local_ended || !self->open)
        return 0;
    ssize_t got = readv(self->fd, vectors, (int)count);
    if (got > 0) {
        self->sent += (uint32_t)got;
        return (size_t)got;
    }
    if (got == 0 || (errno != EAGAIN && errno != EINTR))
        note_local_end(self);
    return 0;
}

bool vsock_connection_drained(const vsock_connection *self) {
    return self->waiting.length == 0;
}

static void vsock_connection_ready(uv_poll_t *poll, int status, int events) {
    vsock_connection *self = poll->data;
    if (events & UV_WRITABLE)
        write_waiting(self);
    // An error, or a hang-up (see vsock_connection_watch): nobody has the other end any more. What was
    // written there before may still be to be read.
    if (status < 0)
        self->watched = 0; // libuv has stopped it
    if (status < 0 || events & UV_PRIORITIZED) {
        note_local_closed(self);
        if (self->local_ended)
            note_local_end(self);
    }
    self->wake(self);
}

void vsock_connection_watch(vsock_connection *self) {
    if (!self->open || uv_is_closing((uv_handle_t *)&self->poll))
        return;
    int events = 0;
    if (self->waiting.length > 0)
        events |= UV_WRITABLE;
    if (!self->local_ended && !self->queued && vsock_connection_room(self) > 0)
        events |= UV_READABLE;
    // A stream socket has no urgent data of this kind, but libuv tells a bare hang-up as what it was asked
    // for.
    if (!events && !self->local_closed && !self->queued)
        events = UV_PRIORITIZED;
    if (events == self->watched)
        return;
    self->watched = events;
    if (events)
        uv_poll_start(&self->poll, events, vsock_connection_ready);
    else
        uv_poll_stop(&self->poll);
}

static void vsock_connection_free(uv_handle_t *handle) {
    vsock_connection *self = handle->data;
    close(self->fd);
    free(self);
}

void vsock_connection_destroy(vsock_connection *self) {
    buffer_finish(&self->waiting);
    if (self->open)
        uv_close((uv_handle_t *)&self->poll, vsock_connection_free);
    else
        free(self);
}
