// Which devices the container may open: a BPF program on its control group (BPF_PROG_TYPE_CGROUP_DEVICE).
//
// Without it a process that may make device nodes, as in Docker's default set, could read and write the
// machine's disks below their file systems.
#pragma once

#include "core/base/error.h"

/// Lets the processes of the group `cgroup` (a path) use the harmless devices of every container only. The
/// program is checked by the kernel here, which takes it a while: done before the machine becomes a template.
/// Returns the program.
int device_filter_attach(const char *cgroup, holm_error **error);
/// Takes it off again, for a container with privileges.
int device_filter_detach(const char *cgroup, int program, holm_error **error);
