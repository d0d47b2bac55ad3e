// Where things are: the user's folders by the XDG base directory specification, and the parts that belong to
// this build. The build tree has the shape of an installation (bin, libexec/holm, share/holm), so both are
// found alike: relative to the running program.
#pragma once

#include "core/base/error.h"

/// All strings are absolute, without a slash at the end, owned by the structure.
typedef struct paths {
    char *data;    ///< $XDG_DATA_HOME/holm: images, layers, containers, volumes, state
    char *runtime; ///< sockets; see path_runtime.h
    char *cache;   ///< $XDG_CACHE_HOME/holm: kernel, templates
    char *config;  ///< $XDG_CONFIG_HOME/holm
    char *libexec; ///< PREFIX/libexec/holm: the helper programs
    char *share;   ///< PREFIX/share/holm: initramfs, themes, kernel scripts
} paths;

/// Finds all of them and makes the first three, 0700. A folder that belongs to someone else, or that others
/// can enter, is refused (the runtime folder, where it is in /tmp, may not be a link either).
int paths_init(paths *self, holm_error **error);
void paths_finish(paths *self);

/// The guest kernel: $HOLM_KERNEL, else CACHE/kernel/ARCHITECTURE/IMAGE as kernel/build.sh leaves it, links
/// resolved. NULL and NOT_FOUND with a hint when it is not built. The caller frees it.
char *paths_find_kernel(const paths *self, holm_error **error);

/// The initramfs with the agent: $HOLM_INITRAMFS, else SHARE/initramfs-ARCHITECTURE.cpio. The caller frees
/// it.
char *paths_find_initramfs(const paths *self, holm_error **error);

/// Joins with one slash between; the last argument is NULL. The caller frees it.
char *path_join(const char *first, ...) __attribute__((sentinel));

/// printf for a path. The caller frees it.
char *path_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/// mkdir -p, with mode 0700 for what is made.
int path_make_directories(const char *path, holm_error **error);

/// mkdir -p, and the last one is the user's alone: 0700. DENIED where it is a link or belongs to somebody
/// else.
int path_make_private(const char *path, holm_error **error);

/// rm -r, without following links. What is not there is no error.
int path_remove_tree(const char *path, holm_error **error);
