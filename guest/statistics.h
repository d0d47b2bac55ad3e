// What the container uses, and who runs in it.
#pragma once

#include "guest/agent.h"
#include "guest/call.h"

ProtobufCMessage *statistics_call(agent *self, const ProtobufCMessage *request, holm_error **error);
ProtobufCMessage *process_list_call(agent *self, const ProtobufCMessage *request, holm_error **error);
