// The back-end's side of vhost-user (QEMU docs/interop/vhost-user.rst) on a connected stream socket: one
// device, its split rings over the guest's memory. Features offered: VIRTIO_F_VERSION_1 and CONFIG.
#pragma once

#include <uv.h>

#include "core/base/error.h"
#include "vm/guest_memory.h"
#include "vm/vring.h"

#define VHOST_USER_RINGS_MOST  4
#define VHOST_USER_CONFIG_MOST 64

typedef struct vhost_user vhost_user;

typedef struct vhost_user_device {
    unsigned ring_count;
    const void *config; ///< the device's configuration space; must outlive the connection
    size_t config_size;
    /// The driver has put buffers into a ring.
    void (*kicked)(unsigned ring, void *data);
    /// A ring runs from now on: after the driver has set it up (its next_avail is 0), or where it was before
    /// the machine was paused.
    void (*started)(unsigned ring, void *data);
    /// The VMM is gone or broke the protocol. Once.
    void (*lost)(const holm_error *error, void *data);
} vhost_user_device;

/// Takes fd over, always. `memory` is borrowed; its table is set from here.
vhost_user *vhost_user_create(uv_loop_t *loop, int fd, guest_memory *memory, const vhost_user_device *device,
                              void *data, holm_error **error);
vring *vhost_user_ring(vhost_user *self, unsigned index);
/// Tells the driver that buffers were given back, when it wants to know.
void vhost_user_call(vhost_user *self, unsigned index);
/// Accepts NULL. No callback comes after it.
void vhost_user_destroy(vhost_user *self);
