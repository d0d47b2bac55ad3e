// Unix sockets in the container joined to vsock ports outside: the calls RelaySocket and StopRelay.
#pragma once

#include "guest/agent.h"
#include "guest/call.h"

ProtobufCMessage *relay_start(agent *self, const ProtobufCMessage *request, holm_error **error);
/// Ends all of them: their sockets keep the root file system busy.
void relay_stop_all(agent *self);
ProtobufCMessage *relay_stop(agent *self, const ProtobufCMessage *request, holm_error **error);
