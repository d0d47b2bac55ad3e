// Files and their extents, symbolic links, devices: what one inode stands for.
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "core/image/ext4_private.h"

enum {
    EXTENTS_IN_INODE = 4,
    EXTENTS_IN_BLOCK = (EXT4_BLOCK_SIZE - 12) / 12,
    RUNS_MOST = 1 << 20, // in one file: bounds what a lying sparse map costs
    FAST_SYMLINK_MOST = 59,
    SYMLINK_MOST = 4095,
};

static const uint8_t zeros[EXT4_BLOCK_SIZE];

void ext4_file_begin(ext4_image *self) {
    self->run_count = 0;
    self->file_end = 0;
    self->file_first = self->next_block;
}

/// Blocks of data in the file so far. The last one may be partly filled.
static uint32_t run_blocks(const ext4_image *self) {
    if (!self->run_count)
        return 0;
    const ext4_extent_run *last = &self->runs[self->run_count - 1];
    return (uint32_t)((self->file_end + EXT4_BLOCK_SIZE - 1) / EXT4_BLOCK_SIZE) - last->logical;
}

/// Fills the last block of the run up with zeros and takes the run's blocks.
static int run_end(ext4_image *self, holm_error **error) {
    if (!self->run_count)
        return 0;
    ext4_extent_run *last = &self->runs[self->run_count - 1];
    if (last->count)
        return 0;
    uint32_t count = run_blocks(self);
    size_t rest = (size_t)(-self->file_end % EXT4_BLOCK_SIZE);
    if (ext4_stream_append(self, zeros, rest, error) < 0 || !ext4_blocks_take(self, count, error))
        return -1;
    last->count = count;
    self->file_end += rest;
    return 0;
}

/// Begins a run at the block of `offset` and fills its first block with zeros up to there.
static int run_begin(ext4_image *self, uint64_t offset, holm_error **error) {
    uint64_t place = (uint64_t)self->next_block * EXT4_BLOCK_SIZE;
    if (self->run_count >= RUNS_MOST) {
        holm_error_set(error, HOLM_ERROR_LIMIT, "a sparse file has more than %d pieces", RUNS_MOST);
        return -1;
    }
    if (ext4_array_grow(&self->runs, &self->run_capacity, self->run_count, sizeof *self->runs, error) < 0)
        return -1;
    if (self->pending_offset + self->pending_length != place) {
        if (ext4_stream_flush(self, error) < 0)
            return -1;
        self->pending_offset = place;
    }
    self->runs[self->run_count++] = (ext4_extent_run){
        .logical = (uint32_t)(offset / EXT4_BLOCK_SIZE),
        .physical = self->next_block,
    };
    self->file_end = offset;
    return ext4_stream_append(self, zeros, offset % EXT4_BLOCK_SIZE, error);
}

/// Before data at `offset`: goes on in the run where it can, ends it and begins another where there is a
/// hole.
static int run_reach(ext4_image *self, uint64_t offset, holm_error **error) {
    bool open = self->run_count && !self->runs[self->run_count - 1].count;
    uint64_t gap = offset - self->file_end;
    if (open && offset / EXT4_BLOCK_SIZE <= (self->file_end + EXT4_BLOCK_SIZE - 1) / EXT4_BLOCK_SIZE &&
        gap < EXT4_BLOCK_SIZE) {
        self->file_end = offset;
        return ext4_stream_append(self, zeros, (size_t)gap, error);
    }
    if (run_end(self, error) < 0)
        return -1;
    return run_begin(self, offset, error);
}

int ext4_file_write(ext4_image *self, uint64_t offset, const void *data, size_t length, holm_error **error) {
    if (!length)
        return 0;
    uint64_t most = (uint64_t)UINT32_MAX * EXT4_BLOCK_SIZE;
    if (offset < self->file_end || offset > most || length > most - offset) {
        holm_error_set(error, HOLM_ERROR_INTEGRITY, "the data of a file is out of order or out of bounds");
        return -1;
    }
    if (run_reach(self, offset, error) < 0)
        return -1;
    uint64_t room = (uint64_t)(self->block_limit - self->next_block) * EXT4_BLOCK_SIZE;
    uint64_t in_run = offset - (uint64_t)self->runs[self->run_count - 1].logical * EXT4_BLOCK_SIZE;
    if (in_run > room || length > room - in_run) {
        holm_error_set(error, HOLM_ERROR_LIMIT, "the layer is too large for its image");
        return -1;
    }
    if (ext4_stream_append(self, data, length, error) < 0)
        return -1;
    self->file_end = offset + length;
    return 0;
}

// ---- extents ----

/// Cuts runs where they are longer than an extent can say.
static int runs_split(ext4_image *self, holm_error **error) {
    for (size_t i = 0; i < self->run_count; i++) {
        ext4_extent_run *run = &self->runs[i];
        if (run->count <= EXT4_EXTENT_BLOCKS_MOST)
            continue;
        ext4_extent_run rest = {run->logical + EXT4_EXTENT_BLOCKS_MOST,
                                run->physical + EXT4_EXTENT_BLOCKS_MOST,
                                run->count - EXT4_EXTENT_BLOCKS_MOST};
        run->count = EXT4_EXTENT_BLOCKS_MOST;
        if (ext4_array_grow(&self->runs, &self->run_capacity, self->run_count, sizeof *self->runs, error) < 0)
            return -1;
        memmove(&self->runs[i + 2], &self->runs[i + 1], (self->run_count - i - 1) * sizeof *self->runs);
        self->runs[i + 1] = rest;
        self->run_count++;
    }
    return 0;
}

/// Writes one node of the extent tree: of runs (depth 0) or of the nodes below.
static void extents_encode(void *place, uint16_t most, uint16_t depth, const ext4_extent_run *runs,
                           size_t count) {
    struct ext3_extent_header *header = place;
    *header = (struct ext3_extent_header){
        .eh_magic = EXT3_EXT_MAGIC, .eh_entries = (uint16_t)count, .eh_max = most, .eh_depth = depth};
    struct ext3_extent *extent = (struct ext3_extent *)(header + 1);
    struct ext3_extent_idx *index = (struct ext3_extent_idx *)(header + 1);
    for (size_t i = 0; i < count; i++) {
        if (depth)
            index[i] = (struct ext3_extent_idx){.ei_block = runs[i].logical, .ei_leaf = runs[i].physical};
        else
            extent[i] = (struct ext3_extent){
                .ee_block = runs[i].logical, .ee_len = (uint16_t)runs[i].count, .ee_start = runs[i].physical};
    }
}

/// Builds the tree from the leaves up, until the inode holds the rest.
static int extents_place(ext4_image *self, ext4_inode_body *body, holm_error **error) {
    uint16_t depth = 0;
    for (; self->run_count > EXTENTS_IN_INODE; depth++) {
        size_t nodes = 0;
        for (size_t at = 0; at < self->run_count; at += EXTENTS_IN_BLOCK) {
            uint8_t block[EXT4_BLOCK_SIZE] = {0};
            size_t count = self->run_count - at < EXTENTS_IN_BLOCK ? self->run_count - at : EXTENTS_IN_BLOCK;
            ext4_extent_run node = {.logical = self->runs[at].logical};
            extents_encode(block, EXTENTS_IN_BLOCK, depth, &self->runs[at], count);
            if (ext4_blocks_append(self, block, 1, &node.physical, error) < 0)
                return -1;
            self->runs[nodes++] = node;
        }
        self->run_count = nodes;
    }
    extents_encode(body->large.i_block, EXTENTS_IN_INODE, depth, self->runs, self->run_count);
    return 0;
}

int ext4_file_place(ext4_image *self, ext4_inode_body *body, holm_error **error) {
    body->large.i_flags |= EXT4_EXTENTS_FL;
    if (run_end(self, error) < 0 || runs_split(self, error) < 0)
        return -1;
    return extents_place(self, body, error);
}

// ---- inodes ----

static void time_encode(struct timespec time, uint32_t *low, uint32_t *extra) {
    int64_t least = INT32_MIN, most = (INT64_C(3) << 32) + INT32_MAX;
    int64_t seconds = time.tv_sec < least ? least : time.tv_sec > most ? most : time.tv_sec;
    uint32_t epoch = (uint32_t)((seconds - (int32_t)seconds) >> 32) & 3;
    *low = (uint32_t)(int32_t)seconds;
    *extra = (uint32_t)time.tv_nsec << 2 | epoch;
}

void ext4_inode_describe(ext4_inode_body *body, const ext4_attributes *attributes) {
    struct ext2_inode_large *inode = &body->large;
    memset(body, 0, sizeof *body);
    inode->i_mode = (uint16_t)attributes->mode;
    inode->i_uid = (uint16_t)attributes->owner;
    inode->osd2.linux2.l_i_uid_high = (uint16_t)(attributes->owner >> 16);
    inode->i_gid = (uint16_t)attributes->group;
    inode->osd2.linux2.l_i_gid_high = (uint16_t)(attributes->group >> 16);
    inode->i_extra_isize = sizeof *inode - EXT2_GOOD_OLD_INODE_SIZE;
    inode->i_links_count = 1;
    time_encode(attributes->accessed, &inode->i_atime, &inode->i_atime_extra);
    time_encode(attributes->modified, &inode->i_mtime, &inode->i_mtime_extra);
    time_encode(attributes->modified, &inode->i_ctime, &inode->i_ctime_extra);
    time_encode(attributes->modified, &inode->i_crtime, &inode->i_crtime_extra);
}

static int inode_place_xattrs(ext4_image *self, ext4_inode_body *body, const ext4_attributes *attributes,
                              holm_error **error) {
    const ext4_xattr *outside[64];
    size_t count = 0;
    size_t spare = S_ISDIR(attributes->mode) ? EXT4_XATTR_OPAQUE_ROOM : 0;
    for (size_t i = 0; attributes->xattrs && i < attributes->xattrs->count; i++) {
        const ext4_xattr *xattr = &attributes->xattrs->items[i];
        if (ext4_xattr_put_inline(body, xattr, spare))
            continue;
        if (count < array_length(outside))
            outside[count] = xattr;
        count++;
    }
    if (!count)
        return 0;
    uint8_t block[EXT4_BLOCK_SIZE];
    if (count > array_length(outside) || !ext4_xattr_encode_block(outside, count, block)) {
        holm_error_set(error, HOLM_ERROR_LIMIT, "the extended attributes of a file take more than a block");
        return -1;
    }
    uint32_t place;
    if (ext4_blocks_append(self, block, 1, &place, error) < 0)
        return -1;
    body->large.i_file_acl = place;
    return 0;
}

int ext4_inode_store(ext4_image *self, uint32_t inode, ext4_inode_body *body,
                     const ext4_attributes *attributes, holm_error **error) {
    if (inode_place_xattrs(self, body, attributes, error) < 0)
        return -1;
    ext4_inode_record *record = &self->records[inode];
    *record = (ext4_inode_record){
        .blocks = {self->file_first, self->next_block - self->file_first},
        .links = 1,
        .directory = S_ISDIR(attributes->mode),
    };
    uint64_t sectors = (uint64_t)record->blocks.count * (EXT4_BLOCK_SIZE / 512);
    body->large.i_blocks = (uint32_t)sectors;
    body->large.osd2.linux2.l_i_blocks_hi = (uint16_t)(sectors >> 32);
    return ext4_inode_put(self, inode, body, error);
}

int ext4_file_store(ext4_image *self, uint32_t inode, const ext4_attributes *attributes, uint64_t size,
                    holm_error **error) {
    if (size < self->file_end || size > (uint64_t)UINT32_MAX * EXT4_BLOCK_SIZE) {
        holm_error_set(error, HOLM_ERROR_INTEGRITY, "the size of a file does not fit its data");
        return -1;
    }
    ext4_inode_body body;
    ext4_inode_describe(&body, attributes);
    body.large.i_size = (uint32_t)size;
    body.large.i_size_high = (uint32_t)(size >> 32);
    if (ext4_file_place(self, &body, error) < 0)
        return -1;
    return ext4_inode_store(self, inode, &body, attributes, error);
}

int ext4_symlink_store(ext4_image *self, uint32_t inode, const ext4_attributes *attributes,
                       const char *target, holm_error **error) {
    size_t length = strlen(target);
    if (!length || length > SYMLINK_MOST) {
        holm_error_set(error, HOLM_ERROR_INTEGRITY, "a symbolic link has a target of %zu bytes", length);
        return -1;
    }
    ext4_inode_body body;
    ext4_inode_describe(&body, attributes);
    body.large.i_size = (uint32_t)length;
    ext4_file_begin(self);
    if (length <= FAST_SYMLINK_MOST)
        memcpy(body.large.i_block, target, length);
    else if (ext4_file_write(self, 0, target, length, error) < 0 || ext4_file_place(self, &body, error) < 0)
        return -1;
    return ext4_inode_store(self, inode, &body, attributes, error);
}

char *ext4_symlink_read(ext4_image *self, uint32_t inode, holm_error **error) {
    ext4_inode_body body;
    if (ext4_inode_read(self, inode, &body, error) < 0)
        return NULL;
    size_t length = body.large.i_size;
    char *target = calloc(1, length + 1);
    if (!target) {
        holm_error_set(error, HOLM_ERROR_NO_MEMORY, "no memory for the layer");
        return NULL;
    }
    if (length <= FAST_SYMLINK_MOST) {
        memcpy(target, body.large.i_block, length);
        return target;
    }
    uint64_t offset = (uint64_t)self->records[inode].blocks.first * EXT4_BLOCK_SIZE;
    if (ext4_stream_flush(self, error) < 0 ||
        pread(self->fd, target, length, (off_t)offset) != (ssize_t)length) {
        holm_error_set(error, HOLM_ERROR_INTERNAL, "read a symbolic link back from the layer image");
        free(target);
        return NULL;
    }
    return target;
}

int ext4_special_store(ext4_image *self, uint32_t inode, const ext4_attributes *attributes,
                       holm_error **error) {
    ext4_inode_body body;
    ext4_inode_describe(&body, attributes);
    uint32_t major = attributes->device_major, minor = attributes->device_minor;
    if (S_ISCHR(attributes->mode) || S_ISBLK(attributes->mode)) {
        // The two encodings of Linux: 8:8 bits in the first word, 12:20 bits in the second.
        if (major < 256 && minor < 256)
            body.large.i_block[0] = major << 8 | minor;
        else
            body.large.i_block[1] = (minor & 0xff) | major << 8 | (minor & ~0xffU) << 12;
    }
    ext4_file_begin(self);
    return ext4_inode_store(self, inode, &body, attributes, error);
}
