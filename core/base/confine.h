// Giving up rights for good: no_new_privs, Landlock (Documentation/userspace-api/landlock.rst) and seccomp.
// For a child right before exec, and for a process of ours once it has opened what it needs.
//
// Descriptors that are open stay usable; what is confined is what can be reached from now on. Landlock takes
// paths away from ABI 1 (Linux 5.13) on; TCP, signals and abstract sockets from later ones. Where the kernel
// has none, that part is left out and confine_create says so in the log.
#pragma once

#include <stdbool.h>

#include "core/base/error.h"

/// Lists end with NULL and may be NULL. A path that is not there is skipped. A folder stands for all beneath
/// it.
typedef struct confine_rules {
    const char *const *read_only;
    const char *const *read_write; ///< in folders also making and removing files, folders, links and sockets
    const char *const *execute;    ///< also read; with start_programs only
    bool network;                  ///< IP and netlink sockets
    bool unix_sockets;             ///< making, binding and connecting unix sockets (socket pairs always work)
    bool accept;                   ///< without the two above: accepting on sockets that listen already
    bool signals;                  ///< to processes outside of the confinement (children from before it)
    bool start_programs;           ///< execve; must be set for the confinement of a child before its exec
    bool namespaces;               ///< new namespaces and mounts in them
} confine_rules;

typedef struct confine confine;

confine *confine_create(const confine_rules *rules);
/// Confines the calling thread and what it starts from now on: call it before there are other threads. Only
/// async-signal-safe calls. 0, or an errno: then the process is only partly confined and should end.
int confine_enter(const confine *self);
/// The same as process_options.before_exec wants it.
int confine_before_exec(void *self);
void confine_destroy(confine *self);

CLEANUP_DEFINE(confine, confine_cleanup, confine_destroy)

/// The version of Landlock that the kernel has; 0: none.
int confine_landlock_version(void);
