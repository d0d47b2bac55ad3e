// The plain functions of libcrypto: a static program of them (list.c) is small.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tree.h"

static void read_content(tree_file *file, const char *path) {
    static uint8_t piece[1 << 20];
    SHA256_CTX hash;
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    ssize_t length;
    if (fd < 0)
        tree_fail("open %s: %s", path, strerror(errno));
    SHA256_Init(&hash);
    while ((length = read(fd, piece, sizeof piece)) > 0)
        SHA256_Update(&hash, piece, (size_t)length);
    if (length < 0)
        tree_fail("read %s: %s", path, strerror(errno));
    SHA256_Final(file->digest, &hash);
    close(fd);
}

static void read_xattrs(tree_file *file, const char *path) {
    static char names[65536];
    static uint8_t value[65536];
    ssize_t length = llistxattr(path, names, sizeof names);
    if (length < 0 && errno == ENOTSUP)
        return;
    if (length < 0)
        tree_fail("list the attributes of %s: %s", path, strerror(errno));
    for (const char *name = names; name < names + length; name += strlen(name) + 1) {
        ssize_t size = lgetxattr(path, name, value, sizeof value);
        if (size < 0)
            tree_fail("read %s of %s: %s", name, path, strerror(errno));
        tree_add_xattr(file, name, value, (size_t)size);
    }
}

static void read_file(tree *self, const char *whole, const char *path, mode_t *mode) {
    struct stat status;
    if (lstat(whole, &status) < 0)
        tree_fail("look at %s: %s", whole, strerror(errno));
    tree_file *file = tree_add(self, strdup(path));
    file->mode = *mode = status.st_mode;
    file->owner = status.st_uid;
    file->group = status.st_gid;
    file->modified = status.st_mtim;
    file->links = S_ISDIR(status.st_mode) ? 0 : (uint32_t)status.st_nlink;
    file->size = S_ISDIR(status.st_mode) ? 0 : (uint64_t)status.st_size;
    file->identity[0] = status.st_dev;
    file->identity[1] = status.st_ino;
    file->device_major = major(status.st_rdev);
    file->device_minor = minor(status.st_rdev);
    if (S_ISLNK(status.st_mode)) {
        file->target = calloc(1, (size_t)status.st_size + 1);
        if (!file->target || readlink(whole, file->target, (size_t)status.st_size) < 0)
            tree_fail("read the link %s: %s", whole, strerror(errno));
    } else if (S_ISREG(status.st_mode)) {
        read_content(file, whole);
    }
    read_xattrs(file, whole);
}

static void read_below(tree *self, const char *root, const char *path) {
    char *whole, *child;
    mode_t mode;
    if (asprintf(&whole, "%s/%s", root, path) < 0)
        tree_fail("no memory");
    read_file(self, *path ? whole : root, path, &mode);
    DIR *folder = S_ISDIR(mode) ? opendir(whole) : NULL;
    if (S_ISDIR(mode) && !folder)
        tree_fail("open %s: %s", whole, strerror(errno));
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (asprintf(&child, "%s%s%s", path, *path ? "/" : "", entry->d_name) < 0)
            tree_fail("no memory");
        read_below(self, root, child);
        free(child);
    }
    if (folder)
        closedir(folder);
    free(whole);
}

void tree_read_folder(tree *self, const char *path) {
    read_below(self, path, "");
    tree_sort(self);
}
