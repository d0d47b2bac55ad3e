// A virtio socket device (virtio 1.2, section 5.10) as a vhost-user back-end: stream connections between
// guest and host, each joined to a local stream socket. No guest can open more than VSOCK_CONNECTIONS_MOST,
// nor make us hold more than VSOCK_BUFFER_SIZE bytes for each.
#pragma once

#include <stdint.h>
#include <uv.h>

#include "core/base/error.h"
#include "vm/guest_memory.h"

#define VSOCK_CONNECTIONS_MOST 1024

typedef struct vsock vsock;

/// A dialled connection is there, or the error says why not. When vsock_dial was given no descriptor, fd is
/// the connection and owned by the callee; else it is the one given, borrowed, and nothing was written to it
/// yet.
typedef void (*vsock_dialled)(int fd, uint32_t host_port, const holm_error *error, void *data);
/// The guest has dialled `port`: fd is the connection, owned by the callee.
typedef void (*vsock_accepted)(int fd, uint32_t port, void *data);

/// vhost_user_fd: our end of the VMM's socket, taken over, always. `lost` comes once when the VMM has gone or
/// broken the protocol; the device is of no more use then. None of the callbacks of this device may destroy
/// it.
vsock *vsock_create(uv_loop_t *loop, int vhost_user_fd, guest_memory *memory, uint32_t context_id,
                    void (*lost)(const holm_error *error, void *data), void *data, holm_error **error);
/// Dials a port of the guest. fd (or -1: a socket pair is made) becomes the local end and is taken over. A
/// call before the guest's driver is there waits for it.
void vsock_dial(vsock *self, uint32_t port, int fd, vsock_dialled done, void *data);
/// Lets the guest dial `port`; accepted NULL: no longer.
int vsock_listen(vsock *self, uint32_t port, vsock_accepted accepted, void *data, holm_error **error);
/// Starts over with another VMM: connections are dropped, dials that are under way come with an error,
/// listeners stay. The memory is where it was, with a table that the new VMM will set.
int vsock_restart(vsock *self, int vhost_user_fd, holm_error **error);
/// Accepts NULL. Dials that are under way come with an error first.
void vsock_destroy(vsock *self);
