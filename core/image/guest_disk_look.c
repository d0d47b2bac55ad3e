// What is in one folder, and the beginning of one file, of a container at rest: as its agent would answer.
#include <string.h>
#include <sys/stat.h>

#include "core/base/file.h"
#include "core/image/guest_disk_private.h"
#include "guest/agent.pb-c.h"

#define ANSWER_MOST (2u << 20) ///< bytes of names and targets, about
#define FILE_BEGIN  (256u << 10)

// ---- a folder ----

int guest_disk_look_add(guest_disk_reader *self, const layer_lower_file *file, holm_error **error) {
    guest_disk_looked *list = &self->looked;
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 64;
        guest_disk_found *items = reallocarray(list->items, capacity, sizeof *items);
        if (!items) {
            holm_error_set(error, HOLM_ERROR_NO_MEMORY, "no memory for a folder");
            return -1;
        }
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = (guest_disk_found){strdup(self->path), *file};
    return 0;
}

void guest_disk_look_finish(guest_disk_looked *self) {
    for (size_t i = 0; i < self->count; i++)
        free(self->items[i].name);
    free(self->items);
}

static int compare(const void *left, const void *right) {
    const guest_disk_found *a = left, *b = right;
    bool first = S_ISDIR(a->file.mode), second = S_ISDIR(b->file.mode);
    return first != second ? second - first : strcmp(a->name, b->name);
}

/// The link as it is seen from its folder. One that leads nowhere, or in a circle, is no error.
static uint32_t target_mode(guest_disk_reader *self, const char *folder, const char *name) {
    char path[GUEST_DISK_PATH_MOST + 1];
    ext2_ino_t folders[LAYERS_MOST + 1];
    layer_lower_file file = {0};
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path ||
        guest_disk_find(self->lower, path, true, folders, &file, NULL) < 0)
        return 0;
    return file.inode ? file.mode : S_IFDIR;
}

static int describe(guest_disk_reader *self, const char *folder, guest_disk_found *found,
                    Holm__Agent__V1__FolderEntry *out, holm_error **error) {
    cleanup(ext4_xattr_list_finish) ext4_xattr_list xattrs = {0};
    ext4_attributes attributes;
    struct ext2_inode body;
    ext2_filsys fs = self->lower->layers[found->file.layer];
    errcode_t code = ext2fs_read_inode(fs, found->file.inode, &body);
    if (code)
        return layer_lower_fail(error, code, "read a file");
    if (layer_lower_describe(self->lower, &found->file, &attributes, &xattrs, error) < 0)
        return -1;
    holm__agent__v1__folder_entry__init(out);
    out->name = (ProtobufCBinaryData){strlen(found->name), (uint8_t *)found->name};
    out->mode = attributes.mode;
    out->uid = attributes.owner;
    out->gid = attributes.group;
    out->size = EXT2_I_SIZE(&body);
    out->mtime_ns = attributes.modified.tv_sec * INT64_C(1000000000) + attributes.modified.tv_nsec;
    if (!S_ISLNK(attributes.mode))
        return 0;
    char *target = layer_lower_target(self->lower, &found->file, error);
    if (!target)
        return -1;
    out->target = (ProtobufCBinaryData){strlen(target), (uint8_t *)target};
    out->target_mode = target_mode(self, folder, found->name);
    return 0;
}

static int send(guest_disk_reader *self, const ProtobufCMessage *message, holm_error **error) {
    size_t length = protobuf_c_message_get_packed_size(message);
    cleanup_free uint8_t *packed = malloc(length + 1);
    if (packed && protobuf_c_message_pack(message, packed) == length &&
        file_write_all(self->out, packed, length) == 0)
        return 0;
    holm_error_set(error, HOLM_ERROR_UNAVAILABLE, "nobody takes what was found");
    return -1;
}

int guest_disk_look_send(guest_disk_reader *self, const char *folder, holm_error **error) {
    guest_disk_looked *list = &self->looked;
    Holm__Agent__V1__FolderResponse answer = HOLM__AGENT__V1__FOLDER_RESPONSE__INIT;
    size_t most = list->count < GUEST_DISK_LOOK_MOST ? list->count : GUEST_DISK_LOOK_MOST, bytes = 0;
    cleanup_free Holm__Agent__V1__FolderEntry *entries = calloc(most + 1, sizeof *entries);
    cleanup_free Holm__Agent__V1__FolderEntry **pointers = calloc(most + 1, sizeof *pointers);
    if (!entries || !pointers)
        return -1;
    if (list->count)
        qsort(list->items, list->count, sizeof *list->items, compare);
    int result = 0;
    answer.entries = pointers;
    while (result == 0 && answer.n_entries < most && bytes < ANSWER_MOST) {
        Holm__Agent__V1__FolderEntry *entry = pointers[answer.n_entries] = &entries[answer.n_entries];
        result = describe(self, folder, &list->items[answer.n_entries], entry, error);
        bytes += entry->name.len + entry->target.len;
        answer.n_entries++;
    }
    answer.left_out = list->count - answer.n_entries;
    if (result == 0)
        result = send(self, &answer.base, error);
    for (size_t i = 0; i < answer.n_entries; i++)
        free(entries[i].target.data);
    return result;
}

// ---- a file ----

static int read_begin(ext2_filsys fs, ext2_ino_t inode, uint64_t size, uint8_t *out, holm_error **error) {
    uint8_t block[EXT4_BLOCK_SIZE];
    size_t count = 0;
    cleanup_free guest_disk_extent *extents = guest_disk_extents(fs, inode, &count, error);
    if (!extents)
        return -1;
    for (size_t i = 0; i < count; i++) {
        for (uint64_t k = 0; k < extents[i].blocks; k++) {
            uint64_t at = (extents[i].logical + k) * EXT4_BLOCK_SIZE, rest = size - at;
            if (at >= size)
                return 0;
            errcode_t code = io_channel_read_blk64(fs->io, extents[i].physical + k, 1, block);
            if (code)
                return layer_lower_fail(error, code, "read a file");
            memcpy(out + at, block, rest < sizeof block ? (size_t)rest : sizeof block);
        }
    }
    return 0;
}

int guest_disk_look_file(guest_disk_reader *self, const layer_lower_file *file, holm_error **error) {
    Holm__Agent__V1__FileResponse answer = HOLM__AGENT__V1__FILE_RESPONSE__INIT;
    struct ext2_inode body;
    if (!file->inode || !S_ISREG(file->mode)) {
        holm_error_set(error, HOLM_ERROR_INVALID, "that is no file with text in it");
        return -1;
    }
    ext2_filsys fs = self->lower->layers[file->layer];
    errcode_t code = ext2fs_read_inode(fs, file->inode, &body);
    if (code)
        return layer_lower_fail(error, code, "read a file");
    answer.size = EXT2_I_SIZE(&body);
    uint64_t shown = answer.size < FILE_BEGIN ? answer.size : FILE_BEGIN;
    cleanup_free uint8_t *content = calloc(FILE_BEGIN, 1);
    if (!content || read_begin(fs, file->inode, shown, content, error) < 0)
        return -1;
    answer.content = (ProtobufCBinaryData){(size_t)shown, content};
    return send(self, &answer.base, error);
}
