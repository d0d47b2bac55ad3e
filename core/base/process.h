// Starting processes: with exactly the descriptors they are given, ending with their parent, known by a
// pidfd.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "core/base/error.h"

typedef struct process_fd {
    int from; ///< a descriptor of ours
    int to;   ///< its number in the child
} process_fd;

typedef struct process_options {
    const char *const *argv; ///< NULL-terminated; argv[0] is searched in PATH when it has no slash
    const char *const *envp; ///< NULL-terminated; NULL: ours
    const process_fd
        *fds; ///< at least 0, 1 and 2 where they matter; what is not named is closed (0 to 2: /dev/null)
    size_t fd_count;
    const char *directory; ///< working folder, or NULL
    bool die_with_parent; ///< SIGKILL when the calling thread ends; the child ends by itself when that is too
                          ///< late
    bool new_session;     ///< setsid()
    bool hold_signals;    ///< SIGTERM, SIGINT and SIGHUP stay blocked: who ends everyone means its parent
    /// Runs in the child right before exec (confinement); async-signal-safe. Non-zero: the spawn fails with
    /// that errno.
    int (*before_exec)(void *data);
    void *before_exec_data;
} process_options;

/// Starts it. *pid and *pidfd (close-on-exec, owned by the caller) are set; either may be NULL. An exec that
/// fails is reported here, as an error.
int process_spawn(const process_options *options, pid_t *pid, int *pidfd, holm_error **error);

/// Reaps the ended child: its exit code, or 128 + the signal. Blocks until it has ended.
int process_wait(int pidfd);
