// The container's root: read-only layers below, a writable layer on top (overlayfs).
#pragma once

#include "guest/agent.pb-c.h"

#include "core/base/error.h"

#define ROOT_LAYERS_MAX        500   ///< the kernel's bound (OVL_MAX_STACK)
#define ROOT_DEVICE_TIMEOUT_MS 15000 ///< for a disk to appear, in all

/// Waits for the disks (events of the kernel come from `uevents`, see uevent.h), mounts each layer, the
/// writable disk and the overlay on GUEST_ROOT, and makes that mount shared: later mounts in it reach the
/// container. Blocks.
int root_mount(const Holm__Agent__V1__RootFilesystem *root, int uevents, holm_error **error);
