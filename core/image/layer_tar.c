#include "core/image/layer_tar.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <locale.h>
#include <string.h>
#include <sys/stat.h>

#define WHITEOUT_PREFIX ".wh."
#define WHITEOUT_META   ".wh..wh."
#define WHITEOUT_OPAQUE ".wh..wh..opq"

enum { MAJOR_MOST = (1 << 12) - 1, MINOR_MOST = (1 << 20) - 1 };

typedef struct tar_reader {
    layer_tree *tree;
    ext4_image *image;
    const layer_limits *limits;
    layer_tar_read read;
    void *read_data;
    layer_result *result;
    struct archive *archive;
    struct archive_entry *entry;
    ext4_xattr_list xattrs;
} tar_reader;

static la_ssize_t reader_read(struct archive *archive, void *data, const void **bytes) {
    tar_reader *self = data;
    ssize_t length = self->read(self->read_data, bytes);
    if (length < 0)
        archive_set_error(archive, EIO, "the stream has failed");
    return length < 0 ? ARCHIVE_FATAL : length;
}

static int reader_fail(tar_reader *self, holm_error **error) {
    const char *text = archive_error_string(self->archive);
    holm_error_set(error,
                   archive_errno(self->archive) == ENOMEM ? HOLM_ERROR_NO_MEMORY : HOLM_ERROR_INTEGRITY,
                   "the tar is damaged: %s", text ? text : "no reason given");
    return -1;
}

// ---- attributes ----

/// Names in a tar that are none of ours to keep: what overlayfs would take for its own marks, labels of a
/// host's policy, and what no ext4 can hold.
static bool xattr_is_foreign(const char *name) {
    return strncmp(name, "trusted.overlay.", 16) == 0 || strncmp(name, "user.overlay.", 13) == 0 ||
           strcmp(name, "security.selinux") == 0;
}

static void entry_read_xattrs(tar_reader *self) {
    const char *name;
    const void *value;
    size_t length;
    ext4_xattr_list_finish(&self->xattrs);
    archive_entry_xattr_reset(self->entry);
    while (archive_entry_xattr_next(self->entry, &name, &value, &length) == ARCHIVE_OK)
        if (name && !xattr_is_foreign(name) && !ext4_xattr_list_add(&self->xattrs, name, value, length))
            self->result->dropped_xattrs++;
}

static bool entry_has_id(int64_t id) {
    return id >= 0 && id < UINT32_MAX; // the last one means "none" to chown(2)
}

/// libarchive reads "-1.25" as one second before 1970 and 0.25 seconds after that.
static struct timespec time_repair(int64_t seconds, long nanoseconds) {
    if (seconds < 0 && nanoseconds > 0 && seconds > INT64_MIN)
        return (struct timespec){seconds - 1, 1000000000 - nanoseconds};
    return (struct timespec){seconds, nanoseconds};
}

static int entry_describe(tar_reader *self, uint32_t type, ext4_attributes *attributes, holm_error **error) {
    struct archive_entry *entry = self->entry;
    int64_t owner = archive_entry_uid(entry), group = archive_entry_gid(entry);
    if (!entry_has_id(owner) || !entry_has_id(group)) {
        holm_error_set(error, HOLM_ERROR_INTEGRITY, "its owner %lld:%lld is out of range", (long long)owner,
                       (long long)group);
        return -1;
    }
    entry_read_xattrs(self);
    *attributes = (ext4_attributes){
        .mode = type | (archive_entry_perm(entry) & 07777),
        .owner = (uint32_t)owner,
        .group = (uint32_t)group,
        .modified = time_repair(archive_entry_mtime(entry), archive_entry_mtime_nsec(entry)),
        .xattrs = &self->xattrs,
    };
    attributes->accessed = attributes->modified;
    if (archive_entry_atime_is_set(entry))
        attributes->accessed = time_repair(archive_entry_atime(entry), archive_entry_atime_nsec(entry));
    return 0;
}

// ---- the kinds of entries ----

static int entry_put(tar_reader *self, const layer_place *place, const ext4_attributes *attributes,
                     uint32_t inode, holm_error **error) {
    return layer_tree_put(self->tree, place, attributes->mode, inode, error);
}

static int file_copy(tar_reader *self, holm_error **error) {
    const void *data;
    size_t length;
    la_int64_t offset;
    int code;
    ext4_file_begin(self->image);
    while ((code = archive_read_data_block(self->archive, &data, &length, &offset)) == ARCHIVE_OK) {
        if (offset < 0) {
            holm_error_set(error, HOLM_ERROR_INTEGRITY, "its data begins before the file");
            return -1;
        }
        if (ext4_file_write(self->image, (uint64_t)offset, data, length, error) < 0)
            return -1;
    }
    return code == ARCHIVE_EOF ? 0 : reader_fail(self, error);
}

static int entry_apply_file(tar_reader *self, const layer_place *place, holm_error **error) {
    ext4_attributes attributes;
    int64_t size = archive_entry_size(self->entry);
    if (size < 0 || (uint64_t)size > self->limits->bytes) {
        holm_error_set(error, HOLM_ERROR_LIMIT, "its size of %lld bytes is out of bounds", (long long)size);
        return -1;
    }
    uint32_t inode = ext4_inode_take(self->image, error);
    if (!inode || entry_describe(self, S_IFREG, &attributes, error) < 0 || file_copy(self, error) < 0 ||
        ext4_file_store(self->image, inode, &attributes, (uint64_t)size, error) < 0)
        return -1;
    return entry_put(self, place, &attributes, inode, error);
}

static int entry_apply_symlink(tar_reader *self, const layer_place *place, holm_error **error) {
    ext4_attributes attributes;
    const char *target = archive_entry_symlink(self->entry);
    uint32_t inode = ext4_inode_take(self->image, error);
    if (!inode || entry_describe(self, S_IFLNK, &attributes, error) < 0)
        return -1;
    attributes.mode = S_IFLNK | 0777;
    if (ext4_symlink_store(self->image, inode, &attributes, target ? target : "", error) < 0)
        return -1;
    return entry_put(self, place, &attributes, inode, error);
}

static int entry_apply_special(tar_reader *self, const layer_place *place, uint32_t type,
                               holm_error **error) {
    ext4_attributes attributes;
    int64_t major = 0, minor = 0;
    if (type != S_IFIFO) {
        major = archive_entry_rdevmajor(self->entry);
        minor = archive_entry_rdevminor(self->entry);
    }
    if (major < 0 || major > MAJOR_MOST || minor < 0 || minor > MINOR_MOST) {
        holm_error_set(error, HOLM_ERROR_INTEGRITY, "its device number %lld:%lld is out of range",
                       (long long)major, (long long)minor);
        return -1;
    }
    // Overlayfs would take it for a whiteout. Nobody can open such a device, so nothing is lost without it.
    if (type == S_IFCHR && !major && !minor) {
        self->result->dropped++;
        return 0;
    }
    uint32_t inode = ext4_inode_take(self->image, error);
    if (!inode || entry_describe(self, type, &attributes, error) < 0)
        return -1;
    attributes.device_major = (uint32_t)major;
    attributes.device_minor = (uint32_t)minor;
    if (ext4_special_store(self->image, inode, &attributes, error) < 0)
        return -1;
    return entry_put(self, place, &attributes, inode, error);
}

static int entry_apply_directory(tar_reader *self, const layer_place *place, holm_error **error) {
    ext4_attributes attributes;
    if (entry_describe(self, S_IFDIR, &attributes, error) < 0)
        return -1;
    return layer_tree_put_directory(self->tree, place, &attributes, error);
}

static int entry_apply_whiteout(tar_reader *self, layer_place *place, holm_error **error) {
    if (strcmp(place->name, WHITEOUT_OPAQUE) == 0) {
        layer_tree_mark_opaque(self->tree, place->parent);
        return 0;
    }
    if (strncmp(place->name, WHITEOUT_META, strlen(WHITEOUT_META)) == 0) {
        self->result->dropped++; // notes of AUFS about itself
        return 0;
    }
    const char *name = place->name + strlen(WHITEOUT_PREFIX);
    if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        holm_error_set(error, HOLM_ERROR_INTEGRITY, "a whiteout of nothing that can be removed");
        return -1;
    }
    memmove(place->name, name, strlen(name) + 1);
    return layer_tree_put_whiteout(self->tree, place, error);
}

static int entry_apply(tar_reader *self, const char *path, holm_error **error) {
    layer_place place;
    if (layer_tree_resolve(self->tree, path, &place, error) < 0)
        return -1;
    if (strncmp(place.name, WHITEOUT_PREFIX, strlen(WHITEOUT_PREFIX)) == 0)
        return entry_apply_whiteout(self, &place, error);
    const char *link = archive_entry_hardlink(self->entry);
    if (link)
        return layer_tree_put_link(self->tree, &place, link, error);
    switch (archive_entry_filetype(self->entry)) {
    case AE_IFREG:
        return entry_apply_file(self, &place, error);
    case AE_IFDIR:
        return entry_apply_directory(self, &place, error);
    case AE_IFLNK:
        return entry_apply_symlink(self, &place, error);
    case AE_IFCHR:
        return entry_apply_special(self, &place, S_IFCHR, error);
    case AE_IFBLK:
        return entry_apply_special(self, &place, S_IFBLK, error);
    case AE_IFIFO:
        return entry_apply_special(self, &place, S_IFIFO, error);
    default:
        self->result->dropped++;
        return 0;
    }
}

static int reader_run(tar_reader *self, holm_error **error) {
    for (;;) {
        int code = archive_read_next_header(self->archive, &self->entry);
        if (code == ARCHIVE_EOF)
            return 0;
        // A warning is about names that are not of the locale's character set: they come as they are.
        if (code != ARCHIVE_OK && code != ARCHIVE_WARN)
            return reader_fail(self, error);
        if (++self->result->entries > self->limits->entries) {
            holm_error_set(error, HOLM_ERROR_LIMIT, "the layer has more than %llu entries",
                           (unsigned long long)self->limits->entries);
            return -1;
        }
        const char *path = archive_entry_pathname(self->entry);
        if (!path) {
            holm_error_set(error, HOLM_ERROR_INTEGRITY, "an entry of the layer has no name");
            return -1;
        }
        if (entry_apply(self, path, error) < 0) {
            holm_error_wrap(error, "the entry \"%.200s\" of the layer", path);
            return -1;
        }
    }
}

int layer_tar_apply(layer_tree *tree, ext4_image *image, const layer_limits *limits, layer_tar_read read,
                    void *read_data, layer_result *result, holm_error **error) {
    tar_reader self = {.tree = tree,
                       .image = image,
                       .limits = limits,
                       .read = read,
                       .read_data = read_data,
                       .result = result,
                       .archive = archive_read_new()};
    // In a UTF-8 locale libarchive normalises names, so that they would no longer be the ones in the tar.
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    locale_t before = plain ? uselocale(plain) : (locale_t)0;
    int code = -1;
    if (!plain || !self.archive)
        holm_error_set(error, HOLM_ERROR_NO_MEMORY, "no memory to read the tar");
    else if (archive_read_support_format_tar(self.archive) != ARCHIVE_OK ||
             archive_read_support_format_empty(self.archive) != ARCHIVE_OK ||
             archive_read_open(self.archive, &self, NULL, reader_read, NULL) != ARCHIVE_OK)
        reader_fail(&self, error);
    else
        code = reader_run(&self, error);
    archive_read_free(self.archive);
    ext4_xattr_list_finish(&self.xattrs);
    if (plain) {
        uselocale(before);
        freelocale(plain);
    }
    return code;
}
