#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "core/base/path.h"
#include "core/base/tar_pack.h"
#include "guest/copy_files.h"
#include "guest/inside.h"

// The file itself where `path` is a link and links are followed: its folder (O_PATH) and its name there.
static int find_start(const Holm__Agent__V1__CopyHeader *header, char **name, holm_error **error) {
    char resolved[PATH_MAX];
    cleanup_close int root = inside_root(false, error);
    if (root < 0)
        return -1;
    if (strspn(header->path, "/.") == strlen(header->path)) {
        *name = strdup(".");
        return steal_fd(&root);
    }
    if (!header->follow)
        return inside_open_parent(root, header->path, false, name, error);
    cleanup_close int fd = inside_open(root, header->path, O_PATH, 0, error);
    ssize_t length = fd < 0 ? -1 : readlink(inside_link_of(fd).path, resolved, sizeof resolved - 1);
    ssize_t prefix = readlink(inside_link_of(root).path, (char[PATH_MAX]){0}, PATH_MAX);
    if (length < 0 || prefix < 0 || length < prefix) {
        if (fd >= 0)
            holm_error_set_errno(error, errno, "follow %s", header->path);
        return -1;
    }
    resolved[length] = 0;
    return inside_open_parent(root, resolved + prefix, false, name, error);
}

int copy_files_out(const Holm__Agent__V1__CopyHeader *header, int output, Holm__Agent__V1__CopyResult *result,
                   holm_error **error) {
    cleanup_free char *name = NULL;
    tar_pack_result packed = {0};
    cleanup_close int parent = find_start(header, &name, error);
    if (parent < 0 || tar_pack(output, parent, name, name, &packed, error) < 0)
        return -1;
    result->entries = packed.entries;
    result->bytes = packed.bytes;
    return 0;
}
