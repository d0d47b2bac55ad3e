// Forking a process that has handlers, descriptors and threads of its own.
#pragma once

#include <stddef.h>
#include <sys/types.h>

/// fork(2) with all signals waiting meanwhile, so that no handler of ours runs in the child. There they stay
/// blocked until forking_reset_signals.
pid_t forking_fork(void);
/// In the child: every signal at its default and unblocked.
void forking_reset_signals(void);
/// In the child: closes everything above 2 but these (those below 0 are none). Sorts `keep`. A pipe held open
/// here would never end for the process it belongs to.
void forking_keep_only(int *keep, size_t count);
