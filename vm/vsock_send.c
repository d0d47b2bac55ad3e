#include "vm/vsock_internal.h"

#define PACKET_MOST 65536U

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
static uint32_t packet_fill(vsock *self, vsock_connection *one, const vring_chain *chain) {
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
        vsock_table_forget_guest(self, one, "reset");
    return (uint32_t)sizeof header + length;
}

static uint32_t stray_fill(vsock *self, const vring_chain *chain) {
    vsock_stray *one = &self->strays[--self->stray_count];
    vsock_header header = {.source_context_id = VSOCK_HOST_CONTEXT_ID,
                           .destination_context_id = self->config,
                           .source_port = one->host_port,
                           .destination_port = one->guest_port,
                           .type = VSOCK_TYPE_STREAM,
                           .operation = VSOCK_RST};
    vring_copy_in(chain->vectors, chain->writable_count, &header, sizeof header);
    return sizeof header;
}

static void settle(vsock *self, vsock_connection *one);

unsigned vsock_send(vsock *self, unsigned most) {
    vring *ring = vhost_user_ring(self->back_end, VSOCK_RING_RECEIVE);
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
        vsock_queue_remove(self, one);
        // Kept in the queue while it has more: it is watched only when it has not. A reset may free it.
        bool last = one->owed & VSOCK_OWED_RST;
        uint32_t length = packet_fill(self, one, &chain);
        if (length > 0) {
            vring_push(ring, chain.head, length);
            sent++;
            if (!last)
                vsock_queue_add(self, one);
        } else {
            vring_unpop(ring);
            settle(self, one);
        }
    }
    if (sent > 0)
        vhost_user_call(self->back_end, VSOCK_RING_RECEIVE);
    return sent;
}

// Has nothing for the guest now: the end of both sides is answered with a reset, else its stream is watched.
static void settle(vsock *self, vsock_connection *one) {
    if (one->guest_sends_no_more && one->guest_receives_no_more && vsock_connection_drained(one)) {
        one->owed |= VSOCK_OWED_RST;
        vsock_queue_add(self, one);
        return;
    }
    vsock_connection_watch(one);
}
