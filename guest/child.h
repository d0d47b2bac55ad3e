// The way of one process from fork to exec: namespaces, mounts, terminal, user, limits, privileges.
//
// Everything here runs in the forked child. What goes wrong is told to the agent over a socket; an exec that
// works closes that socket.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "guest/agent.pb-c.h"
#include "guest/container_mounts.h"

#include "core/base/error.h"

#define CHILD_REPORT_TEXT 1000

#define CHILD_STEPS 5
extern const char *const child_step_names[CHILD_STEPS];

typedef enum child_report_kind {
    CHILD_REPORT_READY = 1, ///< set up, waits for one byte to run; carries the terminal's descriptors, if any
    CHILD_REPORT_ERROR,
} child_report_kind;

/// One message of the child (SOCK_SEQPACKET). READY comes with three descriptors (the terminal's master and
/// slave, the container's devpts) from the first process when it has a terminal, else with devpts alone from
/// the first process, else with none.
typedef struct child_report {
    uint32_t kind;
    uint64_t times[CHILD_STEPS + 1]; ///< of READY: when it began, and when each of child_step_names was done
    uint32_t code;                   ///< holm_error_code
    char text[CHILD_REPORT_TEXT];
} child_report;

typedef struct child_request {
    const Holm__Agent__V1__Process *process;
    bool first;                          ///< the container's own process: makes the namespaces and mounts
    container_mounts mounts;             ///< of the first process
    Holm__Agent__V1__KeyValue **sysctls; ///< those that belong to the namespaces (first process)
    size_t sysctl_count;
    char *const *environment; ///< KEY=value; on them lies the process's own
    size_t environment_count;
    int init_pidfd; ///< whose namespaces to join; -1 for the first
    int cgroup;     ///< from cgroup_open_join
    int report;     ///< our end of the socket
    int stdio[3];   ///< for 0, 1 and 2; the terminal in all three, or -1 when it is made here (first process)
    bool wait;      ///< run only when told
} child_request;

/// Sets the error of `what`, which needs the container's first process: setns says ESRCH once that one is
/// ending, and its namespace has no place for another (ENOMEM of fork, see pid_namespaces(7)).
void child_error_set(holm_error **error, int number, int init_pidfd, const char *what);

/// Never returns.
void child_run(const child_request *request) __attribute__((noreturn));
