// The agent's door: vsock port 1024, for the host alone.
#pragma once

#include "core/base/acceptor.h"
#include "guest/agent.h"

/// Listens, before there may even be a vsock device. Connections go to the agent's server.
acceptor *listener_create(agent *self, holm_error **error);
