// What the files of the hostile guest share.
#pragma once

/// A connection to a port of the host, -1: refused.
int vsock_dial(unsigned port);
/// Takes the vsock device from the kernel and drives its rings against every rule. Does not return.
void attack_rings(void);
