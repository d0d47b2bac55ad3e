// Writes an ext4 image front to back, as the entries come: no mount, no root, no second pass. Blocks are
// given out in the order they are needed, so file data leaves in large writes; inode tables are placed where
// the stream is when the one before is full, so inodes do not run out and unused tables stay holes. Folders,
// bitmaps and descriptors come last. Format: Documentation/filesystems/ext4 of Linux. The image has no
// journal and no free space to speak of.
//
// Not for several threads at once. After a failed call only ext4_image_destroy is allowed.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "core/base/error.h"

enum { EXT4_BLOCK_SIZE = 4096, EXT4_ROOT_INODE = 2, EXT4_NAME_MOST = 255 };

typedef struct ext4_image ext4_image;

/// One extended attribute: the namespace as ext4 numbers it, the rest of the name, the value as it is on the
/// disk.
typedef struct ext4_xattr {
    uint8_t index;
    char *name;
    void *value;
    size_t length;
} ext4_xattr;

typedef struct ext4_xattr_list {
    ext4_xattr *items;
    size_t count;
} ext4_xattr_list;

typedef struct ext4_attributes {
    uint32_t mode; ///< with the type (S_IFMT)
    uint32_t owner, group;
    struct timespec accessed, modified; ///< clamped to what ext4 can say: 1901 to 2446
    uint32_t device_major, device_minor;
    const ext4_xattr_list *xattrs; ///< borrowed; may be NULL
} ext4_attributes;

typedef struct ext4_dirent {
    const char *name; ///< not terminated
    uint8_t length;
    uint32_t mode; ///< its type is enough
    uint32_t inode;
} ext4_dirent;

/// Adds an attribute by its full name ("user.x"); one that is there already is replaced. Returns false when
/// ext4 has no place for such a name or value (the caller counts it as dropped). POSIX ACLs come in the form
/// of xattr(7) and are turned into that of the disk; one that is malformed is refused.
bool ext4_xattr_list_add(ext4_xattr_list *self, const char *name, const void *value, size_t length);
void ext4_xattr_list_finish(ext4_xattr_list *self);

/// Takes the empty file over, also when it fails. `bytes_most`: bound on the size of the image.
ext4_image *ext4_image_create(int fd, uint64_t bytes_most, holm_error **error);
void ext4_image_destroy(ext4_image *self);
CLEANUP_DEFINE(ext4_image, ext4_image_cleanup, ext4_image_destroy)

/// Takes an inode number; 0 on failure. It has no links and no blocks.
uint32_t ext4_inode_take(ext4_image *self, holm_error **error);
/// Gives it back with its blocks.
int ext4_inode_drop(ext4_image *self, uint32_t inode, holm_error **error);
/// One link more. LIMIT above 65,000.
int ext4_inode_link(ext4_image *self, uint32_t inode, holm_error **error);
/// One link less; without any the inode is dropped.
int ext4_inode_unlink(ext4_image *self, uint32_t inode, holm_error **error);
/// Forgets the blocks of an inode that is about to be stored again.
void ext4_inode_clear(ext4_image *self, uint32_t inode);

/// A file: begin, its data by rising offsets (what is left out is a hole), store. Nothing else may be written
/// between. An inode is stored with one link.
void ext4_file_begin(ext4_image *self);
int ext4_file_write(ext4_image *self, uint64_t offset, const void *data, size_t length, holm_error **error);
int ext4_file_store(ext4_image *self, uint32_t inode, const ext4_attributes *attributes, uint64_t size,
                    holm_error **error);
int ext4_symlink_store(ext4_image *self, uint32_t inode, const ext4_attributes *attributes,
                       const char *target, holm_error **error);
/// Reads it back; the caller frees it.
char *ext4_symlink_read(ext4_image *self, uint32_t inode, holm_error **error);
/// A device, FIFO, socket, or a folder whose entries come later.
int ext4_special_store(ext4_image *self, uint32_t inode, const ext4_attributes *attributes,
                       holm_error **error);

/// Writes the entries of a folder (without "." and "..") and its link count. entry() names the index'th.
/// `opaque` adds the attribute that hides the folders of lower layers; `identity` is the one the
/// image will be sealed with.
int ext4_directory_store(ext4_image *self, uint32_t inode, uint32_t parent, size_t count,
                         ext4_dirent (*entry)(void *data, size_t index), void *data, bool opaque,
                         const uint8_t identity[32], holm_error **error);

/// Writes what describes the file system and syncs it to the disk. `identity`: 32 bytes that become UUID and
/// hash seed, so that equal content makes equal images.
int ext4_image_seal(ext4_image *self, const uint8_t identity[32], holm_error **error);
