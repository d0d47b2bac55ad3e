// The way to a guest's ports by path, for other processes of the same user: two unix sockets in the machine's
// runtime folder, which is the boundary (0700).
//
//   vsock.sock   says "CONNECT <port>\n" and is answered "OK <our port>\n" (as Firecracker and
//   cloud-hypervisor
//                have it), then is the connection; any other first line, or a port where nobody listens, ends
//                it
//   agent.sock   is a connection to port 1024 right away
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "core/base/error.h"
#include "vm/vsock.h"

#define VSOCK_GATE_LINE_MOST 32

typedef struct vsock_gate vsock_gate;

/// fixed_port: 0 for the form with a first line. `vsock` is borrowed and must outlive it.
vsock_gate *vsock_gate_create(uv_loop_t *loop, vsock *vsock, const char *path, uint32_t fixed_port,
                              holm_error **error);
/// Removes the socket. Accepts NULL.
void vsock_gate_destroy(vsock_gate *self);

/// Reads a first line of which `length` bytes are there: the bytes it takes, with *port; 0 when it is not
/// whole yet; -1 when it is none.
int vsock_gate_parse(const char *text, size_t length, uint32_t *port);
