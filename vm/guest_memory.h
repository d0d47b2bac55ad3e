// The guest's memory as a backend sees it: one mapping of the memory file, and the table by which the VMM
// says where in it guest-physical and VMM addresses lie (vhost-user, VHOST_USER_SET_MEM_TABLE).
//
// The mapping is made once from the memory file that we created and sealed; descriptors that the VMM sends
// are only compared with it. So neither guest nor VMM can make us touch memory that is not there.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "core/base/error.h"

#define GUEST_MEMORY_REGIONS_MOST 8

typedef struct guest_region {
    uint64_t guest_address; ///< guest-physical
    uint64_t size;
    uint64_t user_address; ///< the same place in the VMM's address space
    uint64_t offset;       ///< in the memory file
} guest_region;

typedef struct guest_memory {
    int fd; ///< the memory file, owned
    uint8_t *base;
    uint64_t size;
    guest_region regions[GUEST_MEMORY_REGIONS_MOST];
    size_t region_count;
} guest_memory;

/// Makes a memory file of `size` bytes, sealed against any other size, and maps it.
int guest_memory_init(guest_memory *self, uint64_t size, holm_error **error);
void guest_memory_finish(guest_memory *self);

/// Takes a table over when every region lies within the file and wraps around nowhere. 0 or -1.
int guest_memory_set_regions(guest_memory *self, const guest_region *regions, size_t count);

/// `length` bytes at a VMM address, or NULL when they are not wholly in one region.
void *guest_memory_at_user(const guest_memory *self, uint64_t address, uint64_t length);

/// Describes `length` bytes of guest-physical memory by at most `most` vectors. Their number, or -1.
int guest_memory_vectors(const guest_memory *self, uint64_t address, uint64_t length, struct iovec *vectors,
                         size_t most);

/// Bytes of the file that the host has given.
uint64_t guest_memory_blocks(const guest_memory *self);
