#include "core/image/disk_import.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/image/disk_import_private.h"

#define FILE_MOST (INT64_C(1) << 44) // what ext4 can say of a file with blocks of 4 KiB
#define PIECE     (1 << 20)

enum { MAJOR_MOST = (1 << 12) - 1, MINOR_MOST = (1 << 20) - 1 };

static int damaged(const char *what, holm_error **error) {
    holm_error_set(error, HOLM_ERROR_INTEGRITY, "%s", what);
    return -1;
}

static int tar_fail(disk_importer *self, holm_error **error) {
    const char *text = archive_error_string(self->tar);
    holm_error_set(error, archive_errno(self->tar) == ENOMEM ? HOLM_ERROR_NO_MEMORY : HOLM_ERROR_INTEGRITY,
                   "the tar is damaged: %s", text ? text : "no reason given");
    return -1;
}

// ---- attributes ----

static void set_time(int64_t seconds, long ns, uint32_t *low, uint32_t *extra) {
    if (seconds < 0 &&
        ns > 0) // libarchive reads "-1.25" as one second before 1970 and 0.25 seconds after that
        seconds--, ns = 1000000000 - ns;
    if (seconds < INT32_MIN || seconds > INT32_MIN + INT64_C(0x3ffffffff))
        seconds = seconds < 0 ? INT32_MIN : INT32_MIN + INT64_C(0x3ffffffff), ns = 0;
    *low = (uint32_t)seconds;
    *extra = (uint32_t)(((seconds - (int32_t)*low) >> 32) & 3) | (uint32_t)ns << 2;
}

// What a file is but for its content: read, changed, written, as libext2fs has its own part in the inode.
static int set_status(disk_importer *self, ext2_ino_t inode, holm_error **error) {
    struct archive_entry *entry = self->entry;
    struct ext2_inode_large body = {0};
    int64_t owner = archive_entry_uid(entry), group = archive_entry_gid(entry);
    if (owner < 0 || owner >= UINT32_MAX || group < 0 || group >= UINT32_MAX)
        return damaged("its owner is out of range", error);
    errcode_t code = ext2fs_read_inode_full(self->fs, inode, (struct ext2_inode *)&body, sizeof body);
    if (code)
        return import_fail(code, "read a file", error);
    unsigned mode = LINUX_S_ISLNK(body.i_mode) ? 0777 : archive_entry_perm(entry) & 07777;
    body.i_mode = (uint16_t)((body.i_mode & LINUX_S_IFMT) | mode);
    body.i_uid = (uint16_t)owner;
    body.i_gid = (uint16_t)group;
    body.osd2.linux2.l_i_uid_high = (uint16_t)(owner >> 16);
    body.osd2.linux2.l_i_gid_high = (uint16_t)(group >> 16);
    set_time(archive_entry_mtime(entry), archive_entry_mtime_nsec(entry), &body.i_mtime, &body.i_mtime_extra);
    body.i_atime = body.i_ctime = body.i_mtime;
    body.i_atime_extra = body.i_ctime_extra = body.i_mtime_extra;
    code = ext2fs_write_inode_full(self->fs, inode, (struct ext2_inode *)&body, sizeof body);
    return code ? import_fail(code, "write a file", error) : 0;
}

// Attributes that are none of the volume's: labels of another host's policy, and holm's own.
static bool is_foreign(const char *name) {
    return strcmp(name, "security.selinux") == 0 || strncmp(name, "trusted.holm.", 13) == 0;
}

static bool is_known(const char *name) {
    static const char *const known[] = {"user.", "trusted.", "security.", "system.posix_acl_access",
                                        "system.posix_acl_default"};
    for (size_t i = 0; i < array_length(known); i++)
        if (strncmp(name, known[i], strlen(known[i])) == 0)
            return strlen(name) <= IMPORT_NAME_MOST && !is_foreign(name);
    return false;
}

static errcode_t put_attributes(disk_importer *self, struct ext2_xattr_handle *handle) {
    const char *name;
    const void *value;
    size_t length;
    errcode_t code = ext2fs_xattrs_read(handle);
    archive_entry_xattr_reset(self->entry);
    while (!code && archive_entry_xattr_next(self->entry, &name, &value, &length) == ARCHIVE_OK)
        if (name && is_known(name))
            code = ext2fs_xattr_set(handle, name, value, length);
    return code;
}

static int set_attributes(disk_importer *self, ext2_ino_t inode, holm_error **error) {
    struct ext2_xattr_handle *handle;
    if (archive_entry_xattr_count(self->entry) == 0)
        return 0;
    errcode_t code = ext2fs_xattrs_open(self->fs, inode, &handle);
    if (!code) {
        code = put_attributes(self, handle);
        ext2fs_xattrs_close(&handle);
    }
    if (code == EXT2_ET_EA_NO_SPACE || code == EXT2_ET_FILESYSTEM_CORRUPTED)
        return damaged("it has attributes that ext4 cannot hold", error);
    return code ? import_fail(code, "keep its attributes", error) : 0;
}

// ---- the kinds of entries ----

static int make_inode(disk_importer *self, ext2_ino_t folder, const char *name, struct ext2_inode *body,
                      int type, ext2_ino_t *made, holm_error **error) {
    errcode_t code = ext2fs_new_inode(self->fs, folder, body->i_mode, NULL, made);
    if (code)
        return import_fail(code, "make a file", error);
    ext2fs_inode_alloc_stats2(self->fs, *made, +1, 0);
    body->i_links_count = 1;
    if (LINUX_S_ISREG(body->i_mode)) {
        ext2_extent_handle_t handle;
        code = ext2fs_extent_open2(self->fs, *made, body, &handle); // it makes the root of the tree
        if (!code)
            ext2fs_extent_free(handle);
    }
    if (!code)
        code = ext2fs_write_new_inode(self->fs, *made, body);
    return code ? import_fail(code, "make a file", error)
                : import_link(self, folder, name, *made, type, error);
}

static errcode_t write_piece(ext2_file_t file, const char *data, size_t length) {
    errcode_t code = 0;
    while (!code && length) {
        unsigned written = 0;
        code = ext2fs_file_write(file, data, length < PIECE ? (unsigned)length : PIECE, &written);
        if (!code && written == 0)
            code = EIO;
        data += written;
        length -= written;
    }
    return code;
}

static int write_content(disk_importer *self, ext2_file_t file, int64_t size, holm_error **error) {
    const void *data;
    size_t length;
    la_int64_t offset;
    int result;
    while ((result = archive_read_data_block(self->tar, &data, &length, &offset)) == ARCHIVE_OK) {
        if (offset < 0 || offset > size || (int64_t)length > size - offset)
            return damaged("its data is not within the file", error);
        errcode_t code = ext2fs_file_llseek(file, (uint64_t)offset, EXT2_SEEK_SET, NULL);
        if (!code)
            code = write_piece(file, data, length);
        if (code)
            return import_fail(code, "write a file", error);
    }
    return result == ARCHIVE_EOF ? 0 : tar_fail(self, error);
}

static int put_file(disk_importer *self, ext2_ino_t folder, const char *name, ext2_ino_t *made,
                    holm_error **error) {
    struct ext2_inode body = {.i_mode = LINUX_S_IFREG};
    ext2_file_t file;
    int64_t size = archive_entry_size(self->entry);
    if (size < 0 || size > FILE_MOST)
        return damaged("its size is out of range", error);
    if (make_inode(self, folder, name, &body, EXT2_FT_REG_FILE, made, error) < 0)
        return -1;
    errcode_t code = ext2fs_file_open(self->fs, *made, EXT2_FILE_WRITE, &file);
    if (code)
        return import_fail(code, "write a file", error);
    int result = write_content(self, file, size, error);
    code = ext2fs_file_set_size2(file, (uint64_t)size);
    errcode_t closed = ext2fs_file_close(file);
    if (result == 0 && (code || closed))
        result = import_fail(code ? code : closed, "write a file", error);
    return result;
}

static int put_symlink(disk_importer *self, ext2_ino_t folder, const char *name, ext2_ino_t *made,
                       holm_error **error) {
    const char *target = archive_entry_symlink(self->entry);
    if (!target || !*target || strlen(target) >= IMPORT_PATH_MOST)
        return damaged("it is a link without a target that is possible", error);
    errcode_t code = ext2fs_symlink(self->fs, folder, 0, name, target);
    if (code == EXT2_ET_DIR_NO_SPACE) {
        code = ext2fs_expand_dir(self->fs, folder);
        if (!code)
            code = ext2fs_symlink(self->fs, folder, 0, name, target);
    }
    return code ? import_fail(code, "make a link", error) : import_find(self, folder, name, made, error);
}

static int put_special(disk_importer *self, ext2_ino_t folder, const char *name, unsigned mode, int type,
                       ext2_ino_t *made, holm_error **error) {
    struct ext2_inode body = {.i_mode = (uint16_t)mode};
    int64_t major = 0, minor = 0;
    if (mode != LINUX_S_IFIFO) {
        major = archive_entry_rdevmajor(self->entry);
        minor = archive_entry_rdevminor(self->entry);
    }
    if (major < 0 || major > MAJOR_MOST || minor < 0 || minor > MINOR_MOST)
        return damaged("its device number is out of range", error);
    if (major < 256 && minor < 256)
        body.i_block[0] = (uint32_t)(major << 8 | minor);
    else
        body.i_block[1] = (uint32_t)((minor & 0xff) | major << 8 | (minor & ~0xff) << 12);
    return make_inode(self, folder, name, &body, type, made, error);
}

static int put_hard_link(disk_importer *self, ext2_ino_t folder, const char *name, const char *path,
                         holm_error **error) {
    char other[IMPORT_NAME_MOST + 1];
    ext2_ino_t target_folder, target = 0;
    struct ext2_inode body;
    if (import_place(self, path, false, &target_folder, other, error) < 0 ||
        (*other && import_find(self, target_folder, other, &target, error) < 0))
        return -1;
    if (!target)
        return damaged("it is a link to a file that is not in the archive", error);
    errcode_t code = ext2fs_read_inode(self->fs, target, &body);
    if (code)
        return import_fail(code, "read a file", error);
    if (LINUX_S_ISDIR(body.i_mode) || body.i_links_count >= IMPORT_LINKS_MOST)
        return damaged("it is a link to what cannot have one more name", error);
    int type = LINUX_S_ISREG(body.i_mode)   ? EXT2_FT_REG_FILE
               : LINUX_S_ISLNK(body.i_mode) ? EXT2_FT_SYMLINK
               : LINUX_S_ISCHR(body.i_mode) ? EXT2_FT_CHRDEV
               : LINUX_S_ISBLK(body.i_mode) ? EXT2_FT_BLKDEV
                                            : EXT2_FT_FIFO;
    body.i_links_count++;
    code = ext2fs_write_inode(self->fs, target, &body);
    return code ? import_fail(code, "write a file", error)
                : import_link(self, folder, name, target, type, error);
}

static int put_by_type(disk_importer *self, ext2_ino_t folder, const char *name, ext2_ino_t *made,
                       holm_error **error) {
    switch (archive_entry_filetype(self->entry)) {
    case AE_IFREG:
        return put_file(self, folder, name, made, error);
    case AE_IFDIR:
        return import_make_folder(self, folder, name, made, error);
    case AE_IFLNK:
        return put_symlink(self, folder, name, made, error);
    case AE_IFCHR:
        return put_special(self, folder, name, LINUX_S_IFCHR, EXT2_FT_CHRDEV, made, error);
    case AE_IFBLK:
        return put_special(self, folder, name, LINUX_S_IFBLK, EXT2_FT_BLKDEV, made, error);
    case AE_IFIFO:
        return put_special(self, folder, name, LINUX_S_IFIFO, EXT2_FT_FIFO, made, error);
    default: // a socket, which is of no use without who serves it
        *made = 0;
        return 0;
    }
}

// A folder that is there keeps what is in it; anything else makes room.
static int make_room(disk_importer *self, ext2_ino_t folder, const char *name, ext2_ino_t *stays,
                     holm_error **error) {
    struct ext2_inode body;
    ext2_ino_t found;
    *stays = 0;
    if (import_find(self, folder, name, &found, error) < 0)
        return -1;
    if (!found)
        return 0;
    errcode_t code = ext2fs_read_inode(self->fs, found, &body);
    if (code)
        return import_fail(code, "read a file", error);
    if (LINUX_S_ISDIR(body.i_mode) && archive_entry_filetype(self->entry) == AE_IFDIR &&
        !archive_entry_hardlink(self->entry)) {
        *stays = found;
        return 0;
    }
    return import_remove(self, folder, name, found, error);
}

static int put_entry(disk_importer *self, const char *path, holm_error **error) {
    char name[IMPORT_NAME_MOST + 1];
    ext2_ino_t folder, inode = EXT2_ROOT_INO;
    const char *link = archive_entry_hardlink(self->entry);
    if (import_place(self, path, true, &folder, name, error) < 0)
        return -1;
    if (!*name && (link || archive_entry_filetype(self->entry) != AE_IFDIR))
        return damaged("it would take the place of the root", error);
    if (*name && make_room(self, folder, name, &inode, error) < 0)
        return -1;
    if (link)
        return put_hard_link(self, folder, name, link, error);
    if (!inode && put_by_type(self, folder, name, &inode, error) < 0)
        return -1;
    return inode && (set_status(self, inode, error) < 0 || set_attributes(self, inode, error) < 0) ? -1 : 0;
}

// ---- the whole ----

static int put_all(disk_importer *self, holm_error **error) {
    for (unsigned entries = 0;;) {
        int code = archive_read_next_header(self->tar, &self->entry);
        if (code == ARCHIVE_EOF)
            return 0;
        // A warning is about names that are not of the locale's character set: they come as they are.
        if (code != ARCHIVE_OK && code != ARCHIVE_WARN)
            return tar_fail(self, error);
        const char *path = archive_entry_pathname(self->entry);
        if (!path)
            return damaged("an entry of the tar has no name", error);
        if (++entries > IMPORT_ENTRIES_MOST) {
            holm_error_set(error, HOLM_ERROR_LIMIT, "the tar has more than %d entries", IMPORT_ENTRIES_MOST);
            return -1;
        }
        if (put_entry(self, path, error) < 0) {
            holm_error_wrap(error, "the entry \"%.200s\" of the tar", path);
            return -1;
        }
    }
}

static int read_tar(disk_importer *self, int input, holm_error **error) {
    self->tar = archive_read_new();
    // In a UTF-8 locale libarchive normalises names, so that they would no longer be the ones in the tar.
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    locale_t before = plain ? uselocale(plain) : (locale_t)0;
    int result = -1;
    if (!plain || !self->tar)
        holm_error_set(error, HOLM_ERROR_NO_MEMORY, "no memory to read the tar");
    else if (archive_read_support_format_tar(self->tar) != ARCHIVE_OK ||
             archive_read_open_fd(self->tar, input, 128 << 10) != ARCHIVE_OK)
        tar_fail(self, error);
    else
        result = put_all(self, error);
    archive_read_free(self->tar);
    if (plain) {
        uselocale(before);
        freelocale(plain);
    }
    return result;
}

// No image is to be copied over what was brought (guest/fill.h), and it is not to be taken for one that
// nobody has used (volume_is_new): as after a mount.
static int mark_filled(disk_importer *self, holm_error **error) {
    struct ext2_xattr_handle *handle;
    errcode_t code = ext2fs_xattrs_open(self->fs, EXT2_ROOT_INO, &handle);
    if (!code) {
        code = ext2fs_xattrs_read(handle);
        if (!code)
            code = ext2fs_xattr_set(handle, "trusted.holm.fill", "filled", 6);
        ext2fs_xattrs_close(&handle);
    }
    self->fs->super->s_mtime = (uint32_t)time(NULL);
    ext2fs_mark_super_dirty(self->fs);
    return code ? import_fail(code, "mark the volume", error) : 0;
}

int disk_import(int disk, int input, holm_error **error) {
    char name[16];
    disk_importer self = {0};
    int own = fcntl(disk, F_DUPFD_CLOEXEC, 3); // libext2fs closes what it has opened
    snprintf(name, sizeof name, "%d", own);
    errcode_t code =
        own < 0 ? errno
                : ext2fs_open(name, EXT2_FLAG_RW | EXT2_FLAG_64BITS, 0, 0, unixfd_io_manager, &self.fs);
    if (code) {
        if (own >= 0)
            close(own);
        return import_fail(code, "open the volume", error);
    }
    code = ext2fs_read_bitmaps(self.fs);
    int result = code ? import_fail(code, "open the volume", error) : read_tar(&self, input, error);
    if (result == 0)
        result = mark_filled(&self, error);
    code = result == 0 ? ext2fs_close_free(&self.fs) : 0;
    if (code)
        result = import_fail(code, "write the volume", error);
    if (self.fs)
        ext2fs_free(self.fs);
    if (result == 0 && fsync(disk) < 0) {
        holm_error_set_errno(error, errno, "write the volume");
        result = -1;
    }
    return result;
}
