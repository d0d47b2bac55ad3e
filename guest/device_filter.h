// Which devices the container may open: a BPF program on its control group (BPF_PROG_TYPE_CGROUP_DEVICE).
//
// Without it a process that may make device nodes, as in Docker's default set, could read and write the
// machine's disks below their file systems.
#pragma once

#include "core/base/error.h"

/// Lets the processes of the group `cgroup` (a path) use the harmless devices of every container only.
int device_filter_attach(const char *cgroup, holm_error **error);
