#include "core/network/stream_dial.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "core/base/watch.h"

typedef struct stream_dial {
    stream_dials *owner;
    struct stream_dial *next, **link;
    uv_loop_t *loop;
    watch *server;
    int client;
    inet_address from;
    uint16_t number;
    relay_way way;
    bool refused; // once
} dial;

static void dial_free(dial *self) {
    static const struct linger at_once = {.l_onoff = 1};
    *self->link = self->next;
    if (self->next)
        self->next->link = self->link;
    self->owner->count--;
    watch_destroy(self->server);
    if (self->client >= 0) {
        setsockopt(self->client, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        close(self->client);
    }
    free(self);
}

static void server_ready(void *data, int events);

static bool ask(dial *self) {
    int fd = self->way.open(&self->from, self->number, self->refused, self->way.data);
    if (fd < 0)
        return false;
    watch_destroy(self->server);
    self->server = watch_create(self->loop, fd, server_ready, self, NULL);
    watch_events(self->server, UV_WRITABLE);
    return self->server != NULL;
}

static void server_ready(void *data, int events) {
    dial *self = data;
    int failed = 0, server = -1;
    socklen_t length = sizeof failed;
    (void)events;
    if (getsockopt(watch_fd(self->server), SOL_SOCKET, SO_ERROR, &failed, &length) < 0)
        failed = errno;
    if (failed == ECONNREFUSED && !self->refused) {
        self->refused = true;
        if (ask(self))
            return;
    }
    if (!failed && (server = fcntl(watch_fd(self->server), F_DUPFD_CLOEXEC, 0)) >= 0)
        relay_start(self->loop, &self->owner->relays, steal_fd(&self->client), server);
    dial_free(self);
}

void stream_dial(stream_dials *self, uv_loop_t *loop, int client, const inet_address *from, uint16_t number,
                 const relay_way *way) {
    dial *made = calloc(1, sizeof *made);
    if (!made)
        abort();
    *made = (dial){.owner = self,
                   .next = self->first,
                   .link = &self->first,
                   .loop = loop,
                   .client = client,
                   .from = *from,
                   .number = number,
                   .way = *way};
    if (made->next)
        made->next->link = &made->next;
    self->first = made;
    self->count++;
    if (!ask(made))
        dial_free(made);
}

void stream_dials_finish(stream_dials *self) {
    while (self->first)
        dial_free(self->first);
    relay_list_finish(&self->relays);
}
