#include "vm/vsock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "vm/vhost_user.h"
#include "vm/vsock_connection.h"
#define LOG_MODULE "vsock"
#include "core/base/log.h"

#define TABLE_SIZE      256
#define LISTENERS_MOST  64
#define RESETS_MOST     64
#define PACKET_MOST     65536U
#define TURN_MOST       256 // packets before the rest of the loop gets its turn
#define FIRST_HOST_PORT (1U << 30)

enum { RING_RECEIVE, RING_SEND, RING_COUNT }; // as the driver calls them

typedef struct listener {
    uint32_t port;
    vsock_accepted accepted;
    void *data;
} listener;

// A reset for a packet that belongs to no connection.
typedef struct stray {
    uint32_t guest_port, host_port;
} stray;

struct vsock {
    uv_loop_t *loop;
    guest_memory *memory;
    vhost_user *back_end;
    uint64_t config; ///< guest_cid (5.10.4)
    void (*lost)(const holm_error *error, void *data);
    void *data;
    vsock_connection *table[TABLE_SIZE];
    vsock_connection *all;
    unsigned count;
    vsock_connection *queue, **queue_end; ///< those with something for the guest, taken in turn
    listener listeners[LISTENERS_MOST];
    unsigned listener_count;
    stray strays[RESETS_MOST];
    unsigned stray_count;
    uint32_t next_host_port;
    uv_idle_t again; ///< runs while a turn ended before the work did
    bool in_turn;
    bool gone; ///< the VMM is
};

static void vsock_turn(vsock *self);

// ---- the table ----

static unsigned slot_of(uint32_t guest_port, uint32_t host_port) {
    return (guest_port * 2654435761U ^ host_port * 40503U) >> 8 & (TABLE_SIZE - 1);
}

static vsock_connection *connection_find(vsock *self, uint32_t guest_port, uint32_t host_port) {
    vsock_connection *one = self->table[slot_of(guest_port, host_port)];
    while (one && (one->guest_port != guest_port || one->host_port != host_port))
        one = one->next_in_table;
    return one;
}

static void connection_leave_table(vsock *self, vsock_connection *one) {
    if (!one->in_table)
        return;
    vsock_connection **at = &self->table[slot_of(one->guest_port, one->host_port)];
    while (*at != one)
        at = &(*at)->next_in_table;
    *at = one->next_in_table;
    one->in_table = false;
}

static void connection_leave_queue(vsock *self, vsock_connection *one) {
    if (!one->queued)
        return;
    vsock_connection **at = &self->queue;
    while (*at != one)
        at = &(*at)->next_in_queue;
    *at = one->next_in_queue;
    if (!*at)
        self->queue_end = at;
    one->queued = false;
}

static void connection_enqueue(vsock *self, vsock_connection *one) {
    if (one->queued)
        return;
    one->queued = true;
    one->next_in_queue = NULL;
    *self->queue_end = one;
    self->queue_end = &one->next_in_queue;
}

// Answers a dial. A descriptor that was given is the connection's from then on, or closed here.
static void connection_answer_dial(vsock_connection *one, int fd, const holm_error *error) {
    if (!one->dialled)
        return;
    one->dialled(fd, one->host_port, error, one->dialled_data);
    one->dialled = NULL;
}

static void connection_remove(vsock *self, vsock_connection *one, const char *why) {
    connection_leave_table(self, one);
    connection_leave_queue(self, one);
    *one->previous_in_all = one->next_in_all;
    if (one->next_in_all)
        one->next_in_all->previous_in_all = one->previous_in_all;
    self->count--;
    if (one->dialled) {
        cleanup_error holm_error *error = NULL;
        holm_error_set(&error, HOLM_ERROR_UNAVAILABLE, "connect to port %u of the guest: %s", one->guest_port,
                       why);
        connection_answer_dial(one, -1, error);
    }
    if (!one->open && one->gave_fd)
        close(one->fd);
    vsock_connection_destroy(one);
}

// Nothing more comes from the guest or goes to it. What it sent before is still handed on.
static void connection_forget_guest(vsock *self, vsock_connection *one, const char *why) {
    connection_leave_table(self, one);
    connection_leave_queue(self, one);
    one->owed = 0;
    one->local_ended = true;
    if (!one->open || vsock_connection_drained(one)) {
        connection_remove(self, one, why);
        return;
    }
    vsock_connection_guest_shutdown(one, VSOCK_NO_MORE);
    vsock_connection_watch(one);
}

// A guest that does not let go of connections whose local end is gone must not use up the table.
static bool make_room(vsock *self) {
    for (vsock_connection *one = self->all; one && self->count >= VSOCK_CONNECTIONS_MOST;) {
        vsock_connection *next = one->next_in_all;
        if (one->local_closed && !one->owed)
            connection_remove(self, one, "the local end is gone");
        one = next;
    }
    return self->count < VSOCK_CONNECTIONS_MOST;
}

static void connection_wake(vsock_connection *one) {
    vsock *self = one->owner;
    if (!one->in_table && vsock_connection_drained(one)) {
        connection_remove(self, one, "reset");
        return;
    }
    if (one->in_table)
        connection_enqueue(self, one);
    vsock_turn(self);
}

static vsock_connection *connection_add(vsock *self, uint32_t guest_port, uint32_t host_port) {
    vsock_connection *one = vsock_connection_create(self->loop, guest_port, host_port);
    one->owner = self;
    one->wake = connection_wake;
    vsock_connection **at = &self->table[slot_of(guest_port, host_port)];
    one->next_in_table = *at;
    *at = one;
    one->in_table = true;
    one->next_in_all = self->all;
    one->previous_in_all = &self->all;
    if (self->all)
        self->all->previous_in_all = &one->next_in_all;
    self->all = one;
    self->count++;
    return one;
}

// ---- towards the guest ----

static void header_fill(vsock *self, vsock_connection *one, vsock_header *header, uint16_t operation,
                        uint32_t length) {
    *header = (vsock_header){.source_context_id = VSOCK_HOST_CONTEXT_ID,
                             .destination_context_id = self->config,
                             .source_port = one->host_port,
                             .destination_port = one->guest_port,
                             .length = length,
                             .type = VSOCK_TYPE_STREAM,
                             .operation = operation,
                             .flags = operation == VSOCK_SHUTDOWN ? one->shutdown_flags : 0,
                             .buffer_size = VSOCK_BUFFER_SIZE,
                             .forwarded = one->forwarded};
    one->forwarded_told = one->forwarded;
    one->owed &= ~(unsigned)VSOCK_OWED_CREDIT;
}

static uint16_t owed_next(vsock_connection *one) {
    static const struct {
        unsigned owed;
        uint16_t operation;
    } order[] = {
        {VSOCK_OWED_RST, VSOCK_RST},
        {VSOCK_OWED_REQUEST, VSOCK_REQUEST},
        {VSOCK_OWED_RESPONSE, VSOCK_RESPONSE},
        {VSOCK_OWED_SHUTDOWN, VSOCK_SHUTDOWN},
        {VSOCK_OWED_CREDIT, VSOCK_CREDIT_UPDATE},
    };
    for (size_t i = 0; i < array_length(order); i++)
        if (one->owed & order[i].owed) {
            one->owed &= ~order[i].owed;
            return order[i].operation;
        }
    return 0;
}

// Puts the next packet of a connection into a buffer of the guest: its length, or 0 when there is none.
static uint32_t connection_fill(vsock *self, vsock_connection *one, const vring_chain *chain) {
    vsock_header header;
    uint16_t operation = owed_next(one);
    uint32_t length = 0;
    if (!operation) {
        uint64_t most = chain->writable_bytes - sizeof header;
        uint32_t room = vsock_connection_room(one);
        most = most > room ? room : most;
        most = most > PACKET_MOST ? PACKET_MOST : most;
        struct iovec vectors[VRING_SEGMENTS_MOST];
        unsigned count =
            vring_slice(chain->vectors, chain->writable_count, sizeof header, (size_t)most, vectors);
        length = count ? (uint32_t)vsock_connection_take(one, vectors, count) : 0;
        operation = length ? VSOCK_RW : owed_next(one); // the end may just have been found
        if (!operation)
            return 0;
    }
    header_fill(self, one, &header, operation, length);
    vring_copy_in(chain->vectors, chain->writable_count, &header, sizeof header);
    if (operation == VSOCK_RST)
        connection_forget_guest(self, one, "reset");
    return (uint32_t)sizeof header + length;
}

static uint32_t stray_fill(vsock *self, const vring_chain *chain) {
    stray *one = &self->strays[--self->stray_count];
    vsock_header header = {.source_context_id = VSOCK_HOST_CONTEXT_ID,
                           .destination_context_id = self->config,
                           .source_port = one->host_port,
                           .destination_port = one->guest_port,
                           .type = VSOCK_TYPE_STREAM,
                           .operation = VSOCK_RST};
    vring_copy_in(chain->vectors, chain->writable_count, &header, sizeof header);
    return sizeof header;
}

static void connection_settle(vsock *self, vsock_connection *one);

// Fills the guest's buffers from those that wait, in turn. Packets sent, at most `most`.
static unsigned send_queued(vsock *self, unsigned most) {
    vring *ring = vhost_user_ring(self->back_end, RING_RECEIVE);
    vring_chain chain;
    unsigned sent = 0;
    while (sent < most && (self->queue || self->stray_count > 0)) {
        if (vring_pop(ring, self->memory, &chain) != 1)
            break;
        if (chain.readable_count > 0 || chain.writable_bytes <= sizeof(vsock_header)) {
            ring->broken = true;
            break;
        }
        if (self->stray_count > 0) {
            vring_push(ring, chain.head, stray_fill(self, &chain));
            sent++;
            continue;
        }
        vsock_connection *one = self->queue;
        connection_leave_queue(self, one);
        // Kept in the queue while it has more: it is watched only when it has not. A reset may free it.
        bool last = one->owed & VSOCK_OWED_RST;
        uint32_t length = connection_fill(self, one, &chain);
        if (length > 0) {
            vring_push(ring, chain.head, length);
            sent++;
            if (!last)
                connection_enqueue(self, one);
        } else {
            vring_unpop(ring);
            connection_settle(self, one);
        }
    }
    if (sent > 0)
        vhost_user_call(self->back_end, RING_RECEIVE);
    return sent;
}

// Has nothing for the guest now: the end of both sides is answered with a reset, else its stream is watched.
static void connection_settle(vsock *self, vsock_connection *one) {
    if (one->guest_sends_no_more && one->guest_receives_no_more && vsock_connection_drained(one)) {
        one->owed |= VSOCK_OWED_RST;
        connection_enqueue(self, one);
        return;
    }
    vsock_connection_watch(one);
}

// ---- from the guest ----

static void stray_add(vsock *self, const vsock_header *header) {
    if (header->operation != VSOCK_RST)
        self->strays[self->stray_count++] = (stray){header->source_port, header->destination_port};
}

static void accept_request(vsock *self, const vsock_header *header) {
    const listener *at = NULL;
    for (unsigned i = 0; i < self->listener_count && !at; i++)
        if (self->listeners[i].port == header->destination_port)
            at = &self->listeners[i];
    int pair[2];
    if (!at || !make_room(self) ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0) {
        stray_add(self, header);
        return;
    }
    vsock_connection *one = connection_add(self, header->source_port, header->destination_port);
    vsock_connection_credit(one, header);
    if (vsock_connection_open(one, pair[0]) < 0) {
        close(pair[1]);
        connection_remove(self, one, "no descriptor");
        stray_add(self, header);
        return;
    }
    one->owed = VSOCK_OWED_RESPONSE;
    connection_enqueue(self, one);
    at->accepted(pair[1], at->port, at->data);
}

static void dial_answered(vsock *self, vsock_connection *one) {
    int pair[2] = {one->fd, -1};
    if (!one->gave_fd && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
        pair[0] = -1;
    one->gave_fd = false;
    one->fd = -1;
    if (pair[0] < 0 || vsock_connection_open(one, pair[0]) < 0) {
        if (pair[1] >= 0)
            close(pair[1]);
        one->owed = VSOCK_OWED_RST;
        connection_enqueue(self, one);
        return;
    }
    connection_answer_dial(one, pair[1] >= 0 ? pair[1] : pair[0], NULL);
    connection_enqueue(self, one);
}

static void reset_by_us(vsock *self, vsock_connection *one) {
    one->owed = VSOCK_OWED_RST;
    connection_enqueue(self, one);
}

static void connection_receive(vsock *self, vsock_connection *one, const vsock_header *header,
                               const vring_chain *chain) {
    vsock_connection_credit(one, header);
    if (header->operation == VSOCK_RST) {
        connection_forget_guest(self, one, "nothing listens there");
        return;
    }
    if (!one->open) {
        if (header->operation == VSOCK_RESPONSE && one->dialled && !(one->owed & VSOCK_OWED_REQUEST))
            dial_answered(self, one);
        else
            reset_by_us(self, one);
        return;
    }
    struct iovec vectors[VRING_SEGMENTS_MOST];
    unsigned count;
    switch (header->operation) {
    case VSOCK_RW:
        count = vring_slice(chain->vectors, chain->readable_count, sizeof *header, header->length, vectors);
        if (one->guest_sends_no_more || vsock_connection_deliver(one, vectors, count, header->length) < 0) {
            reset_by_us(self, one);
            return;
        }
        break;
    case VSOCK_CREDIT_UPDATE:
        break;
    case VSOCK_CREDIT_REQUEST:
        one->owed |= VSOCK_OWED_CREDIT;
        break;
    case VSOCK_SHUTDOWN:
        vsock_connection_guest_shutdown(one, header->flags & VSOCK_NO_MORE);
        break;
    default:
        reset_by_us(self, one);
        return;
    }
    if (one->owed || header->operation == VSOCK_SHUTDOWN)
        connection_enqueue(self, one);
    else
        vsock_connection_watch(one);
}

static void packet_receive(vsock *self, const vring_chain *chain) {
    vsock_header header;
    if (vring_copy_out(chain->vectors, chain->readable_count, &header, sizeof header) < sizeof header ||
        header.length > chain->readable_bytes - sizeof header || header.source_context_id != self->config ||
        header.destination_context_id != VSOCK_HOST_CONTEXT_ID)
        return;
    if (header.type != VSOCK_TYPE_STREAM) {
        stray_add(self, &header);
        return;
    }
    vsock_connection *one = connection_find(self, header.source_port, header.destination_port);
    if (one)
        connection_receive(self, one, &header, chain);
    else if (header.operation == VSOCK_REQUEST)
        accept_request(self, &header);
    else
        stray_add(self, &header);
}

static unsigned receive_sent(vsock *self, unsigned most) {
    vring *ring = vhost_user_ring(self->back_end, RING_SEND);
    vring_chain chain;
    unsigned received = 0;
    // Where no reset can be noted any more, the guest waits until it has taken some.
    while (received < most && self->stray_count < RESETS_MOST && vring_pop(ring, self->memory, &chain) == 1) {
        packet_receive(self, &chain);
        vring_push(ring, chain.head, 0);
        received++;
    }
    if (received > 0)
        vhost_user_call(self->back_end, RING_SEND);
    return received;
}

// ---- turns ----

static void vsock_again(uv_idle_t *idle) {
    vsock_turn(idle->data);
}

// Before the rest: asks for the kicks that are needed, then looks again for what came in between.
static bool came_in_between(vsock *self) {
    vring *receive = vhost_user_ring(self->back_end, RING_RECEIVE);
    vring *send = vhost_user_ring(self->back_end, RING_SEND);
    bool wants_buffers = self->queue || self->stray_count > 0;
    if (send->running)
        vring_set_notify(send, true);
    if (receive->running)
        vring_set_notify(receive, wants_buffers);
    return (self->stray_count < RESETS_MOST && vring_waits(send)) || (wants_buffers && vring_waits(receive));
}

static void vsock_turn(vsock *self) {
    if (self->in_turn)
        return;
    self->in_turn = true;
    vring *send = vhost_user_ring(self->back_end, RING_SEND);
    bool more = true;
    for (unsigned done = 0; more && done < TURN_MOST;) {
        if (send->running)
            vring_set_notify(send, false);
        unsigned now = receive_sent(self, TURN_MOST) + send_queued(self, TURN_MOST);
        done += now;
        more = now > 0 || came_in_between(self);
    }
    // Those that wait for buffers of the guest are not polled until they had their turn.
    for (vsock_connection *one = self->queue; one; one = one->next_in_queue)
        vsock_connection_watch(one);
    if (more)
        uv_idle_start(&self->again, vsock_again);
    else
        uv_idle_stop(&self->again);
    self->in_turn = false;
}

static void vsock_kicked(unsigned ring, void *data) {
    (void)ring;
    vsock_turn(data);
}

static void vsock_started(unsigned ring, void *data) {
    vsock *self = data;
    // Both rings from their beginning: the driver is a new one, and what it knew is gone. (Pausing the
    // machine stops the rings too, and nothing must be lost by that.) Dials that were not sent yet may wait
    // for it.
    if (ring != RING_SEND || vhost_user_ring(self->back_end, RING_SEND)->next_avail != 0 ||
        vhost_user_ring(self->back_end, RING_RECEIVE)->next_avail != 0)
        return;
    for (vsock_connection *one = self->all; one;) {
        vsock_connection *next = one->next_in_all;
        if (one->in_table && !(one->owed & VSOCK_OWED_REQUEST))
            connection_forget_guest(self, one, "the guest has reset its socket device");
        one = next;
    }
    self->stray_count = 0;
}

static void vsock_lost(const holm_error *error, void *data) {
    vsock *self = data;
    self->gone = true;
    while (self->all)
        connection_remove(self, self->all, "the machine is gone");
    self->lost(error, self->data);
}

// ---- the face ----

static vhost_user *back_end_create(vsock *self, int fd, holm_error **error) {
    vhost_user_device device = {.ring_count = RING_COUNT,
                                .config = &self->config,
                                .config_size = sizeof self->config,
                                .kicked = vsock_kicked,
                                .started = vsock_started,
                                .lost = vsock_lost};
    return vhost_user_create(self->loop, fd, self->memory, &device, self, error);
}

vsock *vsock_create(uv_loop_t *loop, int vhost_user_fd, guest_memory *memory, uint32_t context_id,
                    void (*lost)(const holm_error *error, void *data), void *data, holm_error **error) {
    vsock *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    *self = (vsock){.loop = loop,
                    .memory = memory,
                    .config = context_id,
                    .lost = lost,
                    .data = data,
                    .next_host_port = FIRST_HOST_PORT};
    self->queue_end = &self->queue;
    self->back_end = back_end_create(self, vhost_user_fd, error);
    if (!self->back_end) {
        free(self);
        return NULL;
    }
    uv_idle_init(loop, &self->again);
    self->again.data = self;
    return self;
}

int vsock_restart(vsock *self, int vhost_user_fd, holm_error **error) {
    while (self->all)
        connection_remove(self, self->all, "the machine starts again");
    self->stray_count = 0;
    vhost_user *fresh = back_end_create(self, vhost_user_fd, error);
    if (!fresh)
        return -1;
    vhost_user_destroy(self->back_end);
    self->back_end = fresh;
    self->gone = false;
    return 0;
}

void vsock_dial(vsock *self, uint32_t port, int fd, vsock_dialled done, void *data) {
    if (self->gone || !make_room(self)) {
        cleanup_error holm_error *error = NULL;
        if (self->gone)
            holm_error_set(&error, HOLM_ERROR_UNAVAILABLE, "connect to port %u of the guest: it is gone",
                           port);
        else
            holm_error_set(&error, HOLM_ERROR_LIMIT,
                           "connect to port %u of the guest: %d connections are open", port,
                           VSOCK_CONNECTIONS_MOST);
        done(-1, 0, error, data);
        if (fd >= 0)
            close(fd);
        return;
    }
    do
        self->next_host_port =
            self->next_host_port == UINT32_MAX - 1 ? FIRST_HOST_PORT : self->next_host_port + 1;
    while (connection_find(self, port, self->next_host_port));
    vsock_connection *one = connection_add(self, port, self->next_host_port);
    one->fd = fd;
    one->gave_fd = fd >= 0;
    one->dialled = done;
    one->dialled_data = data;
    one->owed = VSOCK_OWED_REQUEST;
    connection_enqueue(self, one);
    vsock_turn(self);
}

int vsock_listen(vsock *self, uint32_t port, vsock_accepted accepted, void *data, holm_error **error) {
    unsigned at = 0;
    while (at < self->listener_count && self->listeners[at].port != port)
        at++;
    if (!accepted) {
        if (at < self->listener_count)
            self->listeners[at] = self->listeners[--self->listener_count];
        return 0;
    }
    if (at < self->listener_count || at == LISTENERS_MOST) {
        holm_error_set(error, at == LISTENERS_MOST ? HOLM_ERROR_LIMIT : HOLM_ERROR_IN_USE,
                       "listen on port %u for the guest", port);
        return -1;
    }
    self->listeners[self->listener_count++] = (listener){port, accepted, data};
    return 0;
}

static void vsock_free(uv_handle_t *handle) {
    free(handle->data);
}

void vsock_destroy(vsock *self) {
    if (!self)
        return;
    self->in_turn = true;
    while (self->all)
        connection_remove(self, self->all, "the machine was closed");
    vhost_user_destroy(self->back_end);
    uv_close((uv_handle_t *)&self->again, vsock_free);
}
