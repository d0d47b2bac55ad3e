// Who a process is and what it may do: user, groups, folder, environment, limits, capabilities; then the
// program.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest/account.h"
#include "guest/agent.pb-c.h"

#include "core/base/error.h"

typedef struct child_user {
    account account;
    uint64_t capabilities;
    char **environment; ///< NULL-terminated
} child_user;

/// As root and inside the container: resolves the user, makes and enters the folder, sets limits, builds the
/// environment. Nothing is freed: exec follows, or the end.
int child_user_prepare(child_user *self, const Holm__Agent__V1__Process *process, char *const *defaults,
                       size_t default_count, holm_error **error);
/// Gives 0, 1 and 2 to the user, who may want to open them by name.
int child_user_own_stdio(const child_user *self, bool terminal, holm_error **error);
/// Drops what is to be dropped and runs the program. Returns only when that has failed: PROGRAM_NOT_FOUND,
/// NOT_EXECUTABLE, or what else was wrong.
int child_user_exec(const child_user *self, const Holm__Agent__V1__Process *process, holm_error **error);
