// A file tree as a list: everything that a program could see of it, and nothing else.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

typedef struct tree_xattr {
    char *name;
    uint8_t *value;
    size_t length;
} tree_xattr;

typedef struct tree_file {
    char *path; ///< from the root, "" for the root itself
    uint32_t mode;
    uint32_t owner, group;
    struct timespec modified;
    uint64_t size;  ///< of files and links
    uint32_t links; ///< names of the file, in the tree or not; 0 for folders and where it is not known
    uint32_t device_major, device_minor;
    uint64_t identity[2]; ///< equal for names of one file
    char *target;         ///< of a symbolic link
    uint8_t digest[32];   ///< of the content of a file
    tree_xattr *xattrs;   ///< sorted by name
    size_t xattr_count;
    bool opaque, removed; ///< while layers are merged
} tree_file;

typedef struct tree {
    tree_file *files; ///< sorted by path once tree_sort was called
    size_t count, capacity;
} tree;

/// Ends the program with a message: a tool has nobody to hand an error to.
void tree_fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/// Adds an empty file; the path is taken over.
tree_file *tree_add(tree *self, char *path);
void tree_add_xattr(tree_file *file, const char *name, const void *value, size_t length);
/// For qsort and bsearch: parents before their children, children right behind.
int tree_file_order(const void *left, const void *right);
void tree_sort(tree *self);
void tree_finish(tree *self);
/// What one file holds; for files that are taken out of a tree.
void tree_file_finish(tree_file *file);

/// Reads a folder. Nothing of trusted.overlay.* is taken.
void tree_read_folder(tree *self, const char *path);
/// Reads one image as it is, whiteouts and all.
void tree_read_image(tree *self, const char *path, uint64_t layer);
/// Reads ext4 images of layers, the lowest first, as overlayfs would show them.
void tree_read_images(tree *self, char *const *paths, size_t count);

/// Prints a line for each file: path, mode, owner, time, then what its kind has, then its attributes.
void tree_print(const tree *self);

typedef struct tree_ignore {
    bool times, owners, xattrs;
} tree_ignore;

/// Prints a line for each difference; returns how many there are.
size_t tree_print_differences(const tree *left, const tree *right, const tree_ignore *ignore);
