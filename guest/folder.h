// The calls ListFolder and ReadFile: each is a process of ours that looks, and one message that it leaves.
#pragma once

#include "guest/agent.h"
#include "guest/call.h"

void folder_list(agent *self, const ProtobufCMessage *request, call *answer);
void folder_read_file(agent *self, const ProtobufCMessage *request, call *answer);
