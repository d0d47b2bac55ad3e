// A guest's memory with a vsock device's two rings in it, and a VMM's end of its vhost-user socket: what a
// driver and QEMU would do, by hand, so that tests and fuzzers can do it wrong.
#pragma once

#include <stdint.h>
#include <uv.h>

#include "vm/guest_memory.h"
#include "vm/vsock.h"
#include "vm/vsock_packet.h"

#define RINGS_MEMORY     (1U << 20)
#define RINGS_USER       0x7f0000000000ULL ///< where "QEMU" has the memory
#define RINGS_CONTEXT_ID 42

/// Where things are in the guest's memory. Ring 0 is the driver's receive ring, 1 its send ring.
#define RINGS_SIZE           16
#define RINGS_DESCRIPTORS(n) (0x1000 + (n)*0x1000)
#define RINGS_AVAIL(n)       (0x3000 + (n)*0x1000)
#define RINGS_USED(n)        (0x5000 + (n)*0x1000)
#define RINGS_BUFFERS        0x10000
#define RINGS_BUFFER_SIZE    8192

typedef struct rings {
    uv_loop_t loop;
    guest_memory memory;
    vsock *device;
    int socket;             ///< the VMM's end
    int kicks[2], calls[2]; ///< eventfds
    uint32_t base[2];       ///< where the rings begin, when they are connected
    uint16_t next[2];       ///< next entry of each available ring
    uint16_t taken[2];      ///< used entries looked at
    int lost;
} rings;

typedef struct rings_descriptor {
    uint64_t address;
    uint32_t length;
    uint16_t flags, next;
} rings_descriptor;

void rings_create(rings *self);
void rings_destroy(rings *self);
/// Sends one vhost-user message with descriptors.
void rings_message(rings *self, uint32_t request, const void *payload, uint32_t size, const int *fds,
                   unsigned fd_count);
/// Hands the memory table, the rings and their eventfds over, as QEMU does.
void rings_connect(rings *self);
void rings_disconnect_ring(rings *self, unsigned ring);
rings_descriptor *rings_descriptor_at(rings *self, unsigned ring, unsigned index);
/// Puts a chain into the available ring and kicks.
void rings_offer(rings *self, unsigned ring, uint16_t head);
/// Offers `count` whole receive buffers (descriptor i is buffer i).
void rings_offer_buffers(rings *self, unsigned first, unsigned count);
/// Sends a packet the right way.
void rings_send(rings *self, uint16_t operation, uint32_t source, uint32_t destination, const void *data,
                uint32_t length);
/// The next packet that the device has put into a receive buffer, which is offered again; NULL: none.
const vsock_header *rings_receive(rings *self);
/// Runs the loop until nothing is left to do.
void rings_run(rings *self);
