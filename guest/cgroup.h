// The container's control group (cgroup v2): limits, kills, who is in it.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "guest/agent.pb-c.h"

#include "core/base/error.h"

/// Sets every limit of the message; 0 takes a limit away (the weight: leaves it).
int cgroup_set_limits(const Holm__Agent__V1__Limits *limits, holm_error **error);
/// Opens the list of processes of the group to join it: the container's own, or where that one is divided (an
/// init system inside has done so) the group of the process `init`, if any. O_WRONLY, written with "0".
int cgroup_open_join(pid_t init, holm_error **error);
/// How often the kernel's memory killer ended something in the group.
uint64_t cgroup_oom_kills(void);
/// Kills every process of the group at once.
int cgroup_kill(holm_error **error);
/// Calls `visit` with each process of the group and of those below it, at most `most` in all.
void cgroup_each(size_t most, void (*visit)(pid_t pid, void *data), void *data);
/// One file of the group as text ("memory.current"); NULL when it is not there. The caller frees it.
char *cgroup_read(const char *name);
