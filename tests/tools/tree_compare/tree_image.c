#include <ext2fs/ext2fs.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tree.h"

typedef struct image_reader {
    ext2_filsys fs;
    tree *out;
    uint64_t layer;
    const char *folder; ///< that is being listed
} image_reader;

static void check(errcode_t code, const char *what) {
    if (code)
        tree_fail("%s: %s", what, error_message(code));
}

static void read_content(image_reader *self, ext2_ino_t inode, tree_file *file, bool link) {
    static uint8_t piece[1 << 20];
    ext2_file_t handle;
    unsigned got;
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    EVP_DigestInit_ex(hash, EVP_sha256(), NULL);
    check(ext2fs_file_open(self->fs, inode, 0, &handle), "open a file");
    do {
        check(ext2fs_file_read(handle, piece, sizeof piece, &got), "read a file");
        EVP_DigestUpdate(hash, piece, got);
        if (link)
            file->target = strndup((char *)piece, got);
    } while (got && !link);
    EVP_DigestFinal_ex(hash, file->digest, NULL);
    EVP_MD_CTX_free(hash);
    ext2fs_file_close(handle);
}

typedef struct xattr_reader {
    struct ext2_xattr_handle *handle;
    tree_file *file;
} xattr_reader;

/// On the disk only named users and groups have an id; the kernel shows all others as -1, the library as 0.
static void repair_acl(uint8_t *value, size_t length) {
    for (size_t at = 4; at + 8 <= length; at += 8)
        if (value[at] != 2 && value[at] != 8)
            memset(value + at + 4, 0xff, 4);
}

static int read_xattr(char *name, char *raw, size_t raw_length, void *data) {
    xattr_reader *self = data;
    void *value = NULL;
    size_t length;
    (void)raw;
    (void)raw_length;
    check(ext2fs_xattr_get(self->handle, name, &value, &length), name);
    if (strncmp(name, "system.posix_acl_", 17) == 0)
        repair_acl(value, length);
    if (strcmp(name, "trusted.overlay.opaque") == 0)
        self->file->opaque = length == 1 && *(char *)value == 'y';
    tree_add_xattr(self->file, name, value, length);
    ext2fs_free_mem(&value);
    return 0;
}

static void read_xattrs(image_reader *self, ext2_ino_t inode, tree_file *file) {
    xattr_reader reader = {.file = file};
    check(ext2fs_xattrs_open(self->fs, inode, &reader.handle), "open attributes");
    check(ext2fs_xattrs_read(reader.handle), "read attributes");
    check(ext2fs_xattrs_iterate(reader.handle, read_xattr, &reader), "list attributes");
    ext2fs_xattrs_close(&reader.handle);
}

static void read_attributes(const struct ext2_inode_large *inode, tree_file *file) {
    file->mode = inode->i_mode;
    file->owner = inode->i_uid | (uint32_t)inode->osd2.linux2.l_i_uid_high << 16;
    file->group = inode->i_gid | (uint32_t)inode->osd2.linux2.l_i_gid_high << 16;
    file->modified.tv_sec = (int64_t)(int32_t)inode->i_mtime + ((int64_t)(inode->i_mtime_extra & 3) << 32);
    file->modified.tv_nsec = inode->i_mtime_extra >> 2;
    if (!S_ISDIR(inode->i_mode))
        file->size = inode->i_size | (uint64_t)inode->i_size_high << 32;
    if (S_ISCHR(inode->i_mode) || S_ISBLK(inode->i_mode)) {
        uint32_t old = inode->i_block[0], new = inode->i_block[1];
        file->device_major = old ? old >> 8 : new >> 8 & 0xfff;
        file->device_minor = old ? old & 0xff : (new & 0xff) | (new >> 12 & 0xfff00);
    }
}

static void read_inode(image_reader *self, ext2_ino_t number, char *path);

static int read_entry(struct ext2_dir_entry *entry, int offset, int size, char *block, void *data) {
    image_reader *self = data;
    int length = ext2fs_dirent_name_len(entry);
    (void)offset;
    (void)size;
    (void)block;
    if ((length == 1 && entry->name[0] == '.') || (length == 2 && memcmp(entry->name, "..", 2) == 0))
        return 0;
    char *path;
    if (asprintf(&path, "%s%s%.*s", self->folder, *self->folder ? "/" : "", length, entry->name) < 0)
        tree_fail("no memory");
    read_inode(self, entry->inode, path);
    return 0;
}

static void read_inode(image_reader *self, ext2_ino_t number, char *path) {
    struct ext2_inode_large inode = {0};
    check(ext2fs_read_inode_full(self->fs, number, (struct ext2_inode *)&inode, sizeof inode), path);
    tree_file *file = tree_add(self->out, path);
    read_attributes(&inode, file);
    file->identity[0] = self->layer;
    file->identity[1] = number;
    if (S_ISREG(inode.i_mode))
        read_content(self, number, file, false);
    else if (S_ISLNK(inode.i_mode) && inode.i_size < sizeof inode.i_block)
        file->target = strndup((char *)inode.i_block, inode.i_size);
    else if (S_ISLNK(inode.i_mode))
        read_content(self, number, file, true);
    read_xattrs(self, number, file);
    if (S_ISDIR(inode.i_mode)) {
        const char *before = self->folder;
        self->folder = path;
        check(ext2fs_dir_iterate(self->fs, number, 0, NULL, read_entry, self), path);
        self->folder = before;
    }
}

// ---- layers above each other ----

static bool is_whiteout(const tree_file *file) {
    return S_ISCHR(file->mode) && !file->device_major && !file->device_minor;
}

static bool is_below(const char *path, const char *folder) {
    size_t length = strlen(folder);
    return !length ? *path : strncmp(path, folder, length) == 0 && path[length] == '/';
}

static int path_find(const void *key, const void *file) {
    tree_file wanted = {.path = (char *)key};
    return tree_file_order(&wanted, file);
}

/// Takes out of the lower tree what a file of the upper one hides.
static void hide(tree *lower, const tree_file *upper) {
    tree_file *found = lower->count
                           ? bsearch(upper->path, lower->files, lower->count, sizeof *lower->files, path_find)
                           : NULL;
    if (!found)
        return;
    found->removed = true;
    if (S_ISDIR(upper->mode) && !upper->opaque && S_ISDIR(found->mode))
        return;
    for (tree_file *below = found + 1;
         below < lower->files + lower->count && is_below(below->path, found->path); below++)
        below->removed = true;
}

static void merge(tree *lower, const tree *upper) {
    tree merged = {0};
    for (size_t i = 0; i < upper->count; i++)
        hide(lower, &upper->files[i]);
    for (size_t i = 0; i < lower->count; i++)
        if (!lower->files[i].removed)
            *tree_add(&merged, lower->files[i].path) = lower->files[i];
        else
            tree_file_finish(&lower->files[i]);
    for (size_t i = 0; i < upper->count; i++)
        if (!is_whiteout(&upper->files[i]))
            *tree_add(&merged, upper->files[i].path) = upper->files[i];
        else
            tree_file_finish(&upper->files[i]);
    tree_sort(&merged);
    free(lower->files);
    *lower = merged;
}

void tree_read_image(tree *self, const char *path, uint64_t layer) {
    image_reader reader = {.out = self, .layer = layer, .folder = ""};
    check(ext2fs_open(path, EXT2_FLAG_64BITS, 0, 0, unix_io_manager, &reader.fs), path);
    read_inode(&reader, EXT2_ROOT_INO, strdup(""));
    ext2fs_free(reader.fs);
    tree_sort(self);
}

void tree_read_images(tree *self, char *const *paths, size_t count) {
    for (size_t i = 0; i < count; i++) {
        tree layer = {0};
        tree_read_image(&layer, paths[i], i);
        merge(self, &layer);
        free(layer.files);
    }
}
