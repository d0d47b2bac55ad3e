// Entries of a tar, from what a disk says of its files.
#include <archive_entry.h>
#include <errno.h>
#include <search.h>
#include <string.h>
#include <sys/stat.h>

#include "core/image/guest_disk_private.h"

enum { PIECE_BLOCKS = 64, HOLES_LEAST = 65536 /* bytes of holes that are worth a map */ };
#define FILE_MOST (UINT64_C(1) << 44) ///< what ext4 can say of a file with blocks of 4 KiB

typedef struct written_link {
    layer_lower_file file;
    char *path;
} written_link;

static int link_compare(const void *left, const void *right) {
    const written_link *a = left, *b = right;
    if (a->file.layer != b->file.layer)
        return a->file.layer < b->file.layer ? -1 : 1;
    return a->file.inode < b->file.inode ? -1 : a->file.inode > b->file.inode;
}

static int tar_fail(guest_disk_reader *self, holm_error **error) {
    int number = archive_errno(self->tar);
    holm_error_set_errno(error, number > 0 ? number : EIO, "write the tar");
    return -1;
}

static int put_header(guest_disk_reader *self, struct archive_entry *entry, holm_error **error) {
    int code = archive_write_header(self->tar, entry);
    return code == ARCHIVE_OK || code == ARCHIVE_WARN ? 0 : tar_fail(self, error);
}

static int put_plain(guest_disk_reader *self, const char *path, unsigned type, mode_t mode,
                     holm_error **error) {
    struct archive_entry *entry = archive_entry_new();
    archive_entry_set_pathname(entry, path);
    archive_entry_set_filetype(entry, type);
    archive_entry_set_perm(entry, mode);
    archive_entry_set_size(entry, 0);
    archive_entry_set_mtime(entry, 0, 0);
    int result = put_header(self, entry, error);
    archive_entry_free(entry);
    return result;
}

int guest_disk_tar_mark(guest_disk_reader *self, const char *path, holm_error **error) {
    return put_plain(self, path, AE_IFREG, 0600, error);
}

int guest_disk_tar_folder(guest_disk_reader *self, const char *path, holm_error **error) {
    return put_plain(self, path, AE_IFDIR, 0755, error);
}

// ---- attributes ----

/// From the form of the disk, where only named users and groups have an id, to that of xattr(7). The caller
/// frees it; NULL when it is malformed.
static uint8_t *acl_decode(const uint8_t *disk, size_t length, size_t *decoded) {
    enum { USER = 2, GROUP = 8 };
    uint8_t *value = malloc(4 + length * 2); // an entry of 4 bytes becomes one of 8
    size_t at = 4, to = 4;
    if (!value || length < 4)
        goto malformed;
    memcpy(value, (const uint8_t[]){2, 0, 0, 0}, 4);
    while (at < length) {
        bool named = disk[at] == USER || disk[at] == GROUP;
        size_t size = named ? 8 : 4;
        if (length - at < size)
            goto malformed;
        memset(value + to + 4, 0xff, 4);
        memcpy(value + to, disk + at, size);
        at += size;
        to += 8;
    }
    *decoded = to;
    return value;
malformed:
    free(value);
    return NULL;
}

static void add_xattr(struct archive_entry *entry, const ext4_xattr *one) {
    static const char *const names[] = {[1] = "user.",
                                        [2] = "system.posix_acl_access",
                                        [3] = "system.posix_acl_default",
                                        [4] = "trusted.",
                                        [6] = "security."};
    char name[EXT4_NAME_MOST + 32];
    size_t length = one->length;
    if (one->index >= array_length(names) || !names[one->index] ||
        (one->index == 4 && strncmp(one->name, "holm.", 5) == 0)) // a note of our own (guest/fill.h)
        return;
    snprintf(name, sizeof name, "%s%s", names[one->index], one->name);
    bool acl = one->index == 2 || one->index == 3;
    cleanup_free uint8_t *decoded = acl ? acl_decode(one->value, one->length, &length) : NULL;
    if (!acl || decoded)
        archive_entry_xattr_add_entry(entry, name, acl ? decoded : one->value, length);
}

static void add_xattrs(struct archive_entry *entry, const ext4_xattr_list *list) {
    for (size_t i = 0; i < list->count; i++)
        add_xattr(entry, &list->items[i]);
}

static int describe(guest_disk_reader *self, const layer_lower_file *file, struct archive_entry *entry,
                    holm_error **error) {
    cleanup(ext4_xattr_list_finish) ext4_xattr_list xattrs = {0};
    ext4_attributes attributes;
    if (layer_lower_describe(self->lower, file, &attributes, &xattrs, error) < 0)
        return -1;
    char folder[GUEST_DISK_PATH_MOST + 2];
    snprintf(folder, sizeof folder, "%s/", self->path);
    archive_entry_set_pathname(entry, !*self->path ? "./" : S_ISDIR(attributes.mode) ? folder : self->path);
    archive_entry_set_mode(entry, (mode_t)attributes.mode);
    archive_entry_set_uid(entry, attributes.owner);
    archive_entry_set_gid(entry, attributes.group);
    archive_entry_set_mtime(entry, attributes.modified.tv_sec, attributes.modified.tv_nsec);
    if (S_ISCHR(attributes.mode) || S_ISBLK(attributes.mode)) {
        archive_entry_set_rdevmajor(entry, attributes.device_major);
        archive_entry_set_rdevminor(entry, attributes.device_minor);
    }
    add_xattrs(entry, &xattrs);
    return 0;
}

// ---- files with data ----

static void set_map(struct archive_entry *entry, uint64_t size, const guest_disk_extent *extents,
                    size_t count) {
    uint64_t data = 0;
    for (size_t i = 0; i < count; i++)
        data += extents[i].blocks * EXT4_BLOCK_SIZE;
    if (size < data || size - data < HOLES_LEAST)
        return;
    for (size_t i = 0; i < count; i++) {
        uint64_t begin = extents[i].logical * EXT4_BLOCK_SIZE, length = extents[i].blocks * EXT4_BLOCK_SIZE;
        if (begin < size)
            archive_entry_sparse_add_entry(entry, (la_int64_t)begin,
                                           (la_int64_t)(length < size - begin ? length : size - begin));
    }
    if (!count)
        archive_entry_sparse_add_entry(entry, 0, 0);
}

static int put_bytes(guest_disk_reader *self, const void *bytes, size_t length, holm_error **error) {
    return archive_write_data(self->tar, bytes, length) == (la_ssize_t)length ? 0 : tar_fail(self, error);
}

static int put_zeros(guest_disk_reader *self, uint64_t length, holm_error **error) {
    static const uint8_t zeros[PIECE_BLOCKS * EXT4_BLOCK_SIZE];
    for (uint64_t piece; length; length -= piece) {
        piece = length < sizeof zeros ? length : sizeof zeros;
        if (put_bytes(self, zeros, (size_t)piece, error) < 0)
            return -1;
    }
    return 0;
}

static int put_extent(guest_disk_reader *self, ext2_filsys fs, const guest_disk_extent *extent, uint64_t size,
                      holm_error **error) {
    static uint8_t data[PIECE_BLOCKS * EXT4_BLOCK_SIZE];
    uint64_t left = size - extent->logical * EXT4_BLOCK_SIZE;
    for (uint64_t at = 0; at < extent->blocks && left;) {
        uint64_t blocks = extent->blocks - at < PIECE_BLOCKS ? extent->blocks - at : PIECE_BLOCKS;
        errcode_t code = io_channel_read_blk64(fs->io, extent->physical + at, (int)blocks, data);
        if (code)
            return layer_lower_fail(error, code, "read a file");
        uint64_t length = blocks * EXT4_BLOCK_SIZE < left ? blocks * EXT4_BLOCK_SIZE : left;
        if (put_bytes(self, data, (size_t)length, error) < 0)
            return -1;
        at += blocks;
        left -= length;
    }
    return 0;
}

static int put_file(guest_disk_reader *self, const layer_lower_file *file, struct archive_entry *entry,
                    holm_error **error) {
    ext2_filsys fs = self->lower->layers[file->layer];
    struct ext2_inode body;
    size_t count = 0;
    errcode_t code = ext2fs_read_inode(fs, file->inode, &body);
    if (code)
        return layer_lower_fail(error, code, "read a file");
    uint64_t size = EXT2_I_SIZE(&body), at = 0;
    if (size > FILE_MOST) {
        holm_error_set(error, HOLM_ERROR_INTEGRITY, "a file has a size that no disk has");
        return -1;
    }
    cleanup_free guest_disk_extent *extents = guest_disk_extents(fs, file->inode, &count, error);
    if (!extents)
        return -1;
    archive_entry_set_size(entry, (la_int64_t)size);
    if (self->mode != GUEST_DISK_COPY)
        set_map(entry, size, extents, count);
    if (put_header(self, entry, error) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        uint64_t begin = extents[i].logical * EXT4_BLOCK_SIZE;
        if (begin >= size) // kept beyond the end by fallocate
            break;
        if (put_zeros(self, begin - at, error) < 0 || put_extent(self, fs, &extents[i], size, error) < 0)
            return -1;
        at = begin + extents[i].blocks * EXT4_BLOCK_SIZE;
    }
    return at < size ? put_zeros(self, size - at, error) : 0;
}

/// Whether another name of this file was written already: then the entry becomes a link to it.
static int link_find(guest_disk_reader *self, const layer_lower_file *file, struct archive_entry *entry,
                     holm_error **error) {
    struct ext2_inode body;
    errcode_t code = ext2fs_read_inode(self->lower->layers[file->layer], file->inode, &body);
    if (code)
        return layer_lower_fail(error, code, "read a file");
    if (body.i_links_count < 2 || LINUX_S_ISDIR(body.i_mode))
        return 0;
    written_link *made = calloc(1, sizeof *made);
    if (made)
        *made = (written_link){*file, strdup(self->path)};
    written_link **found = made ? tsearch(made, &self->links, link_compare) : NULL;
    if (!found) {
        free(made);
        holm_error_set(error, HOLM_ERROR_NO_MEMORY, "no memory for links");
        return -1;
    }
    if (*found == made)
        return 0;
    archive_entry_set_hardlink(entry, (*found)->path);
    archive_entry_unset_size(entry);
    free(made->path);
    free(made);
    return 1;
}

int guest_disk_tar_put(guest_disk_reader *self, const layer_lower_file *file, holm_error **error) {
    struct archive_entry *entry = archive_entry_new();
    int result = entry ? describe(self, file, entry, error) : -1;
    int linked = result < 0 ? -1 : link_find(self, file, entry, error);
    if (linked < 0)
        result = -1;
    else if (linked)
        result = put_header(self, entry, error);
    else if (S_ISREG(file->mode))
        result = put_file(self, file, entry, error);
    else if (S_ISLNK(file->mode)) {
        cleanup_free char *target = layer_lower_target(self->lower, file, error);
        if (target)
            archive_entry_set_symlink(entry, target);
        result = target ? put_header(self, entry, error) : -1;
    } else if (!S_ISSOCK(file->mode)) // a tar has no sockets
        result = put_header(self, entry, error);
    archive_entry_free(entry);
    return result;
}
