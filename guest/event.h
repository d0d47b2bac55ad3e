// What happens in the machine, told to every listener of Events.
#pragma once

#include "guest/agent.h"

/// A new Events call: gets a Ready, then everything from now on.
void event_open(rpc_stream *stream, void *agent);
void event_process_exit(agent *self, const Holm__Agent__V1__ProcessExit *exit);
void event_filesystem_error(agent *self, const char *path, const char *text);
/// Begins to watch the container's group for kills by the memory killer.
int event_watch_memory(agent *self, holm_error **error);
