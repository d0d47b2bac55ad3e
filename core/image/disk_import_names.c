// The names of a disk that is filled: found, made, taken away.
#include <string.h>

#include "core/image/disk_import_private.h"

int import_fail(errcode_t code, const char *step, holm_error **error) {
    if (code == EXT2_ET_BLOCK_ALLOC_FAIL || code == EXT2_ET_INODE_ALLOC_FAIL)
        holm_error_set(error, HOLM_ERROR_NO_SPACE, "%s: the volume is too small", step);
    else if (code > 0 && code < 256)
        holm_error_set_errno(error, (int)code, "%s", step);
    else
        holm_error_set(error, HOLM_ERROR_INTERNAL, "%s: %s", step, error_message(code));
    return -1;
}

static int refuse(const char *why, holm_error **error) {
    holm_error_set(error, HOLM_ERROR_INTEGRITY, "%s", why);
    return -1;
}

int import_find(disk_importer *self, ext2_ino_t folder, const char *name, ext2_ino_t *found,
                holm_error **error) {
    errcode_t code = ext2fs_lookup(self->fs, folder, name, (int)strlen(name), NULL, found);
    if (code == EXT2_ET_FILE_NOT_FOUND) {
        *found = 0;
        return 0;
    }
    return code ? import_fail(code, "look a name up", error) : 0;
}

int import_link(disk_importer *self, ext2_ino_t folder, const char *name, ext2_ino_t inode, int type,
                holm_error **error) {
    errcode_t code = ext2fs_link(self->fs, folder, name, inode, type);
    if (code == EXT2_ET_DIR_NO_SPACE) {
        code = ext2fs_expand_dir(self->fs, folder);
        if (!code)
            code = ext2fs_link(self->fs, folder, name, inode, type);
    }
    return code ? import_fail(code, "give a file its name", error) : 0;
}

int import_make_folder(disk_importer *self, ext2_ino_t parent, const char *name, ext2_ino_t *made,
                       holm_error **error) {
    errcode_t code = ext2fs_new_inode(self->fs, parent, LINUX_S_IFDIR | 0755, NULL, made);
    if (!code)
        code = ext2fs_mkdir(self->fs, parent, *made, name);
    if (code == EXT2_ET_DIR_NO_SPACE) {
        code = ext2fs_expand_dir(self->fs, parent);
        if (!code)
            code = ext2fs_mkdir(self->fs, parent, *made, name);
    }
    return code ? import_fail(code, "make a folder", error) : 0;
}

static int is_folder(disk_importer *self, ext2_ino_t inode, bool *folder, holm_error **error) {
    struct ext2_inode body;
    errcode_t code = ext2fs_read_inode(self->fs, inode, &body);
    *folder = !code && LINUX_S_ISDIR(body.i_mode);
    return code ? import_fail(code, "read a folder", error) : 0;
}

static int enter(disk_importer *self, ext2_ino_t *folder, const char *name, bool make, holm_error **error) {
    ext2_ino_t next;
    bool fits;
    if (import_find(self, *folder, name, &next, error) < 0)
        return -1;
    if (!next && !make)
        return refuse("it is a link to a file that is not in the archive", error);
    if (!next && import_make_folder(self, *folder, name, &next, error) < 0)
        return -1;
    if (is_folder(self, next, &fits, error) < 0)
        return -1;
    *folder = next;
    return fits ? 0 : refuse("what it is in is no folder", error);
}

// Cuts the next part off; NULL at the end. "." is none.
static char *next_part(char **rest) {
    char *part;
    while ((part = strsep(rest, "/")))
        if (*part && strcmp(part, ".") != 0)
            break;
    return part;
}

static int check_part(const char *part, holm_error **error) {
    if (strcmp(part, "..") == 0)
        return refuse("the name leads out", error);
    if (strlen(part) <= IMPORT_NAME_MOST)
        return 0;
    holm_error_set(error, HOLM_ERROR_LIMIT, "the name is too long or too deep");
    return -1;
}

static bool is_too_deep(const char *path) {
    unsigned slashes = 0;
    for (const char *at = path; (at = strchr(at, '/')); at++)
        slashes++;
    return slashes > IMPORT_DEPTH_MOST;
}

int import_place(disk_importer *self, const char *path, bool make, ext2_ino_t *folder,
                 char name[IMPORT_NAME_MOST + 1], holm_error **error) {
    char copy[IMPORT_PATH_MOST + 1];
    if (strlen(path) > IMPORT_PATH_MOST || is_too_deep(path)) {
        holm_error_set(error, HOLM_ERROR_LIMIT, "the name is too long or too deep");
        return -1;
    }
    strcpy(copy, path);
    size_t length = strlen(copy);
    while (length && copy[length - 1] == '/')
        copy[--length] = 0;
    char *slash = strrchr(copy, '/'), *rest = slash ? slash + 1 : copy;
    size_t above = slash ? (size_t)(slash - copy) : 0;
    // Entries mostly come folder by folder.
    if (self->folder_inode && strlen(self->folder) == above && memcmp(self->folder, copy, above) == 0) {
        *folder = self->folder_inode;
    } else {
        rest = copy;
        *folder = EXT2_ROOT_INO;
    }
    *name = 0;
    char *part = next_part(&rest), *next;
    for (; part; part = next) {
        next = next_part(&rest);
        if (check_part(part, error) < 0 || (next && enter(self, folder, part, make, error) < 0))
            return -1;
        if (!next)
            snprintf(name, IMPORT_NAME_MOST + 1, "%s", part);
    }
    if (*name && strcmp(slash ? slash + 1 : copy, name) == 0) {
        snprintf(self->folder, sizeof self->folder, "%.*s", (int)above, path);
        self->folder_inode = *folder;
    }
    return 0;
}

// The last name is gone: blocks, attributes and inode are free again.
static errcode_t free_file(ext2_filsys fs, ext2_ino_t inode, struct ext2_inode *body) {
    errcode_t code = ext2fs_free_ext_attr(fs, inode, (struct ext2_inode_large *)body);
    if (!code && ext2fs_inode_has_valid_blocks2(fs, body))
        code = ext2fs_punch(fs, inode, body, NULL, 0, ~0ULL);
    if (!code)
        ext2fs_inode_alloc_stats2(fs, inode, -1, 0);
    return code;
}

int import_remove(disk_importer *self, ext2_ino_t folder, const char *name, ext2_ino_t inode,
                  holm_error **error) {
    struct ext2_inode_large body = {0};
    struct ext2_inode *small = (struct ext2_inode *)&body;
    errcode_t code = ext2fs_read_inode_full(self->fs, inode, small, sizeof body);
    if (!code && LINUX_S_ISDIR(body.i_mode))
        return refuse("it would take the place of a folder", error);
    if (!code)
        code = ext2fs_unlink(self->fs, folder, name, inode, 0);
    if (!code && --body.i_links_count == 0) {
        body.i_dtime = 1; // as a file that is gone has it
        code = free_file(self->fs, inode, small);
    }
    if (!code)
        code = ext2fs_write_inode_full(self->fs, inode, small, sizeof body);
    return code ? import_fail(code, "replace a file", error) : 0;
}
