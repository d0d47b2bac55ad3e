// The page cache of a container that does nothing goes back to the host.
#pragma once

#include "guest/agent.h"

/// From now on looks at the container every RECLAIM_LOOK_MS: when it has used hardly any CPU between three
/// looks, half of its page cache is reclaimed (memory.reclaim, cgroup v2), again at each look while it stays
/// idle, down to RECLAIM_KEPT_BYTES. What is free in the guest the balloon reports to the host. A container
/// that works keeps its cache.
void reclaim_start(agent *self);

/// The call ReclaimMemory. Blocks.
ProtobufCMessage *reclaim_call(agent *self, const ProtobufCMessage *request, holm_error **error);

#define RECLAIM_LOOK_MS    5000
#define RECLAIM_KEPT_BYTES (8U << 20)
