// The walk through a guest's disk and the layers below it, folder by folder, as overlayfs would show them.
#include "core/image/guest_disk.h"

#include <search.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/file.h"
#include "core/image/guest_disk_private.h"

/// One name of a folder, over all layers.
typedef struct merged {
    layer_lower_file file;  ///< what the container sees
    layer_lower_file upper; ///< what the guest's layer itself has
    bool visible, below;    ///< it sees something; the layers below have something
    bool touched, whiteout; ///< the guest's layer has the name; as a whiteout
    bool opaque;            ///< as a folder that hides those below
    ext2_ino_t *folders;    ///< where it goes on in each layer
} merged;

static int walk(guest_disk_reader *self, const ext2_ino_t *folders, bool opaque, unsigned depth,
                holm_error **error);

static int damaged(holm_error **error, const char *what) {
    holm_error_set(error, HOLM_ERROR_INTEGRITY, "the container's disk is damaged: %s", what);
    return -1;
}

// ---- one name ----

/// Takes in the entry of one layer, from the top down; `hidden`: nothing below counts any more.
static int merge_one(guest_disk_reader *self, const guest_disk_name *name, merged *out, bool *hidden,
                     holm_error **error) {
    ext2_filsys fs = self->lower->layers[name->layer];
    struct ext2_inode body;
    errcode_t code = ext2fs_read_inode(fs, name->inode, &body);
    if (code)
        return layer_lower_fail(error, code, "read a file");
    bool top = name->layer == self->top, directory = S_ISDIR(body.i_mode);
    bool opaque = directory && layer_lower_xattr_is_yes(fs, name->inode, "trusted.overlay.opaque");
    bool whiteout = layer_lower_is_whiteout(&body);
    const layer_lower_file file = {.layer = name->layer, .inode = name->inode, .mode = body.i_mode};
    if (top) {
        out->upper = file;
        out->touched = true;
        out->whiteout = whiteout;
        out->opaque = opaque;
    } else if (!whiteout) {
        out->below = true;
    }
    bool shown = !whiteout && (!out->visible || directory);
    if (shown && !out->visible && !(out->touched && out->whiteout && !top))
        out->file = file, out->visible = true;
    if (shown && directory)
        out->folders[name->layer] = name->inode;
    // For a list of changes what the guest's layer hides is still of interest.
    *hidden = (!directory || opaque) && !(top && self->mode == GUEST_DISK_DIFF);
    return 0;
}

static int visit_folder(guest_disk_reader *self, ext2_ino_t inode, holm_error **error) {
    uint8_t bit = (uint8_t)(1u << (inode % 8));
    if (self->visited[inode / 8] & bit)
        return damaged(error, "a folder is in two places");
    self->visited[inode / 8] |= bit;
    return 0;
}

static int write_change(const guest_disk_reader *self, char kind, holm_error **error) {
    char record[GUEST_DISK_PATH_MOST + 4];
    int length = snprintf(record, sizeof record, "%c /%s", kind, self->path);
    if (file_write_all(self->out, record, (size_t)length + 1) == 0)
        return 0;
    holm_error_set(error, HOLM_ERROR_UNAVAILABLE, "nobody takes the list of changes");
    return -1;
}

// What holm itself writes when a container starts is none of the container's changes.
static bool is_ours(const char *path) {
    return strcmp(path, "etc/hosts") == 0 || strcmp(path, "etc/resolv.conf") == 0 ||
           strcmp(path, "etc/machine-id") == 0;
}

static int put_diff(guest_disk_reader *self, const merged *name, bool opaque, unsigned depth,
                    holm_error **error) {
    if (!name->touched)
        return opaque && name->below ? write_change(self, 'D', error) : 0;
    if (name->whiteout)
        return name->below ? write_change(self, 'D', error) : 0;
    if (write_change(self, name->below ? 'C' : 'A', error) < 0)
        return -1;
    return S_ISDIR(name->upper.mode) ? walk(self, name->folders, opaque || name->opaque, depth + 1, error)
                                     : 0;
}

/// The path of a mark: ".wh.NAME" beside it, or the one inside that makes a folder opaque.
static int put_mark(guest_disk_reader *self, bool inside, holm_error **error) {
    char path[GUEST_DISK_PATH_MOST + 32];
    const char *slash = strrchr(self->path, '/');
    int folder = slash ? (int)(slash + 1 - self->path) : 0;
    if (inside)
        snprintf(path, sizeof path, "%s%s.wh..wh..opq", self->path, *self->path ? "/" : "");
    else
        snprintf(path, sizeof path, "%.*s.wh.%s", folder, self->path, self->path + folder);
    return guest_disk_tar_mark(self, path, error);
}

static int put_layer(guest_disk_reader *self, const merged *name, unsigned depth, holm_error **error) {
    if (name->whiteout)
        return put_mark(self, false, error);
    if (guest_disk_tar_put(self, &name->upper, error) < 0 ||
        (name->opaque && put_mark(self, true, error) < 0))
        return -1;
    return S_ISDIR(name->upper.mode) ? walk(self, name->folders, false, depth + 1, error) : 0;
}

static int put_export(guest_disk_reader *self, const merged *name, unsigned depth, holm_error **error) {
    if (!name->visible)
        return 0;
    if (guest_disk_tar_put(self, &name->file, error) < 0)
        return -1;
    return S_ISDIR(name->file.mode) ? walk(self, name->folders, false, depth + 1, error) : 0;
}

static int put_list(guest_disk_reader *self, const merged *name, holm_error **error) {
    return name->visible ? guest_disk_look_add(self, &name->file, error) : 0;
}

static int put_name(guest_disk_reader *self, const merged *name, bool opaque, unsigned depth,
                    holm_error **error) {
    if (++self->entries > GUEST_DISK_ENTRIES_MOST) {
        holm_error_set(error, HOLM_ERROR_LIMIT, "the container has more than %d files",
                       GUEST_DISK_ENTRIES_MOST);
        return -1;
    }
    if (name->touched && S_ISDIR(name->upper.mode) && visit_folder(self, name->upper.inode, error) < 0)
        return -1;
    if ((self->mode == GUEST_DISK_DIFF || self->mode == GUEST_DISK_LAYER) && is_ours(self->path))
        return 0;
    if (self->mode == GUEST_DISK_DIFF)
        return put_diff(self, name, opaque, depth, error);
    if (self->mode == GUEST_DISK_LIST)
        return put_list(self, name, error);
    return self->mode == GUEST_DISK_LAYER ? put_layer(self, name, depth, error)
                                          : put_export(self, name, depth, error);
}

// ---- folders ----

static int name_compare(const void *left, const void *right) {
    const guest_disk_name *a = left, *b = right;
    int order = strcmp(a->name, b->name);
    return order ? order : a->layer > b->layer ? -1 : a->layer < b->layer;
}

/// The entries items[from] to items[to - 1] have one name.
static int walk_name(guest_disk_reader *self, const guest_disk_list *list, size_t from, size_t to,
                     bool opaque, unsigned depth, holm_error **error) {
    size_t length = strlen(self->path), more = strlen(list->items[from].name);
    if (length + more + 1 > GUEST_DISK_PATH_MOST) {
        holm_error_set(error, HOLM_ERROR_LIMIT, "a path is longer than %d bytes", GUEST_DISK_PATH_MOST);
        return -1;
    }
    cleanup_free ext2_ino_t *folders = calloc(self->lower->count, sizeof *folders);
    merged name = {.folders = folders};
    bool hidden = false;
    int result = folders ? 0 : -1;
    for (size_t i = from; i < to && !hidden && result == 0; i++) {
        if (i > from && list->items[i].layer == list->items[i - 1].layer)
            return damaged(error, "a name is there twice");
        result = merge_one(self, &list->items[i], &name, &hidden, error);
    }
    snprintf(self->path + length, sizeof self->path - length, "%s%s", length ? "/" : "",
             list->items[from].name);
    if (result == 0)
        result = put_name(self, &name, opaque, depth, error);
    self->path[length] = 0;
    return result;
}

static int walk(guest_disk_reader *self, const ext2_ino_t *folders, bool opaque, unsigned depth,
                holm_error **error) {
    cleanup(guest_disk_list_finish) guest_disk_list list = {0};
    if (depth > GUEST_DISK_DEPTH_MOST) {
        holm_error_set(error, HOLM_ERROR_LIMIT, "a path has more than %d parts", GUEST_DISK_DEPTH_MOST);
        return -1;
    }
    for (size_t layer = 0; layer < self->lower->count; layer++)
        if (folders[layer] && guest_disk_list_add(&list, self->lower, layer, folders[layer], error) < 0)
            return -1;
    if (list.count)
        qsort(list.items, list.count, sizeof *list.items, name_compare);
    for (size_t from = 0, to; from < list.count; from = to) {
        for (to = from + 1; to < list.count && strcmp(list.items[from].name, list.items[to].name) == 0;)
            to++;
        if (walk_name(self, &list, from, to, opaque, depth, error) < 0)
            return -1;
    }
    return 0;
}

static int walk_root(guest_disk_reader *self, holm_error **error) {
    cleanup_free ext2_ino_t *roots = calloc(self->lower->count, sizeof *roots);
    if (!roots)
        return -1;
    memcpy(roots, self->lower->roots, self->lower->count * sizeof *roots);
    ext2_ino_t upper = roots[self->top];
    bool opaque =
        upper && layer_lower_xattr_is_yes(self->lower->layers[self->top], upper, "trusted.overlay.opaque");
    if (upper && visit_folder(self, upper, error) < 0)
        return -1;
    if (self->mode == GUEST_DISK_LAYER && opaque && put_mark(self, true, error) < 0)
        return -1;
    // Of a volume the root is something that its containers have made, too.
    const layer_lower_file root = {.layer = self->top, .inode = upper, .mode = S_IFDIR};
    if (self->mode == GUEST_DISK_VOLUME && guest_disk_tar_put(self, &root, error) < 0)
        return -1;
    return walk(self, roots, opaque, 0, error);
}

// ---- one path ----

static int walk_path(guest_disk_reader *self, const char *path, holm_error **error) {
    ext2_ino_t folders[LAYERS_MOST + 1];
    layer_lower_file file = {0};
    const char *name = strrchr(path, '/') + 1;
    if (guest_disk_find(self->lower, path + 1, *path == 'L', folders, &file, error) < 0)
        return -1;
    snprintf(self->path, sizeof self->path, "%s", *name ? name : ".");
    if (file.inode && guest_disk_tar_put(self, &file, error) < 0)
        return -1;
    if (file.inode && !S_ISDIR(file.mode))
        return 0;
    if (!file.inode && guest_disk_tar_folder(self, "./", error) < 0)
        return -1;
    if (folders[self->top] && visit_folder(self, folders[self->top], error) < 0)
        return -1;
    return walk(self, folders, false, 1, error);
}

static int look_at(guest_disk_reader *self, const char *path, holm_error **error) {
    ext2_ino_t folders[LAYERS_MOST + 1];
    layer_lower_file file = {0};
    if (guest_disk_find(self->lower, path + 1, *path == 'L', folders, &file, error) < 0)
        return -1;
    if (self->mode == GUEST_DISK_READ)
        return guest_disk_look_file(self, &file, error);
    if (file.inode && !S_ISDIR(file.mode)) {
        holm_error_set(error, HOLM_ERROR_INVALID, "that is no folder");
        return -1;
    }
    return walk(self, folders, false, 1, error) < 0 ? -1 : guest_disk_look_send(self, path + 1, error);
}

// ---- the tar ----

static void link_free(void *data) {
    char **path = (char **)((char *)data + sizeof(layer_lower_file));
    free(*path);
    free(data);
}

static int tar_open(guest_disk_reader *self, holm_error **error) {
    self->tar = archive_write_new();
    if (self->tar && archive_write_set_format_pax_restricted(self->tar) == ARCHIVE_OK &&
        archive_write_set_bytes_in_last_block(self->tar, 1) == ARCHIVE_OK &&
        archive_write_open_fd(self->tar, self->out) == ARCHIVE_OK)
        return 0;
    holm_error_set(error, HOLM_ERROR_INTERNAL, "begin the tar");
    return -1;
}

int guest_disk_write(layer_lower *lower, guest_disk_mode mode, const char *path, int out,
                     holm_error **error) {
    guest_disk_reader *self = calloc(1, sizeof *self);
    size_t top = lower->count - 1;
    *self = (guest_disk_reader){.lower = lower, .top = top, .mode = mode, .out = out};
    self->visited = calloc(lower->layers[top]->super->s_inodes_count / 8 + 1, 1);
    int result = self->visited ? 0 : -1;
    bool looks = mode == GUEST_DISK_LIST || mode == GUEST_DISK_READ;
    if (result == 0 && mode != GUEST_DISK_DIFF && !looks)
        result = tar_open(self, error);
    if (result == 0 && looks)
        result = look_at(self, path, error);
    else if (result == 0)
        result = mode == GUEST_DISK_COPY ? walk_path(self, path, error) : walk_root(self, error);
    if (result == 0 && self->tar && archive_write_close(self->tar) != ARCHIVE_OK) {
        holm_error_set_errno(error, archive_errno(self->tar), "write the tar");
        result = -1;
    }
    archive_write_free(self->tar);
    tdestroy(self->links, link_free);
    guest_disk_look_finish(&self->looked);
    free(self->visited);
    free(self);
    return result;
}
