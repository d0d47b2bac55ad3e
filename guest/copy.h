// The call Copy: a tar stream between a client and a process of ours that packs or unpacks.
#pragma once

#include "guest/agent.h"

void copy_open(rpc_stream *stream, void *agent);
