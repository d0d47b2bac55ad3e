// The system calls a container does not get: those that Docker's default profile keeps back, as a deny list
// in a raw BPF program (seccomp(2)). The kernel behind it is the VM's own; this narrows what a process can do
// to the agent.
#pragma once

#include <stdint.h>

#include "core/base/error.h"

/// Loads the filter. `capabilities` is the container's set: a call that a capability stands for is let
/// through with it (mount(2) with SYS_ADMIN …). Needs CAP_SYS_ADMIN or no_new_privs.
int seccomp_load(uint64_t capabilities, holm_error **error);
