// What PID 1 does before anything else: the kernel's file systems, the control groups, the first log line.
#pragma once

#include <stdbool.h>

#include "core/base/error.h"

#define GUEST_RUN        "/run/holm"
#define GUEST_ROOT       GUEST_RUN "/rootfs" ///< where the container's root is put together
#define GUEST_LAYERS     GUEST_RUN "/layers" ///< the read-only layers, by number
#define GUEST_WRITABLE   GUEST_RUN "/writable"
#define GUEST_CGROUP     "/sys/fs/cgroup"
#define CONTAINER_CGROUP GUEST_CGROUP "/holm"

/// Mounts proc, sysfs, devtmpfs and cgroup2 on a tmpfs that becomes the root: the initramfs itself cannot be
/// left by pivot_root(2), which every container needs. Makes the folders above; turns the controllers on.
int boot_filesystems(holm_error **error);

/// Whether the kernel command line has holm.template=1.
bool boot_is_template(void);

/// Tells on the console that the machine may be made a template, and waits there for the line "go".
int boot_wait_template(holm_error **error);
