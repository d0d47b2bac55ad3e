#include <string.h>

#include "core/image/archive_private.h"

void archive_result_finish(archive_result *self) {
    for (size_t i = 0; i < self->reference_count; i++)
        free(self->references[i]);
    free(self->references);
    *self = (archive_result){0};
}

bool archive_is_cancelled(const archive_options *options, holm_error **error) {
    if (!options->cancelled || !__atomic_load_n(options->cancelled, __ATOMIC_RELAXED))
        return false;
    holm_error_set(error, HOLM_ERROR_CANCELLED, "cancelled");
    return true;
}

void archive_bag_finish(archive_bag *self) {
    for (size_t i = 0; i < self->count; i++) {
        free(self->files[i].name);
        free(self->files[i].link);
    }
    free(self->files);
    *self = (archive_bag){0};
}

archive_file *archive_bag_add(archive_bag *self, const char *name, holm_error **error) {
    while (strncmp(name, "./", 2) == 0)
        name += 2;
    if (self->count >= ARCHIVE_FILES_MOST || strlen(name) > ARCHIVE_NAME_MOST) {
        holm_error_set(error, HOLM_ERROR_LIMIT,
                       "the archive has too many files, or one with too long a name");
        return NULL;
    }
    if (self->count == self->capacity) {
        size_t capacity = self->capacity ? self->capacity * 2 : 64;
        archive_file *files = reallocarray(self->files, capacity, sizeof *files);
        if (!files) {
            holm_error_set(error, HOLM_ERROR_NO_MEMORY, "no memory for the archive");
            return NULL;
        }
        self->files = files;
        self->capacity = capacity;
    }
    archive_file *file = &self->files[self->count];
    *file = (archive_file){.name = strdup(name)};
    if (!file->name) {
        holm_error_set(error, HOLM_ERROR_NO_MEMORY, "no memory for the archive");
        return NULL;
    }
    self->count++;
    return file;
}

static int file_compare(const void *left, const void *right) {
    return strcmp(((const archive_file *)left)->name, ((const archive_file *)right)->name);
}

void archive_bag_sort(archive_bag *self) {
    // qsort of the C library is a merge sort while memory allows, but says nothing about it: find takes any
    // of equals, and archives with two files of a name are nobody's to rely on.
    qsort(self->files, self->count, sizeof *self->files, file_compare);
}

static const archive_file *bag_find_one(const archive_bag *self, const char *name) {
    archive_file key = {.name = (char *)name};
    return self->count ? bsearch(&key, self->files, self->count, sizeof *self->files, file_compare) : NULL;
}

/// "a/b/../c" beside the link's own folder; only what `docker save` writes: any number of "../" in front.
static char *link_target(const archive_file *file) {
    const char *target = file->link, *slash = strrchr(file->name, '/');
    size_t folder = slash ? (size_t)(slash - file->name) : 0;
    while (strncmp(target, "../", 3) == 0) {
        target += 3;
        while (folder && file->name[--folder] != '/')
            ;
    }
    char *path = NULL;
    if (asprintf(&path, "%.*s%s%s", (int)folder, file->name, folder ? "/" : "", target) < 0)
        return NULL;
    return path;
}

const archive_file *archive_bag_find(const archive_bag *self, const char *name) {
    while (strncmp(name, "./", 2) == 0)
        name += 2;
    const archive_file *file = bag_find_one(self, name);
    for (int followed = 0; file && file->link; followed++) {
        cleanup_free char *target = followed < 8 ? link_target(file) : NULL;
        file = target ? bag_find_one(self, target) : NULL;
    }
    return file;
}
