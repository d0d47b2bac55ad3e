#include <stdlib.h>
#include <string.h>

#include "core/image/guest_disk_private.h"

typedef struct listing {
    guest_disk_list *list;
    size_t layer;
    ext2_filsys fs;
    holm_error **error;
    bool failed;
} listing;

static int listing_fail(listing *self, holm_error_code code, const char *what) {
    holm_error_set(self->error, code, "%s", what);
    self->failed = true;
    return DIRENT_ABORT;
}

static int list_one(ext2_ino_t folder, int kind, struct ext2_dir_entry *entry, int offset, int block_size,
                    char *block, void *data) {
    listing *self = data;
    guest_disk_list *list = self->list;
    size_t length = (size_t)ext2fs_dirent_name_len(entry);
    (void)folder, (void)kind, (void)offset, (void)block_size, (void)block;
    if ((length == 1 && entry->name[0] == '.') || (length == 2 && memcmp(entry->name, "..", 2) == 0))
        return 0;
    if (length == 0 || memchr(entry->name, '/', length) || memchr(entry->name, 0, length) ||
        entry->inode > self->fs->super->s_inodes_count)
        return listing_fail(self, HOLM_ERROR_INTEGRITY, "a folder of the disk is damaged");
    if (list->count >= GUEST_DISK_ENTRIES_MOST)
        return listing_fail(self, HOLM_ERROR_LIMIT, "a folder of the disk has too many entries");
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 64;
        guest_disk_name *items = reallocarray(list->items, capacity, sizeof *items);
        if (!items)
            return listing_fail(self, HOLM_ERROR_NO_MEMORY, "no memory for a folder");
        list->items = items;
        list->capacity = capacity;
    }
    char *name = strndup(entry->name, length);
    if (!name)
        return listing_fail(self, HOLM_ERROR_NO_MEMORY, "no memory for a folder");
    list->items[list->count++] = (guest_disk_name){name, self->layer, entry->inode};
    return 0;
}

int guest_disk_list_add(guest_disk_list *self, layer_lower *lower, size_t layer, ext2_ino_t folder,
                        holm_error **error) {
    listing state = {.list = self, .layer = layer, .fs = lower->layers[layer], .error = error};
    errcode_t code = ext2fs_dir_iterate2(state.fs, folder, 0, NULL, list_one, &state);
    if (state.failed)
        return -1;
    return code ? layer_lower_fail(error, code, "list a folder") : 0;
}

void guest_disk_list_finish(guest_disk_list *self) {
    for (size_t i = 0; i < self->count; i++)
        free(self->items[i].name);
    free(self->items);
    *self = (guest_disk_list){0};
}
