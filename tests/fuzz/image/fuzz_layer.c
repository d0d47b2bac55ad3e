// A blob of any kind through the whole writer: the first byte chooses the compression, the second how it is
// cut into pieces and what lies below. What comes out must be a file system that libext2fs can walk.
#include <ext2fs/ext2fs.h>
#include <stdio.h>
#include <string.h>

#include "core/base/path.h"
#include "core/image/layer.h"

static char image[64], lower[64];

/// An empty image for layers that need one below them.
static void lower_make(void) {
    layer_result result;
    layer_writer_options options = {.path = lower};
    unlink(lower);
    layer_writer *writer = layer_writer_create(&options, NULL);
    if (!writer || layer_writer_finish(writer, &result, NULL) < 0)
        abort();
    layer_writer_destroy(writer);
}

static int entry_check(ext2_ino_t directory, int where, struct ext2_dir_entry *entry, int offset, int size,
                       char *block, void *data) {
    struct ext2_inode inode;
    ext2_filsys fs = data;
    (void)directory;
    (void)where;
    (void)offset;
    (void)size;
    (void)block;
    if (ext2fs_read_inode(fs, entry->inode, &inode) || !inode.i_links_count)
        abort();
    return 0;
}

static void image_check(void) {
    ext2_filsys fs;
    if (ext2fs_open(image, EXT2_FLAG_64BITS, 0, 0, unix_io_manager, &fs) || ext2fs_read_bitmaps(fs))
        abort();
    for (ext2_ino_t inode = EXT2_ROOT_INO; inode <= fs->super->s_inodes_count; inode++) {
        struct ext2_inode body;
        if (!ext2fs_fast_test_inode_bitmap2(fs->inode_map, inode) || ext2fs_read_inode(fs, inode, &body))
            continue;
        if (LINUX_S_ISDIR(body.i_mode) && ext2fs_dir_iterate2(fs, inode, 0, NULL, entry_check, fs))
            abort();
        if (inode > 100000)
            break;
    }
    ext2fs_free(fs);
}

static void write_image(const uint8_t *bytes, size_t size, layer_compression compression, size_t piece,
                        bool below) {
    layer_result result;
    const char *layers[] = {lower};
    layer_writer_options options = {
        .path = image, .compression = compression, .limits = {.bytes = 64 << 20, .entries = 10000}};
    cleanup_layer_writer layer_writer *writer = layer_writer_create(&options, NULL);
    if (!writer)
        abort();
    for (size_t at = 0; at < size; at += piece)
        if (layer_writer_push(writer, bytes + at, size - at < piece ? size - at : piece, NULL) < 0)
            return;
    if (layer_writer_finish(writer, &result, NULL) < 0 ||
        (!result.complete && layer_writer_complete(writer, layers, below, &result, NULL) < 0))
        return;
    image_check();
    unlink(image);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    if (!*image) {
        snprintf(image, sizeof image, "/dev/shm/fuzz-layer-%d", getpid());
        snprintf(lower, sizeof lower, "/dev/shm/fuzz-lower-%d", getpid());
        lower_make();
    }
    if (size < 2)
        return 0;
    write_image(bytes + 2, size - 2, bytes[0] % 4, 1 + (size_t)(bytes[1] & 0x7f) * 64, bytes[1] & 0x80);
    if (access(image, F_OK) == 0)
        abort(); // nothing is left of a layer that was refused
    return 0;
}
