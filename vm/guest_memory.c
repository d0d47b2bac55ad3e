#include "vm/guest_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

int guest_memory_init(guest_memory *self, uint64_t size, holm_error **error) {
    *self = (guest_memory){.fd = -1, .size = size};
    cleanup_close int fd = memfd_create("guest-memory", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0 || ftruncate(fd, (off_t)size) < 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
        holm_error_set_errno(error, errno, "make %llu MiB of guest memory", (unsigned long long)size >> 20);
        return -1;
    }
    void *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    if (base == MAP_FAILED) {
        holm_error_set_errno(error, errno, "map %llu MiB of guest memory", (unsigned long long)size >> 20);
        return -1;
    }
    // The guest's memory has no place in a core dump of ours.
    madvise(base, size, MADV_DONTDUMP);
    self->base = base;
    self->fd = steal_fd(&fd);
    return 0;
}

void guest_memory_finish(guest_memory *self) {
    if (self->base)
        munmap(self->base, self->size);
    if (self->fd >= 0)
        close(self->fd);
    *self = (guest_memory){.fd = -1};
}

int guest_memory_set_regions(guest_memory *self, const guest_region *regions, size_t count) {
    if (count > GUEST_MEMORY_REGIONS_MOST)
        return -1;
    for (size_t i = 0; i < count; i++) {
        const guest_region *region = &regions[i];
        uint64_t end;
        if (region->size == 0 || __builtin_add_overflow(region->guest_address, region->size, &end) ||
            __builtin_add_overflow(region->user_address, region->size, &end) ||
            __builtin_add_overflow(region->offset, region->size, &end) || end > self->size)
            return -1;
    }
    memcpy(self->regions, regions, count * sizeof *regions);
    self->region_count = count;
    return 0;
}

void *guest_memory_at_user(const guest_memory *self, uint64_t address, uint64_t length) {
    for (size_t i = 0; i < self->region_count; i++) {
        const guest_region *region = &self->regions[i];
        if (address < region->user_address || address - region->user_address >= region->size)
            continue;
        uint64_t inside = address - region->user_address;
        return length <= region->size - inside ? self->base + region->offset + inside : NULL;
    }
    return NULL;
}

int guest_memory_vectors(const guest_memory *self, uint64_t address, uint64_t length, struct iovec *vectors,
                         size_t most) {
    int count = 0;
    while (length > 0) {
        const guest_region *region = NULL;
        for (size_t i = 0; i < self->region_count && !region; i++)
            if (address >= self->regions[i].guest_address &&
                address - self->regions[i].guest_address < self->regions[i].size)
                region = &self->regions[i];
        if (!region || (size_t)count == most)
            return -1;
        uint64_t inside = address - region->guest_address;
        uint64_t part = region->size - inside < length ? region->size - inside : length;
        vectors[count++] = (struct iovec){self->base + region->offset + inside, part};
        address += part;
        length -= part;
    }
    return count;
}

uint64_t guest_memory_blocks(const guest_memory *self) {
    struct stat status;
    return self->fd >= 0 && fstat(self->fd, &status) == 0 ? (uint64_t)status.st_blocks * 512 : 0;
}
