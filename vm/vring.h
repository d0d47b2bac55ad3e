// Split virtqueues in guest memory, the device's side (virtio 1.2, section 2.7). Indirect descriptors and
// event indexes are not offered, so a guest that uses them has broken the rules.
//
// Everything in a ring is the guest's to change at any moment: each field is read once, and what was read is
// checked before it is used.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "vm/guest_memory.h"

#define VRING_SIZE_MOST     1024
#define VRING_SEGMENTS_MOST 64

typedef struct vring {
    uint32_t size;       ///< entries, a power of two; 0: not set
    uint16_t next_avail; ///< next entry of the available ring to take
    uint16_t next_used;
    bool running;
    bool broken; ///< the guest broke the rules: nothing is taken any more
    struct vring_descriptor *descriptors;
    struct vring_avail_head *avail;
    struct vring_used_head *used;
} vring;

/// One buffer of the driver: what the device may read, then what it may write.
typedef struct vring_chain {
    uint16_t head;
    unsigned readable_count, writable_count;
    uint64_t readable_bytes, writable_bytes;
    struct iovec vectors[VRING_SEGMENTS_MOST]; ///< readable ones first
} vring_chain;

/// Finds the three parts of a ring by their VMM addresses. 0, or -1 when they are misplaced.
int vring_set_addresses(vring *self, const guest_memory *memory, uint64_t descriptors, uint64_t avail,
                        uint64_t used);

/// Takes the next buffer: 1, 0 when there is none, -1 when the ring is broken (and stays so).
int vring_pop(vring *self, const guest_memory *memory, vring_chain *chain);
/// Whether there is a buffer to take.
bool vring_waits(const vring *self);
/// Undoes the last pop.
void vring_unpop(vring *self);
/// Gives a buffer back with `length` bytes written to it.
void vring_push(vring *self, uint16_t head, uint32_t length);
/// Whether the guest wants to hear of what was pushed.
bool vring_wants_call(const vring *self);
/// Asks for kicks, or asks the guest to save them. After asking, look again for what came in between.
void vring_set_notify(vring *self, bool wanted);

/// Copies between vectors and a flat buffer. The number of bytes copied: at most `length`.
size_t vring_copy_out(const struct iovec *vectors, unsigned count, void *to, size_t length);
size_t vring_copy_in(const struct iovec *vectors, unsigned count, const void *from, size_t length);
/// Makes `to` describe what remains of the vectors after `skip` bytes, `length` at most. Their number.
unsigned vring_slice(const struct iovec *vectors, unsigned count, size_t skip, size_t length,
                     struct iovec *to);
