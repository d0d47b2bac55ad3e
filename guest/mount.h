// Mounting by descriptors (fsopen(2), open_tree(2), move_mount(2)): no path of the container is ever resolved
// twice.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"

#define MOUNT_DATA_MAX    32  ///< options for the file system itself
#define MOUNT_OPTIONS_MAX 128 ///< options in all
#define MOUNT_OPTION_SIZE 255 ///< bytes of one option

/// Options as mount(8) writes them, sorted by who wants them.
typedef struct mount_options {
    uint64_t set;         ///< MOUNT_ATTR_… to set
    uint64_t clear;       ///< MOUNT_ATTR_… to clear
    uint64_t propagation; ///< MS_SHARED, MS_PRIVATE, MS_SLAVE, MS_UNBINDABLE, or 0
    bool propagation_recursive;
    bool bind;
    bool recursive;                   ///< rbind
    const char *data[MOUNT_DATA_MAX]; ///< "size=64m" …; borrowed from what was parsed
    size_t data_count;
} mount_options;

/// Later options win over earlier ones. INVALID or LIMIT for what cannot be.
int mount_options_parse(char *const *texts, size_t count, mount_options *options, holm_error **error);

/// Makes a mount that is nowhere yet, and returns its descriptor: a new file system, or with bind a copy of
/// the tree at `source`, which is resolved by the agent's root (paths like /proc/self/fd/N are welcome).
int mount_create(const char *type, const char *source, const mount_options *options, holm_error **error);
/// Puts the mount `fd` where the descriptor `target` is.
int mount_attach(int fd, int target, holm_error **error);
/// Finds the place `destination` below `root`; with `create` makes it (`folder` or else an empty file).
/// Returns an O_PATH descriptor.
int mount_target(int root, const char *destination, bool create, bool folder, holm_error **error);
/// Both: puts the mount `fd` at `destination` below `root`.
int mount_place(int fd, int root, const char *destination, bool create, holm_error **error);
/// All of them. Nothing is mounted when it fails.
int mount_at(int root, const char *type, const char *source, const char *destination, char *const *options,
             size_t option_count, bool create, holm_error **error);
/// Sets an option of a file system context made by fsopen; without a value it is a flag.
int mount_context_set(int context, const char *key, const char *value, holm_error **error);
/// Makes the mount of the configured context.
int mount_context_create(int context, const char *what, uint64_t attributes, holm_error **error);
