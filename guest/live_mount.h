// One mount more in the running container, and one less. It is made in the agent's own mounts, beneath the
// container's root, which is shared: so the container gets it.
#pragma once

#include "guest/agent.h"

/// Calls.
ProtobufCMessage *live_mount_add(agent *self, const ProtobufCMessage *request, holm_error **error);
ProtobufCMessage *live_mount_remove(agent *self, const ProtobufCMessage *request, holm_error **error);
