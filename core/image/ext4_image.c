#include "core/image/ext4_image.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "core/image/ext4_private.h"

enum {
    PENDING_SIZE = 1 << 20,
    DIRECT_LEAST = 128 << 10,  // a piece this large goes out without a copy
    WRITEBACK_STEP = 32 << 20, // how much is left to the page cache before the disk is set to work
};

int ext4_array_grow(void *array, size_t *capacity, size_t count, size_t size, holm_error **error) {
    if (count < *capacity)
        return 0;
    size_t wanted = *capacity ? *capacity + *capacity / 2 : 64;
    void *grown = reallocarray(*(void **)array, wanted, size);
    if (!grown) {
        holm_error_set(error, HOLM_ERROR_NO_MEMORY, "no memory for the layer");
        return -1;
    }
    *(void **)array = grown;
    *capacity = wanted;
    return 0;
}

void ext4_image_destroy(ext4_image *self) {
    if (!self)
        return;
    close(self->fd);
    free(self->pending);
    free(self->tables);
    free(self->records);
    free(self->unused_inodes);
    free(self->freed);
    free(self->runs);
    free(self);
}

uint32_t ext4_blocks_take(ext4_image *self, uint32_t count, holm_error **error) {
    if (self->next_block >= self->block_limit || count > self->block_limit - self->next_block) {
        holm_error_set(error, HOLM_ERROR_LIMIT, "the layer is too large for its image");
        return 0;
    }
    uint32_t first = self->next_block;
    self->next_block += count;
    return first;
}

int ext4_write_at(ext4_image *self, const void *data, size_t length, uint64_t offset, holm_error **error) {
    const uint8_t *bytes = data;
    while (length) {
        ssize_t written = pwrite(self->fd, bytes, length, (off_t)offset);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0) {
            holm_error_set_errno(error, written < 0 ? errno : EIO, "write the layer image");
            return -1;
        }
        bytes += written;
        length -= (size_t)written;
        offset += (uint64_t)written;
    }
    return 0;
}

int ext4_stream_flush(ext4_image *self, holm_error **error) {
    if (ext4_write_at(self, self->pending, self->pending_length, self->pending_offset, error) < 0)
        return -1;
    self->pending_offset += self->pending_length;
    self->pending_length = 0;
    // The disk works beside us, so that the sync at the end finds little left; the cache keeps the pages, for
    // the layer is about to be used.
    if (self->pending_offset >= self->started + WRITEBACK_STEP) {
        sync_file_range(self->fd, (off_t)self->started, (off_t)(self->pending_offset - self->started),
                        SYNC_FILE_RANGE_WRITE);
        self->started = self->pending_offset;
    }
    return 0;
}

int ext4_stream_append(ext4_image *self, const void *data, size_t length, holm_error **error) {
    if (length >= DIRECT_LEAST) {
        if (ext4_stream_flush(self, error) < 0 ||
            ext4_write_at(self, data, length, self->pending_offset, error) < 0)
            return -1;
        self->pending_offset += length;
        return 0;
    }
    if (length > PENDING_SIZE - self->pending_length && ext4_stream_flush(self, error) < 0)
        return -1;
    memcpy(self->pending + self->pending_length, data, length);
    self->pending_length += length;
    return 0;
}

int ext4_blocks_append(ext4_image *self, const void *data, uint32_t count, uint32_t *block,
                       holm_error **error) {
    uint64_t offset = (uint64_t)self->next_block * EXT4_BLOCK_SIZE;
    if (self->pending_offset + self->pending_length != offset) {
        if (ext4_stream_flush(self, error) < 0)
            return -1;
        self->pending_offset = offset;
    }
    *block = ext4_blocks_take(self, count, error);
    return *block ? ext4_stream_append(self, data, (size_t)count * EXT4_BLOCK_SIZE, error) : -1;
}

// ---- inodes ----

int ext4_table_flush(ext4_image *self, holm_error **error) {
    if (!self->table_changed)
        return 0;
    self->table_changed = false;
    return ext4_write_at(self, self->table, sizeof self->table, (uint64_t)self->table_block * EXT4_BLOCK_SIZE,
                         error);
}

/// Brings the block of the table that holds the inode into memory. NULL on failure.
static uint8_t *table_find(ext4_image *self, uint32_t inode, holm_error **error) {
    uint32_t index = inode - 1;
    uint32_t group = index / EXT4_INODES_PER_GROUP, in_group = index % EXT4_INODES_PER_GROUP;
    uint32_t per_block = EXT4_BLOCK_SIZE / EXT4_INODE_SIZE;
    uint32_t block = self->tables[group] + in_group / per_block;
    if (block != self->table_block) {
        if (ext4_table_flush(self, error) < 0)
            return NULL;
        self->table_block = 0;
        memset(self->table, 0, sizeof self->table);
        ssize_t got = pread(self->fd, self->table, sizeof self->table, (off_t)block * EXT4_BLOCK_SIZE);
        if (got < 0) {
            holm_error_set_errno(error, errno, "read the layer image");
            return NULL;
        }
        self->table_block = block;
    }
    return self->table + (size_t)(in_group % per_block) * EXT4_INODE_SIZE;
}

int ext4_inode_read(ext4_image *self, uint32_t inode, ext4_inode_body *body, holm_error **error) {
    const uint8_t *place = table_find(self, inode, error);
    if (!place)
        return -1;
    memcpy(body->bytes, place, sizeof body->bytes);
    return 0;
}

int ext4_inode_put(ext4_image *self, uint32_t inode, const ext4_inode_body *body, holm_error **error) {
    uint8_t *place = table_find(self, inode, error);
    if (!place)
        return -1;
    memcpy(place, body->bytes, sizeof body->bytes);
    self->table_changed = true;
    return 0;
}

/// Makes sure that the table which holds the inode has its place.
static int table_ensure(ext4_image *self, uint32_t inode, holm_error **error) {
    while ((inode - 1) / EXT4_INODES_PER_GROUP >= self->table_count) {
        if (self->table_count >= EXT4_GROUPS_MOST) {
            holm_error_set(error, HOLM_ERROR_LIMIT, "the layer has too many files");
            return -1;
        }
        if (ext4_array_grow(&self->tables, &self->table_capacity, self->table_count, sizeof *self->tables,
                            error) < 0)
            return -1;
        uint32_t block = ext4_blocks_take(self, EXT4_TABLE_BLOCKS, error);
        if (!block)
            return -1;
        self->tables[self->table_count++] = block;
    }
    return 0;
}

ext4_image *ext4_image_create(int fd, uint64_t bytes_most, holm_error **error) {
    ext4_image *self = calloc(1, sizeof *self);
    uint8_t *pending = malloc(PENDING_SIZE);
    if (!self || !pending) {
        free(self);
        free(pending);
        close(fd);
        holm_error_set(error, HOLM_ERROR_NO_MEMORY, "no memory for the layer");
        return NULL;
    }
    uint64_t blocks = bytes_most / EXT4_BLOCK_SIZE;
    uint64_t blocks_most = (uint64_t)EXT4_GROUPS_MOST * (EXT4_BLOCKS_PER_GROUP - EXT4_TABLE_BLOCKS - 2);
    self->fd = fd;
    self->pending = pending;
    self->block_limit = (uint32_t)(blocks < blocks_most ? blocks : blocks_most);
    self->next_block = 1 + EXT4_DESCRIPTOR_BLOCKS;
    self->next_inode = EXT4_FIRST_INODE;
    if (ext4_array_grow(&self->records, &self->record_capacity, 0, sizeof *self->records, error) < 0 ||
        table_ensure(self, EXT4_FIRST_INODE, error) < 0) {
        ext4_image_destroy(self);
        return NULL;
    }
    memset(self->records, 0, EXT4_FIRST_INODE * sizeof *self->records);
    return self;
}

uint32_t ext4_inode_take(ext4_image *self, holm_error **error) {
    uint32_t inode;
    if (self->unused_count) {
        inode = self->unused_inodes[--self->unused_count];
    } else {
        if (table_ensure(self, self->next_inode, error) < 0 ||
            ext4_array_grow(&self->records, &self->record_capacity, self->next_inode, sizeof *self->records,
                            error) < 0)
            return 0;
        inode = self->next_inode++;
    }
    self->records[inode] = (ext4_inode_record){0};
    return inode;
}

void ext4_inode_clear(ext4_image *self, uint32_t inode) {
    ext4_range *blocks = &self->records[inode].blocks;
    // Without memory for the note the blocks stay taken, and only room is lost.
    if (blocks->count && ext4_array_grow(&self->freed, &self->freed_capacity, self->freed_count,
                                         sizeof *self->freed, NULL) == 0) {
        self->freed[self->freed_count++] = *blocks;
        uint64_t offset = (uint64_t)blocks->first * EXT4_BLOCK_SIZE;
        uint64_t end = offset + (uint64_t)blocks->count * EXT4_BLOCK_SIZE;
        // Gives the room back where the file system can; what is still pending is in nobody's way.
        if (end <= self->pending_offset)
            fallocate(self->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset,
                      (off_t)(end - offset));
    }
    *blocks = (ext4_range){0};
}

int ext4_inode_drop(ext4_image *self, uint32_t inode, holm_error **error) {
    static const ext4_inode_body empty;
    ext4_inode_clear(self, inode);
    self->records[inode] = (ext4_inode_record){0};
    if (ext4_array_grow(&self->unused_inodes, &self->unused_capacity, self->unused_count,
                        sizeof *self->unused_inodes, error) < 0)
        return -1;
    self->unused_inodes[self->unused_count++] = inode;
    return ext4_inode_put(self, inode, &empty, error);
}

static int inode_count_links(ext4_image *self, uint32_t inode, holm_error **error) {
    ext4_inode_body body;
    if (ext4_inode_read(self, inode, &body, error) < 0)
        return -1;
    body.large.i_links_count = (uint16_t)self->records[inode].links;
    return ext4_inode_put(self, inode, &body, error);
}

int ext4_inode_link(ext4_image *self, uint32_t inode, holm_error **error) {
    if (self->records[inode].links >= EXT4_LINKS_MOST) {
        holm_error_set(error, HOLM_ERROR_LIMIT, "a file has more than %d hard links", EXT4_LINKS_MOST);
        return -1;
    }
    self->records[inode].links++;
    return inode_count_links(self, inode, error);
}

int ext4_inode_unlink(ext4_image *self, uint32_t inode, holm_error **error) {
    if (self->records[inode].links <= 1)
        return ext4_inode_drop(self, inode, error);
    self->records[inode].links--;
    return inode_count_links(self, inode, error);
}
