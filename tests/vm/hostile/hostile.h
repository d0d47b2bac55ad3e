// What the files of the hostile guest share.
#pragma once

#include <stddef.h>
#include <stdint.h>

/// A connection to a port of the host, -1: refused.
int vsock_dial(unsigned port);
/// Takes the vsock device from the kernel and drives its rings against every rule. Does not return.
void attack_rings(void);

/// Sends the shim a frame of HTTP/2.
void frame_send(int type, int flags, uint32_t stream, const void *payload, size_t length);

/// Reads how the shim begins. What it says and cannot be understood ends the guest: its test sees that.
void calls_begin(int fd);
/// Waits for a call of that name, and takes it: its stream.
uint32_t call_wait(int fd, const char *method);
