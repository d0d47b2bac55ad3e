#include "core/copy/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/path.h"
#include "core/copy/unpack_internal.h"

static char *refuse(const char *why, holm_error **error) {
    holm_error_set(error, HOLM_ERROR_INVALID, "%s", why);
    return NULL;
}

// Every name has the same first part: that of what was asked for. It is taken off, for the name we choose.
static bool is_below_top(unpacker *self, const char *name, size_t length) {
    if (!self->top)
        self->top = strndup(name, length);
    return length && strlen(self->top) == length && memcmp(self->top, name, length) == 0;
}

char *unpack_path(unpacker *self, const char *name, holm_error **error) {
    size_t length = strcspn(name, "/");
    if (!is_below_top(self, name, length))
        return refuse("the archive is of more than was asked for", error);
    cleanup_buffer buffer path = BUFFER_INIT;
    unsigned depth = 0;
    if (strcmp(self->options->name, ".") != 0)
        buffer_append_text(&path, self->options->name);
    for (const char *at = name; *at; at += length) {
        at += strspn(at, "/");
        length = strcspn(at, "/");
        if (length == 2 && memcmp(at, "..", 2) == 0)
            return refuse("the name leads out", error);
        if (at == name || length == 0 || (length == 1 && *at == '.'))
            continue;
        if (length > NAME_MAX || ++depth > TAR_DEPTH_MAX)
            return refuse("the name is too long or too deep", error);
        if (path.length)
            buffer_append_text(&path, "/");
        buffer_append(&path, at, length);
    }
    buffer_append(&path, NULL, 0);
    if (path.length >= PATH_MAX)
        return refuse("the name is too long or too deep", error);
    return strdup(buffer_text(&path));
}

int unpack_open_parent(const unpacker *self, const char *path, const char **name, holm_error **error) {
    const char *slash = strrchr(path, '/');
    cleanup_free char *folder = slash ? strndup(path, (size_t)(slash - path)) : strdup(".");
    const struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
                                 .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
    int fd = (int)syscall(SYS_openat2, self->options->folder, folder, &how, sizeof how);
    *name = slash ? slash + 1 : path;
    if (fd < 0 && (errno == ELOOP || errno == EXDEV))
        holm_error_set(error, HOLM_ERROR_INVALID,
                       "there is a symbolic link on the way, which is not followed");
    else if (fd < 0)
        holm_error_set_errno(error, errno, "open its folder");
    return fd;
}

static int check_top(const unpacker *self, const tar_entry *entry, const char *path, holm_error **error) {
    bool folder = entry->type == TAR_FOLDER;
    if (self->result->entries > 1)
        return 0;
    if (folder && self->options->only_file) {
        holm_error_set(error, HOLM_ERROR_EXISTS, "a folder cannot take the place of a file");
        return -1;
    }
    if (!folder && (self->options->only_folder || !*path)) {
        holm_error_set(error, HOLM_ERROR_INVALID, "it is no folder");
        return -1;
    }
    return 0;
}

static int take_entry(unpacker *self, const tar_entry *entry, holm_error **error) {
    if (++self->result->entries > UNPACK_ENTRIES_MOST) {
        holm_error_set(error, HOLM_ERROR_LIMIT, "the archive has more than %u entries", UNPACK_ENTRIES_MOST);
        return -1;
    }
    cleanup_free char *path = unpack_path(self, entry->path, error);
    if (!path || check_top(self, entry, path, error) < 0)
        return -1;
    if (!*path) {
        if (entry->type == TAR_FOLDER)
            return 0; // the one that is there
        refuse("it would take the place of the folder", error);
        return -1;
    }
    return unpack_entry(self, entry, path, error);
}

static void unpacker_finish(unpacker *self) {
    for (size_t i = 0; i < self->folder_count; i++)
        free(self->folders[i].path);
    free(self->folders);
    free(self->top);
    tar_reader_finish(&self->archive);
}

int unpack(tar_read read, void *data, const unpack_options *options, unpack_result *result,
           holm_error **error) {
    cleanup(unpacker_finish)
        unpacker self = {.options = options, .result = result, .archive = {.read = read, .data = data}};
    tar_entry entry;
    int more;
    while ((more = tar_reader_next(&self.archive, &entry, error)) > 0) {
        if (take_entry(&self, &entry, error) < 0) {
            holm_error_wrap(error, "copy %.200s", entry.path);
            return -1;
        }
    }
    if (more == 0 && result->entries == 0) {
        holm_error_set(error, HOLM_ERROR_INTEGRITY, "the archive is empty");
        return -1;
    }
    return more < 0 ? -1 : unpack_finish_folders(&self, error);
}
