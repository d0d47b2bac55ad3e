#include "core/image/layer_lower_private.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

enum { COPY_BLOCKS = 64 };

int layer_lower_fail(holm_error **error, errcode_t code, const char *step) {
    if (code > 0 && code < 256)
        holm_error_set_errno(error, (int)code, "%s in a lower layer", step);
    else
        holm_error_set(error, HOLM_ERROR_INTEGRITY, "%s in a lower layer: %s", step, error_message(code));
    return -1;
}

layer_lower *layer_lower_open(const char *const *paths, size_t count, holm_error **error) {
    if (count > LAYERS_MOST) {
        holm_error_set(error, HOLM_ERROR_LIMIT, "more than %d layers", LAYERS_MOST);
        return NULL;
    }
    cleanup(layer_lower_cleanup) layer_lower *self = calloc(1, sizeof *self);
    ext2_filsys *layers = calloc(count + 1, sizeof *layers);
    ext2_ino_t *roots = calloc(count + 1, sizeof *roots);
    if (!self || !layers || !roots) {
        free(layers);
        free(roots);
        holm_error_set(error, HOLM_ERROR_NO_MEMORY, "no memory for the lower layers");
        return NULL;
    }
    self->layers = layers;
    self->roots = roots;
    for (; self->count < count; self->count++) {
        errcode_t code = ext2fs_open(paths[self->count], EXT2_FLAG_64BITS, 0, 0, unix_io_manager,
                                     &self->layers[self->count]);
        if (code) {
            layer_lower_fail(error, code, "open the image");
            return NULL;
        }
        self->roots[self->count] = EXT2_ROOT_INO;
    }
    return steal_pointer(&self);
}

void layer_lower_close(layer_lower *self) {
    if (!self)
        return;
    for (size_t i = 0; i < self->count; i++)
        ext2fs_free(self->layers[i]);
    free(self->layers);
    free(self->roots);
    free(self);
}

bool layer_lower_xattr_is_yes(ext2_filsys fs, ext2_ino_t inode, const char *name) {
    struct ext2_xattr_handle *handle;
    void *value = NULL;
    size_t length = 0;
    if (ext2fs_xattrs_open(fs, inode, &handle))
        return false;
    bool yes = ext2fs_xattrs_read(handle) == 0 && ext2fs_xattr_get(handle, name, &value, &length) == 0 &&
               length == 1 && *(char *)value == 'y';
    ext2fs_free_mem(&value);
    ext2fs_xattrs_close(&handle);
    return yes;
}

/// One step down in every layer at once. folders[i] is the folder in layer i, 0 where there is none or a
/// higher layer hides it. Answers the topmost file of that name.
static int lower_step(layer_lower *self, ext2_ino_t *folders, const char *name, layer_lower_file *file,
                      holm_error **error) {
    int found = 0;
    bool hidden = false;
    for (size_t layer = self->count; layer-- > 0;) {
        ext2_filsys fs = self->layers[layer];
        ext2_ino_t folder = folders[layer], inode;
        struct ext2_inode body;
        folders[layer] = 0;
        if (!folder || hidden)
            continue;
        errcode_t code = ext2fs_lookup(fs, folder, name, (int)strlen(name), NULL, &inode);
        if (code == EXT2_ET_FILE_NOT_FOUND)
            continue;
        if (code || (code = ext2fs_read_inode(fs, inode, &body)))
            return layer_lower_fail(error, code, "look a name up");
        bool directory = S_ISDIR(body.i_mode);
        hidden = !directory || layer_lower_xattr_is_yes(fs, inode, "trusted.overlay.opaque");
        if (layer_lower_is_whiteout(&body) || (found && !directory))
            continue;
        if (!found)
            *file = (layer_lower_file){.layer = layer, .inode = inode, .mode = body.i_mode};
        found = 1;
        if (directory)
            folders[layer] = inode;
    }
    return found;
}

int layer_lower_enter(layer_lower *self, const char *const *names, size_t count, ext2_ino_t *folders,
                      layer_lower_file *file, holm_error **error) {
    for (size_t i = 0; i < self->count; i++)
        folders[i] = self->roots[i];
    int found = 0;
    for (size_t i = 0; i < count; i++)
        if ((found = lower_step(self, folders, names[i], file, error)) <= 0)
            return found;
    return found;
}

int layer_lower_find(layer_lower *self, const char *const *names, size_t count, layer_lower_file *file,
                     holm_error **error) {
    ext2_ino_t folders[LAYERS_MOST];
    return layer_lower_enter(self, names, count, folders, file, error);
}

// ---- what a file is ----

typedef struct xattr_copy {
    struct ext2_xattr_handle *handle;
    ext4_xattr_list *list;
} xattr_copy;

static int xattr_copy_one(char *name, char *raw, size_t raw_length, void *data) {
    xattr_copy *self = data;
    void *value = NULL;
    size_t length = 0;
    (void)raw;
    (void)raw_length;
    // By name once more: so ACLs come in the form that the list takes.
    if (strncmp(name, "trusted.overlay.", 16) && ext2fs_xattr_get(self->handle, name, &value, &length) == 0)
        ext4_xattr_list_add(self->list, name, value, length);
    ext2fs_free_mem(&value);
    return 0;
}

static struct timespec time_decode(uint32_t low, uint32_t extra) {
    return (struct timespec){.tv_sec = (int64_t)(int32_t)low + ((int64_t)(extra & 3) << 32),
                             .tv_nsec = (long)(extra >> 2)};
}

static void device_decode(const struct ext2_inode_large *body, ext4_attributes *attributes) {
    uint32_t old = body->i_block[0], new = body->i_block[1];
    attributes->device_major = old ? old >> 8 & 0xff : (new >> 8) & 0xfff;
    attributes->device_minor = old ? old & 0xff : (new & 0xff) | (new >> 12 & 0xfff00);
}

int layer_lower_describe(layer_lower *self, const layer_lower_file *file, ext4_attributes *attributes,
                         ext4_xattr_list *xattrs, holm_error **error) {
    ext2_filsys fs = self->layers[file->layer];
    struct ext2_inode_large body = {0};
    errcode_t code = ext2fs_read_inode_full(fs, file->inode, (struct ext2_inode *)&body, sizeof body);
    if (code)
        return layer_lower_fail(error, code, "read a file");
    *attributes = (ext4_attributes){
        .mode = body.i_mode,
        .owner = body.i_uid | (uint32_t)body.osd2.linux2.l_i_uid_high << 16,
        .group = body.i_gid | (uint32_t)body.osd2.linux2.l_i_gid_high << 16,
        .accessed = time_decode(body.i_atime, body.i_atime_extra),
        .modified = time_decode(body.i_mtime, body.i_mtime_extra),
        .xattrs = xattrs,
    };
    if (S_ISCHR(body.i_mode) || S_ISBLK(body.i_mode))
        device_decode(&body, attributes);
    xattr_copy copy = {.list = xattrs};
    code = ext2fs_xattrs_open(fs, file->inode, &copy.handle);
    if (code)
        return layer_lower_fail(error, code, "read the attributes of a file");
    code = ext2fs_xattrs_read(copy.handle);
    if (!code)
        code = ext2fs_xattrs_iterate(copy.handle, xattr_copy_one, &copy);
    ext2fs_xattrs_close(&copy.handle);
    return code ? layer_lower_fail(error, code, "read the attributes of a file") : 0;
}

char *layer_lower_target(layer_lower *self, const layer_lower_file *file, holm_error **error) {
    ext2_filsys fs = self->layers[file->layer];
    struct ext2_inode body;
    uint8_t block[EXT4_BLOCK_SIZE];
    errcode_t code = ext2fs_read_inode(fs, file->inode, &body);
    const void *text = body.i_block;
    if (!code && body.i_size >= sizeof body.i_block) {
        blk64_t place = 0;
        code = ext2fs_bmap2(fs, file->inode, &body, NULL, 0, 0, NULL, &place);
        if (!code)
            code = io_channel_read_blk64(fs->io, place, 1, block);
        text = block;
    }
    if (code || body.i_size >= sizeof block) {
        layer_lower_fail(error, code ? code : EXT2_ET_INODE_CORRUPTED, "read a symbolic link");
        return NULL;
    }
    char *target = strndup(text, body.i_size);
    if (!target)
        holm_error_set(error, HOLM_ERROR_NO_MEMORY, "no memory for a symbolic link");
    return target;
}

// ---- copies ----

/// Copies blocks first to first + count, as many in one piece as lie together.
static int copy_blocks(ext2_filsys fs, uint32_t inode, struct ext2_inode *body, ext4_image *image,
                       holm_error **error) {
    uint64_t size = EXT2_I_SIZE(body), blocks = (size + EXT4_BLOCK_SIZE - 1) / EXT4_BLOCK_SIZE;
    cleanup_free uint8_t *data = malloc((size_t)COPY_BLOCKS * EXT4_BLOCK_SIZE);
    if (!data) {
        holm_error_set(error, HOLM_ERROR_NO_MEMORY, "no memory for a copy");
        return -1;
    }
    for (uint64_t at = 0; at < blocks;) {
        blk64_t first = 0, next;
        uint64_t count = 1;
        errcode_t code = ext2fs_bmap2(fs, inode, body, NULL, 0, at, NULL, &first);
        while (!code && first && count < COPY_BLOCKS && at + count < blocks &&
               !(code = ext2fs_bmap2(fs, inode, body, NULL, 0, at + count, NULL, &next)) &&
               next == first + count)
            count++;
        if (!code && first)
            code = io_channel_read_blk64(fs->io, first, (int)count, data);
        if (code)
            return layer_lower_fail(error, code, "read a file");
        uint64_t offset = at * EXT4_BLOCK_SIZE, rest = size - offset;
        size_t length = (size_t)(rest < count * EXT4_BLOCK_SIZE ? rest : count * EXT4_BLOCK_SIZE);
        if (first && ext4_file_write(image, offset, data, length, error) < 0)
            return -1;
        at += count;
    }
    return 0;
}

static int copy_file(layer_lower *self, const layer_lower_file *file, const ext4_attributes *attributes,
                     ext4_image *image, uint32_t inode, holm_error **error) {
    ext2_filsys fs = self->layers[file->layer];
    struct ext2_inode body;
    errcode_t code = ext2fs_read_inode(fs, file->inode, &body);
    if (code)
        return layer_lower_fail(error, code, "read a file");
    ext4_file_begin(image);
    if (copy_blocks(fs, file->inode, &body, image, error) < 0)
        return -1;
    return ext4_file_store(image, inode, attributes, EXT2_I_SIZE(&body), error);
}

uint32_t layer_lower_copy(layer_lower *self, const layer_lower_file *file, ext4_image *image,
                          holm_error **error) {
    cleanup(ext4_xattr_list_finish) ext4_xattr_list xattrs = {0};
    ext4_attributes attributes;
    uint32_t inode = ext4_inode_take(image, error);
    if (!inode || layer_lower_describe(self, file, &attributes, &xattrs, error) < 0)
        return 0;
    int result;
    if (S_ISREG(attributes.mode)) {
        result = copy_file(self, file, &attributes, image, inode, error);
    } else if (S_ISLNK(attributes.mode)) {
        cleanup_free char *target = layer_lower_target(self, file, error);
        result = target ? ext4_symlink_store(image, inode, &attributes, target, error) : -1;
    } else {
        result = ext4_special_store(image, inode, &attributes, error);
    }
    return result < 0 ? 0 : inode;
}

// ---- roots ----

typedef struct root_list {
    int (*each)(void *data, const char *name, holm_error **error);
    void *data;
    holm_error **error;
    int result;
} root_list;

static int root_list_one(struct ext2_dir_entry *entry, int offset, int blocksize, char *block, void *data) {
    root_list *self = data;
    char name[EXT4_NAME_MOST + 1];
    (void)offset;
    (void)blocksize;
    (void)block;
    int length = ext2fs_dirent_name_len(entry);
    memcpy(name, entry->name, (size_t)length);
    name[length] = 0;
    if (strcmp(name, ".") && strcmp(name, ".."))
        self->result = self->each(self->data, name, self->error);
    return self->result < 0 ? DIRENT_ABORT : 0;
}

int layer_lower_list_root(layer_lower *self, int (*each)(void *data, const char *name, holm_error **error),
                          void *data, holm_error **error) {
    root_list list = {.each = each, .data = data, .error = error};
    for (size_t layer = 0; layer < self->count && list.result == 0; layer++) {
        errcode_t code =
            ext2fs_dir_iterate(self->layers[layer], self->roots[layer], 0, NULL, root_list_one, &list);
        if (code && list.result == 0)
            return layer_lower_fail(error, code, "list the root");
    }
    return list.result;
}
