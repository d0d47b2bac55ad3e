// What the parts of the ext4 writer share.
#pragma once

#include <ext2fs/ext2_fs.h>
#include <ext2fs/ext2fs.h>

#include "core/image/ext4_image.h"

enum {
    EXT4_INODE_SIZE = 256,
    EXT4_BLOCKS_PER_GROUP = 32768,
    EXT4_INODES_PER_GROUP = 8192,
    EXT4_TABLE_BLOCKS = EXT4_INODES_PER_GROUP * EXT4_INODE_SIZE / EXT4_BLOCK_SIZE,
    EXT4_GROUPS_MOST = 8192, // 1 TiB
    EXT4_DESCRIPTOR_BLOCKS = EXT4_GROUPS_MOST * 32 / EXT4_BLOCK_SIZE,
    EXT4_FIRST_INODE = 11,
    EXT4_LINKS_MOST = 65000,
    EXT4_EXTENT_BLOCKS_MOST = 32768,
};

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "ext4 structures are written as they are in memory");

typedef struct ext4_range {
    uint32_t first, count;
} ext4_range;

/// What must be known of an inode until the end; the rest is in its table already. All blocks of an inode lie
/// together, because only one file is written at a time.
typedef struct ext4_inode_record {
    ext4_range blocks;
    uint32_t links : 24;
    uint32_t directory : 1;
} ext4_inode_record;

typedef struct ext4_extent_run {
    uint32_t logical, physical, count;
} ext4_extent_run;

typedef union ext4_inode_body {
    struct ext2_inode_large large;
    uint8_t bytes[EXT4_INODE_SIZE];
} ext4_inode_body;

struct ext4_image {
    int fd;
    uint32_t next_block;
    uint32_t block_limit;

    uint8_t *pending; ///< bytes on their way to the file, from pending_offset on
    size_t pending_length;
    uint64_t pending_offset;
    uint64_t started; ///< up to where writing to the disk has been started

    uint32_t *tables; ///< first block of each inode table
    size_t table_count, table_capacity;
    uint32_t next_inode;
    ext4_inode_record *records; ///< by inode number
    size_t record_capacity;
    uint32_t *unused_inodes;
    size_t unused_count, unused_capacity;
    ext4_range *freed;
    size_t freed_count, freed_capacity;

    uint8_t table[EXT4_BLOCK_SIZE]; ///< one block of an inode table
    uint32_t table_block;           ///< 0: none
    bool table_changed;

    ext4_extent_run *runs; ///< of the file being written
    size_t run_count, run_capacity;
    uint64_t file_end;   ///< bytes of it so far, holes included
    uint32_t file_first; ///< its first block
};

/// Makes room for one element more behind `count`.
int ext4_array_grow(void *array, size_t *capacity, size_t count, size_t size, holm_error **error);
/// Takes `count` blocks in a row; 0 on failure.
uint32_t ext4_blocks_take(ext4_image *self, uint32_t count, holm_error **error);
/// Appends to the stream of data at next_block; blocks are taken by ext4_stream_end.
int ext4_stream_append(ext4_image *self, const void *data, size_t length, holm_error **error);
int ext4_stream_flush(ext4_image *self, holm_error **error);
int ext4_write_at(ext4_image *self, const void *data, size_t length, uint64_t offset, holm_error **error);
/// Writes whole blocks into the stream and takes them; *block is the first.
int ext4_blocks_append(ext4_image *self, const void *data, uint32_t count, uint32_t *block,
                       holm_error **error);

int ext4_inode_read(ext4_image *self, uint32_t inode, ext4_inode_body *body, holm_error **error);
int ext4_inode_put(ext4_image *self, uint32_t inode, const ext4_inode_body *body, holm_error **error);
int ext4_table_flush(ext4_image *self, holm_error **error);
/// Fills in everything but size and content.
void ext4_inode_describe(ext4_inode_body *body, const ext4_attributes *attributes);
/// Adds the attributes, in a block of their own where the inode is too small, and puts the inode. Its range
/// of blocks is file_first to next_block.
int ext4_inode_store(ext4_image *self, uint32_t inode, ext4_inode_body *body,
                     const ext4_attributes *attributes, holm_error **error);
/// Ends the data of the current file and places its extents in the inode.
int ext4_file_place(ext4_image *self, ext4_inode_body *body, holm_error **error);

/// Puts one attribute into the inode itself. False when it does not fit; `spare` bytes are to stay free.
bool ext4_xattr_put_inline(ext4_inode_body *body, const ext4_xattr *xattr, size_t spare);
/// Lays the attributes out as a block. False when they do not fit.
bool ext4_xattr_encode_block(const ext4_xattr *const *xattrs, size_t count, uint8_t block[EXT4_BLOCK_SIZE]);
enum { EXT4_XATTR_OPAQUE_ROOM = 36 }; ///< what trusted.overlay.opaque takes in an inode
