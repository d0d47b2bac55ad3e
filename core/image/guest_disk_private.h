// Between the files that read a guest's disk.
#pragma once

#include <archive.h>
#include <stdint.h>

#include "core/image/guest_disk.h"
#include "core/image/layer_lower_private.h"

enum {
    GUEST_DISK_ENTRIES_MOST = 4000000,
    GUEST_DISK_DEPTH_MOST = 512,
    GUEST_DISK_PATH_MOST = 4096,
    GUEST_DISK_EXTENTS_MOST = 1 << 20, ///< of one file
    GUEST_DISK_LOOK_MOST = 4096,       ///< entries of a folder that are described
};

/// A name in one folder of one layer.
typedef struct guest_disk_name {
    char *name;
    size_t layer;
    ext2_ino_t inode;
} guest_disk_name;

typedef struct guest_disk_list {
    guest_disk_name *items;
    size_t count, capacity;
} guest_disk_list;

/// What the container sees in a folder.
typedef struct guest_disk_found {
    char *name;
    layer_lower_file file;
} guest_disk_found;

typedef struct guest_disk_looked {
    guest_disk_found *items;
    size_t count, capacity;
} guest_disk_looked;

typedef struct guest_disk_reader {
    layer_lower *lower;
    size_t top; ///< the guest's layer
    guest_disk_mode mode;
    int out;
    struct archive *tar; ///< NULL: diff
    void *links;         ///< files with several names that are written already: a tree of tsearch(3)
    uint8_t *visited;    ///< a bit for each folder of the guest's disk: none comes twice
    uint64_t entries;
    guest_disk_looked looked;
    char path[GUEST_DISK_PATH_MOST + 1]; ///< without a slash in front; "" is the root
} guest_disk_reader;

/// Adds the names of a folder. They are made of any bytes but '/' and 0.
int guest_disk_list_add(guest_disk_list *self, layer_lower *lower, size_t layer, ext2_ino_t folder,
                        holm_error **error);
void guest_disk_list_finish(guest_disk_list *self);

/// Finds a path in the container's root, as guest_disk_write has it: what is there, and its folder in each
/// layer (room for LAYERS_MOST). NOT_FOUND where there is nothing. The root itself has inode 0.
int guest_disk_find(layer_lower *lower, const char *path, bool follow, ext2_ino_t *folders,
                    layer_lower_file *file, holm_error **error);

/// Writes one entry at the reader's path into the tar.
int guest_disk_tar_put(guest_disk_reader *self, const layer_lower_file *file, holm_error **error);
/// An empty file of this name beside or in the reader's path: a whiteout.
int guest_disk_tar_mark(guest_disk_reader *self, const char *path, holm_error **error);

/// A folder of which nothing is known but its name.
int guest_disk_tar_folder(guest_disk_reader *self, const char *path, holm_error **error);

/// Takes the entry at the reader's path.
int guest_disk_look_add(guest_disk_reader *self, const layer_lower_file *file, holm_error **error);
/// Answers with what was taken of the folder at this path.
int guest_disk_look_send(guest_disk_reader *self, const char *folder, holm_error **error);
int guest_disk_look_file(guest_disk_reader *self, const layer_lower_file *file, holm_error **error);
void guest_disk_look_finish(guest_disk_looked *self);

/// A run of blocks of a file that has data; what is between them is holes.
typedef struct guest_disk_extent {
    uint64_t logical, physical, blocks;
} guest_disk_extent;
/// The data of a file by rising offset, bounded by what the disk can hold. The caller frees it.
guest_disk_extent *guest_disk_extents(ext2_filsys fs, ext2_ino_t inode, size_t *count, holm_error **error);
