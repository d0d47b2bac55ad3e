// The cards of members: datagram sockets, one frame a datagram.
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define LOG_MODULE "member"
#include "core/base/log.h"
#include "core/network/member_internal.h"

#define FRAMES_PER_WAKEUP 64
#define QUEUE_BYTES_MAX   (1u << 20)

static void card_ready(uv_poll_t *poll, int status, int events);

static void card_watch(member *self) {
    uv_poll_start(&self->card, UV_READABLE | (self->first ? UV_WRITABLE : 0), card_ready);
}

static void queue_frame(member *self, const uint8_t *frame, size_t length) {
    if (self->queued_bytes + length > QUEUE_BYTES_MAX)
        return; // like a cable that is full: its users send again
    queued_frame *kept = malloc(sizeof *kept + length);
    if (!kept)
        return;
    kept->next = NULL;
    kept->length = length;
    memcpy(kept->bytes, frame, length);
    *self->last = kept;
    self->last = &kept->next;
    self->queued_bytes += length;
}

void member_frame(void *port_data, const uint8_t *frame, size_t length, void *data) {
    (void)data;
    member *self = port_data;
    if (!self->first) {
        if (send(self->card_fd, frame, length, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
            return;
        if (errno != EAGAIN && errno != ENOBUFS)
            return; // the VM is gone or is going: its shim will say so
    }
    queue_frame(self, frame, length);
    card_watch(self);
}

static void send_queued(member *self) {
    while (self->first) {
        queued_frame *next = self->first;
        if (send(self->card_fd, next->bytes, next->length, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 &&
            errno == EAGAIN)
            return;
        self->first = next->next;
        if (!self->first)
            self->last = &self->first;
        self->queued_bytes -= next->length;
        free(next);
    }
    card_watch(self);
}

static void card_ready(uv_poll_t *poll, int status, int events) {
    member *self = poll->data;
    if (status < 0) {
        log_warning("card of %s: %s", self->request->container, uv_strerror(status));
        return; // libuv has stopped watching; the control connection says how it ends
    }
    if (events & UV_WRITABLE)
        send_queued(self);
    static _Thread_local uint8_t frame[ETHERNET_MAX];
    for (int i = 0; i < FRAMES_PER_WAKEUP && !self->ended; i++) {
        ssize_t got = recv(self->card_fd, frame, sizeof frame, MSG_DONTWAIT | MSG_TRUNC);
        if (got <= 0)
            return;
        if ((size_t)got <= sizeof frame)
            switch_input_port(self->list->fabric, self->port, frame, (size_t)got);
    }
}

bool member_card_is_socket(int fd) {
    int domain = 0, type = 0;
    socklen_t length = sizeof domain;
    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) < 0)
        return false;
    length = sizeof type;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) < 0)
        return false;
    return domain == AF_UNIX && type == SOCK_DGRAM;
}

void member_card_start(member *self) {
    uv_poll_init(self->control.loop, &self->card, self->card_fd);
    self->card.data = self;
    self->open_handles++;
    card_watch(self);
}

void member_card_finish(member *self) {
    for (queued_frame *each = self->first, *next; each; each = next) {
        next = each->next;
        free(each);
    }
}
