// The file systems every container has around its root: /proc, /sys, /dev and what is masked of them. Runs in
// the container's first process, in its new namespaces, before the root is entered.
#pragma once

#include <stdbool.h>

#include "guest/agent.pb-c.h"

#include "core/base/error.h"

typedef struct container_mounts {
    bool privileged;
    bool read_only; ///< the root itself
    /// Mounts asked for at or below /proc, /sys and /dev: they go on top of the standard ones.
    Holm__Agent__V1__MountRequest **later;
    size_t later_count;
    /// The OCI lists; NULL: Docker's.
    char *const *masked;
    size_t masked_count;
    char *const *read_only_paths;
    size_t read_only_count;
} container_mounts;

/// Whether a mount with that destination must wait for the standard ones.
bool container_mount_is_later(const char *destination);
/// Mounts it all below GUEST_ROOT, enters that as the root of this mount namespace and lets go of the old
/// one. *devpts gets a descriptor of the container's devpts (/dev/pts), from which terminals are opened.
int container_mounts_enter(const container_mounts *self, int *devpts, holm_error **error);
/// Once the terminal is there and before the program runs: masks, read-only paths, the read-only root.
int container_mounts_seal(const container_mounts *self, holm_error **error);
