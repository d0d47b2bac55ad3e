// Disks as guests leave them: a small sound one with what the input changes in it. An input is one byte that
// chooses what is asked for, and then changes: block (2 bytes), offset in it (2), length (1), the bytes.
#include <ext2fs/ext2fs.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/image/guest_disk.h"
#include "core/image/layer_lower_private.h"

enum { BLOCKS = 256, SIZE = BLOCKS * 4096, CHANGES_MOST = 64, OUTPUT_MOST = 1 << 20 };

static int disk, output;
static uint8_t *mapped, *sound;

static void check(long code) {
    if (code)
        abort();
}

static void add_file(ext2_filsys fs, ext2_ino_t folder, const char *name, uint16_t mode, const char *text) {
    ext2_ino_t inode;
    struct ext2_inode body = {.i_mode = mode, .i_links_count = 1};
    ext2_file_t file;
    check(ext2fs_new_inode(fs, folder, mode, NULL, &inode));
    ext2fs_inode_alloc_stats2(fs, inode, 1, 0);
    if (LINUX_S_ISREG(mode))
        check(ext2fs_inode_size_set(fs, &body, 0)), body.i_flags = EXT4_EXTENTS_FL;
    check(ext2fs_write_new_inode(fs, inode, &body));
    check(ext2fs_link(fs, folder, name, inode, LINUX_S_ISREG(mode) ? EXT2_FT_REG_FILE : EXT2_FT_CHRDEV));
    if (!text)
        return;
    check(ext2fs_file_open(fs, inode, EXT2_FILE_WRITE, &file));
    check(ext2fs_file_write(file, text, (unsigned)strlen(text), NULL));
    check(ext2fs_file_close(file));
}

static void add_tree(ext2_filsys fs) {
    ext2_ino_t upper, folder;
    struct ext2_xattr_handle *handle;
    check(ext2fs_mkdir(fs, EXT2_ROOT_INO, 0, "upper"));
    check(ext2fs_lookup(fs, EXT2_ROOT_INO, "upper", 5, NULL, &upper));
    check(ext2fs_mkdir(fs, upper, 0, "folder"));
    check(ext2fs_lookup(fs, upper, "folder", 6, NULL, &folder));
    add_file(fs, folder, "file", LINUX_S_IFREG | 0644, "some text");
    add_file(fs, upper, "gone", LINUX_S_IFCHR, NULL);
    check(ext2fs_symlink(fs, upper, 0, "link", "folder/file"));
    check(ext2fs_xattrs_open(fs, folder, &handle));
    check(ext2fs_xattr_set(handle, "trusted.overlay.opaque", "y", 1));
    check(ext2fs_xattr_set(handle, "user.name", "value", 5));
    check(ext2fs_xattrs_close(&handle));
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv) {
    struct ext2_super_block super = {
        .s_rev_level = 1, .s_log_block_size = 2, .s_inode_size = 256, .s_inodes_count = 64};
    ext2_filsys fs;
    char path[64];
    (void)argc, (void)argv;
    super.s_feature_compat = EXT2_FEATURE_COMPAT_EXT_ATTR | EXT2_FEATURE_COMPAT_DIR_INDEX;
    super.s_feature_incompat = EXT2_FEATURE_INCOMPAT_FILETYPE | EXT3_FEATURE_INCOMPAT_EXTENTS;
    super.s_feature_ro_compat = EXT4_FEATURE_RO_COMPAT_EXTRA_ISIZE;
    ext2fs_blocks_count_set(&super, BLOCKS);
    disk = memfd_create("disk", 0);
    // A file can say that it is terabytes long, all of them a hole, and is written so: who reads has enough
    // of it here.
    output = memfd_create("output", MFD_ALLOW_SEALING);
    check(ftruncate(output, OUTPUT_MOST));
    check(fcntl(output, F_ADD_SEALS, F_SEAL_GROW));
    check(ftruncate(disk, SIZE));
    snprintf(path, sizeof path, "/proc/self/fd/%d", disk);
    check(ext2fs_initialize(path, EXT2_FLAG_64BITS, &super, unix_io_manager, &fs));
    check(ext2fs_allocate_tables(fs));
    for (ext2_ino_t inode = 1; inode < EXT2_FIRST_INODE(fs->super); inode++)
        if (inode != EXT2_ROOT_INO)
            ext2fs_inode_alloc_stats2(fs, inode, 1, 0);
    check(ext2fs_mkdir(fs, EXT2_ROOT_INO, EXT2_ROOT_INO, NULL));
    add_tree(fs);
    check(ext2fs_close_free(&fs));
    mapped = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, disk, 0);
    sound = malloc(SIZE);
    memcpy(sound, mapped, SIZE);
    return 0;
}

static void change(const uint8_t *data, size_t size, size_t blocks[CHANGES_MOST], size_t *count) {
    while (size >= 6 && *count < CHANGES_MOST) {
        size_t block = (size_t)(data[0] | data[1] << 8) % BLOCKS,
               offset = (size_t)(data[2] | data[3] << 8) % 4096;
        size_t length = data[4];
        data += 5, size -= 5;
        if (length > size)
            length = size;
        if (length > 4096 - offset)
            length = 4096 - offset;
        memcpy(mapped + block * 4096 + offset, data, length);
        blocks[(*count)++] = block;
        data += length, size -= length;
    }
}

static void ask(layer_lower *lower, uint8_t choice, holm_error **error) {
    static const char *const paths[][2] = {[GUEST_DISK_COPY] = {"L/folder/link", "P/folder/../link"},
                                           [GUEST_DISK_LIST] = {"L/", "L/folder"},
                                           [GUEST_DISK_READ] = {"L/link", "P/folder/file"}};
    guest_disk_mode mode = choice % 7;
    lseek(output, 0, SEEK_SET);
    guest_disk_write(lower, mode, mode < GUEST_DISK_COPY ? NULL : paths[mode][choice >= 128], output, error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    size_t blocks[CHANGES_MOST], count = 0;
    if (!size)
        return 0;
    change(data + 1, size - 1, blocks, &count);
    cleanup_error holm_error *error = NULL;
    layer_lower *lower = layer_lower_open(NULL, 0, NULL);
    bool sane = guest_disk_add(lower, disk, false, &error) == 0;
    if (sane)
        ask(lower, data[0], &error);
    if (!count && error && holm_error_code_of(error) != HOLM_ERROR_NOT_FOUND)
        abort(); // the disk as it was made is sound
    layer_lower_close(lower);
    for (size_t i = 0; i < count; i++)
        memcpy(mapped + blocks[i] * 4096, sound + blocks[i] * 4096, 4096);
    return 0;
}
