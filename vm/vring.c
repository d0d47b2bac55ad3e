#include "vm/vring.h"

#include <string.h>

#define DESCRIPTOR_NEXT    1
#define DESCRIPTOR_WRITE   2
#define AVAIL_NO_INTERRUPT 1
#define USED_NO_NOTIFY     1

struct vring_descriptor {
    uint64_t address;
    uint32_t length;
    uint16_t flags;
    uint16_t next;
};

struct vring_avail_head {
    uint16_t flags;
    uint16_t index;
    uint16_t ring[];
};

struct vring_used_element {
    uint32_t id;
    uint32_t length;
};

struct vring_used_head {
    uint16_t flags;
    uint16_t index;
    struct vring_used_element ring[];
};

int vring_set_addresses(vring *self, const guest_memory *memory, uint64_t descriptors, uint64_t avail,
                        uint64_t used) {
    // The alignments are those of virtio 1.2, section 2.7.
    if (self->size == 0 || descriptors % 16 || avail % 2 || used % 4)
        return -1;
    void *at_descriptors =
        guest_memory_at_user(memory, descriptors, self->size * sizeof(struct vring_descriptor));
    void *at_avail = guest_memory_at_user(memory, avail, sizeof(struct vring_avail_head) + 2 * self->size);
    void *at_used = guest_memory_at_user(
        memory, used, sizeof(struct vring_used_head) + self->size * sizeof(struct vring_used_element));
    if (!at_descriptors || !at_avail || !at_used)
        return -1;
    // Addresses are aligned where the VMM has them; they must be so here as well.
    if ((uintptr_t)at_descriptors % 16 || (uintptr_t)at_avail % 2 || (uintptr_t)at_used % 4)
        return -1;
    self->descriptors = at_descriptors;
    self->avail = at_avail;
    self->used = at_used;
    // After a pause it goes on where it was.
    self->next_used = __atomic_load_n(&self->used->index, __ATOMIC_RELAXED);
    return 0;
}

static int ring_break(vring *self) {
    self->broken = true;
    return -1;
}

static int chain_add(vring_chain *chain, const guest_memory *memory, const struct vring_descriptor *one) {
    unsigned used = chain->readable_count + chain->writable_count;
    int added = guest_memory_vectors(memory, one->address, one->length, chain->vectors + used,
                                     VRING_SEGMENTS_MOST - used);
    if (added < 0)
        return -1;
    if (one->flags & DESCRIPTOR_WRITE) {
        chain->writable_count += (unsigned)added;
        chain->writable_bytes += one->length;
    } else if (chain->writable_count > 0) {
        return -1; // readable ones come first (2.7.4.2)
    } else {
        chain->readable_count += (unsigned)added;
        chain->readable_bytes += one->length;
    }
    return 0;
}

int vring_pop(vring *self, const guest_memory *memory, vring_chain *chain) {
    if (!self->running || self->broken)
        return self->broken ? -1 : 0;
    uint16_t index = __atomic_load_n(&self->avail->index, __ATOMIC_ACQUIRE);
    uint16_t waiting = (uint16_t)(index - self->next_avail);
    if (waiting == 0)
        return 0;
    if (waiting > self->size)
        return ring_break(self);
    uint16_t head = __atomic_load_n(&self->avail->ring[self->next_avail % self->size], __ATOMIC_RELAXED);
    *chain = (vring_chain){.head = head};
    uint16_t at = head;
    for (uint32_t steps = 0;; steps++) {
        if (at >= self->size || steps >= self->size)
            return ring_break(self);
        struct vring_descriptor one;
        memcpy(&one, &self->descriptors[at], sizeof one);
        // The compiler must not read it a second time from the guest.
        __asm__ volatile("" : : "r"(&one) : "memory");
        if (one.flags & ~(DESCRIPTOR_NEXT | DESCRIPTOR_WRITE) || chain_add(chain, memory, &one) < 0)
            return ring_break(self);
        if (!(one.flags & DESCRIPTOR_NEXT))
            break;
        at = one.next;
    }
    self->next_avail++;
    return 1;
}

bool vring_waits(const vring *self) {
    return self->running && !self->broken &&
           __atomic_load_n(&self->avail->index, __ATOMIC_ACQUIRE) != self->next_avail;
}

void vring_unpop(vring *self) {
    self->next_avail--;
}

void vring_push(vring *self, uint16_t head, uint32_t length) {
    struct vring_used_element *element = &self->used->ring[self->next_used % self->size];
    *element = (struct vring_used_element){head, length};
    self->next_used++;
    __atomic_store_n(&self->used->index, self->next_used, __ATOMIC_RELEASE);
}

bool vring_wants_call(const vring *self) {
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return !(__atomic_load_n(&self->avail->flags, __ATOMIC_RELAXED) & AVAIL_NO_INTERRUPT);
}

void vring_set_notify(vring *self, bool wanted) {
    __atomic_store_n(&self->used->flags, wanted ? 0 : USED_NO_NOTIFY, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

size_t vring_copy_out(const struct iovec *vectors, unsigned count, void *to, size_t length) {
    size_t done = 0;
    for (unsigned i = 0; i < count && done < length; i++) {
        size_t part = vectors[i].iov_len < length - done ? vectors[i].iov_len : length - done;
        memcpy((uint8_t *)to + done, vectors[i].iov_base, part);
        done += part;
    }
    return done;
}

size_t vring_copy_in(const struct iovec *vectors, unsigned count, const void *from, size_t length) {
    size_t done = 0;
    for (unsigned i = 0; i < count && done < length; i++) {
        size_t part = vectors[i].iov_len < length - done ? vectors[i].iov_len : length - done;
        memcpy(vectors[i].iov_base, (const uint8_t *)from + done, part);
        done += part;
    }
    return done;
}

unsigned vring_slice(const struct iovec *vectors, unsigned count, size_t skip, size_t length,
                     struct iovec *to) {
    unsigned made = 0;
    for (unsigned i = 0; i < count && length > 0; i++) {
        if (skip >= vectors[i].iov_len) {
            skip -= vectors[i].iov_len;
            continue;
        }
        size_t part = vectors[i].iov_len - skip < length ? vectors[i].iov_len - skip : length;
        to[made++] = (struct iovec){(uint8_t *)vectors[i].iov_base + skip, part};
        skip = 0;
        length -= part;
    }
    return made;
}
