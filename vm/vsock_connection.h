// One vsock connection: its credit in both directions, and the local stream socket it is joined to. It knows
// nothing of rings: the device (vm/vsock.c) gives it what the guest sent, and takes from it what to send.
//
// Memory is bounded by credit: what the local reader has not taken waits here, at most VSOCK_BUFFER_SIZE
// bytes.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>
#include <uv.h>

#include "core/base/buffer.h"
#include "core/base/error.h"
#include "vm/vsock_packet.h"

#define VSOCK_BUFFER_SIZE 131072U

/// Control packets that have to go to the guest; each at most once at a time, so nothing queues up.
enum vsock_owed {
    VSOCK_OWED_REQUEST = 1,
    VSOCK_OWED_RESPONSE = 2,
    VSOCK_OWED_SHUTDOWN = 4,
    VSOCK_OWED_CREDIT = 8,
    VSOCK_OWED_RST = 16,
};

typedef struct vsock_connection vsock_connection;

struct vsock_connection {
    uv_poll_t poll;
    int fd; ///< our end of the local stream, non-blocking; -1 before there is one
    bool open;
    int watched; ///< what is polled for now
    uint32_t guest_port, host_port;
    unsigned owed;           ///< enum vsock_owed
    unsigned shutdown_flags; ///< what we have told, or owe to tell, the guest we will no more do

    // From the guest to the local stream.
    uint32_t received, forwarded, forwarded_told; ///< bytes, modulo 2^32
    buffer waiting;
    bool guest_sends_no_more, guest_receives_no_more;
    bool write_ended; ///< the local end of file was handed on, or nobody reads there any more

    // From the local stream to the guest.
    uint32_t peer_buffer_size, peer_forwarded, sent;
    bool local_ended;  ///< end of file was read from the local stream
    bool local_closed; ///< nobody has the other end any more

    // The device's own.
    void *owner;
    void (*wake)(vsock_connection *self); ///< something may have to be sent, or the connection is at its end
    vsock_connection *next_in_table, *next_in_queue, **previous_in_all, *next_in_all;
    bool queued, in_table;
    void (*dialled)(int fd, uint32_t host_port, const holm_error *error, void *data);
    void *dialled_data;
    bool gave_fd;
};

vsock_connection *vsock_connection_create(uv_loop_t *loop, uint32_t guest_port, uint32_t host_port);
/// Joins it to a local stream, taken over also on failure.
int vsock_connection_open(vsock_connection *self, int fd);
/// Takes the peer's credit from a packet; what makes no sense counts as none.
void vsock_connection_credit(vsock_connection *self, const vsock_header *header);
/// Bytes that the guest has room for.
uint32_t vsock_connection_room(const vsock_connection *self);
/// Hands on bytes from the guest. -1: it sent more than it had credit for.
int vsock_connection_deliver(vsock_connection *self, const struct iovec *vectors, unsigned count,
                             size_t length);
/// The guest will send or receive no more (VSOCK_NO_MORE_…).
void vsock_connection_guest_shutdown(vsock_connection *self, unsigned flags);
/// Fills the vectors from the local stream: bytes read, or 0 when there is nothing now (the end is noted).
size_t vsock_connection_take(vsock_connection *self, const struct iovec *vectors, unsigned count);
/// Whether everything that came from the guest was handed on (or nobody wants it).
bool vsock_connection_drained(const vsock_connection *self);
/// Waits for what can happen next on the local stream.
void vsock_connection_watch(vsock_connection *self);
/// Closes the local stream and frees it.
void vsock_connection_destroy(vsock_connection *self);
