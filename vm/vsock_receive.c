#include <sys/socket.h>
#include <unistd.h>

#include "vm/vsock_internal.h"

static void stray_add(vsock *self, const vsock_header *header) {
    if (header->operation != VSOCK_RST)
        self->strays[self->stray_count++] = (vsock_stray){header->source_port, header->destination_port};
}

static void accept_request(vsock *self, const vsock_header *header) {
    const vsock_listener *at = NULL;
    for (unsigned i = 0; i < self->listener_count && !at; i++)
        if (self->listeners[i].port == header->destination_port)
            at = &self->listeners[i];
    int pair[2];
    if (!at || !vsock_table_make_room(self) ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0) {
        stray_add(self, header);
        return;
    }
    vsock_connection *one = vsock_table_add(self, header->source_port, header->destination_port);
    vsock_connection_credit(one, header);
    if (vsock_connection_open(one, pair[0]) < 0) {
        close(pair[1]);
        vsock_table_remove(self, one, "no descriptor");
        stray_add(self, header);
        return;
    }
    one->owed = VSOCK_OWED_RESPONSE;
    vsock_queue_add(self, one);
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
        vsock_queue_add(self, one);
        return;
    }
    vsock_answer_dial(one, pair[1] >= 0 ? pair[1] : pair[0], NULL);
    vsock_queue_add(self, one);
}

static void reset_by_us(vsock *self, vsock_connection *one) {
    one->owed = VSOCK_OWED_RST;
    vsock_queue_add(self, one);
}

static void connection_receive(vsock *self, vsock_connection *one, const vsock_header *header,
                               const vring_chain *chain) {
    vsock_connection_credit(one, header);
    if (header->operation == VSOCK_RST) {
        vsock_table_forget_guest(self, one, "nothing listens there");
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
        vsock_queue_add(self, one);
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
    vsock_connection *one = vsock_table_find(self, header.source_port, header.destination_port);
    if (one)
        connection_receive(self, one, &header, chain);
    else if (header.operation == VSOCK_REQUEST)
        accept_request(self, &header);
    else
        stray_add(self, &header);
}

unsigned vsock_receive(vsock *self, unsigned most) {
    vring *ring = vhost_user_ring(self->back_end, VSOCK_RING_SEND);
    vring_chain chain;
    unsigned received = 0;
    // Where no reset can be noted any more, the guest waits until it has taken some.
    while (received < most && self->stray_count < VSOCK_STRAYS_MOST &&
           vring_pop(ring, self->memory, &chain) == 1) {
        packet_receive(self, &chain);
        vring_push(ring, chain.head, 0);
        received++;
    }
    if (received > 0)
        vhost_user_call(self->back_end, VSOCK_RING_SEND);
    return received;
}
