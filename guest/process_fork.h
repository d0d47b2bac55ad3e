// Forking the child of a process into the container's namespaces.
#pragma once

#include "guest/process.h"

/// Starts the child that becomes `self`: pipes or terminal, control group, namespaces; sets its pid, streams
/// and report channel. Where it goes on from there is told by that channel.
int process_fork(process *self, const Holm__Agent__V1__Process *request, watch_ready report,
                 holm_error **error);
