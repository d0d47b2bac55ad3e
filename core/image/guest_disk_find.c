// A path in the container's root, read from its layers.
#include <string.h>
#include <sys/stat.h>

#include "core/image/guest_disk_private.h"

enum { LINKS_MOST = 40 };

typedef struct finder {
    layer_lower *lower;
    char *names[GUEST_DISK_DEPTH_MOST];
    size_t count;
    char rest[GUEST_DISK_PATH_MOST + 1]; ///< what is to be walked yet
    unsigned links;
} finder;

static void finder_finish(finder *self) {
    while (self->count)
        free(self->names[--self->count]);
}

static int fail(holm_error_code code, const char *what, holm_error **error) {
    holm_error_set(error, code, "%s", what);
    return -1;
}

/// Takes the first name off the rest; NULL at its end. The caller frees it.
static char *next_name(finder *self) {
    char *at = self->rest + strspn(self->rest, "/");
    size_t length = strcspn(at, "/");
    char *name = length ? strndup(at, length) : NULL;
    memmove(self->rest, at + length, strlen(at + length) + 1);
    return name;
}

static bool is_last(const finder *self) {
    return self->rest[strspn(self->rest, "/")] == 0;
}

/// The last name is a link: what it says comes in its place.
static int follow_link(finder *self, const layer_lower_file *file, holm_error **error) {
    char rest[GUEST_DISK_PATH_MOST + 1];
    cleanup_free char *target = layer_lower_target(self->lower, file, error);
    if (!target)
        return -1;
    if (++self->links > LINKS_MOST ||
        snprintf(rest, sizeof rest, "%s/%s", target, self->rest) >= (int)sizeof rest)
        return fail(HOLM_ERROR_LIMIT, "there are too many links on the way", error);
    strcpy(self->rest, rest);
    free(self->names[--self->count]);
    if (*target == '/')
        finder_finish(self);
    return 0;
}

static int step(finder *self, char *name, bool follow, ext2_ino_t *folders, layer_lower_file *file,
                holm_error **error) {
    if (self->count == GUEST_DISK_DEPTH_MOST) {
        free(name);
        return fail(HOLM_ERROR_LIMIT, "the path has too many parts", error);
    }
    self->names[self->count++] = name;
    int found =
        layer_lower_enter(self->lower, (const char *const *)self->names, self->count, folders, file, error);
    if (found < 0)
        return -1;
    if (!found)
        return fail(HOLM_ERROR_NOT_FOUND, "there is no such file in the container", error);
    if (S_ISLNK(file->mode) && (follow || !is_last(self)))
        return follow_link(self, file, error);
    if (!S_ISDIR(file->mode) && !is_last(self))
        return fail(HOLM_ERROR_NOT_FOUND, "there is no such file in the container", error);
    return 0;
}

int guest_disk_find(layer_lower *lower, const char *path, bool follow, ext2_ino_t *folders,
                    layer_lower_file *file, holm_error **error) {
    cleanup(finder_finish) finder self = {.lower = lower};
    if (strlen(path) >= sizeof self.rest)
        return fail(HOLM_ERROR_LIMIT, "the path is too long", error);
    strcpy(self.rest, path);
    for (char *name; (name = next_name(&self));) {
        if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0) {
            if (step(&self, name, follow, folders, file, error) < 0)
                return -1;
            continue;
        }
        if (name[1] && self.count)
            free(self.names[--self.count]);
        free(name);
    }
    // ".." and links to "/" have gone back
    *file = (layer_lower_file){0};
    return layer_lower_enter(lower, (const char *const *)self.names, self.count, folders, file, error) < 0
               ? -1
               : 0;
}
