// The shim's service as a client calls it (shim.proto): rpc_call_open(connection, &shim_protocol, "Attach",
// …).
#pragma once

#include "core/container/shim.pb-c.h"
#include "core/rpc/rpc.h"

/// Method descriptors without handlers.
extern const rpc_service shim_protocol;
