// One call with one request and one answer, from its message to its reply: at once, from a worker thread, or
// when something has happened.
#pragma once

#include <uv.h>

#include "core/rpc/rpc.h"

typedef struct agent agent;
typedef struct call call;

/// Answers at once, on the loop: returns the response (allocated; freed with its strings by the caller), or
/// NULL and *error.
typedef ProtobufCMessage *(*call_direct)(agent *self, const ProtobufCMessage *request, holm_error **error);
/// The same on a worker thread, for what may block. Must not touch what belongs to the loop.
typedef ProtobufCMessage *(*call_blocking)(agent *self, const ProtobufCMessage *request, holm_error **error);
/// Answers later, with exactly one call_reply or call_fail (from the loop).
typedef void (*call_later)(agent *self, const ProtobufCMessage *request, call *answer);

void call_open_direct(rpc_stream *stream, agent *self, call_direct run);
void call_open_blocking(rpc_stream *stream, agent *self, call_blocking run);
void call_open_later(rpc_stream *stream, agent *self, call_later run);

/// Both end the call; it may not be used afterwards. When the client has gone away they do nothing else.
void call_reply(call *answer, const ProtobufCMessage *response);
void call_fail(call *answer, const holm_error *error);
/// A response without content.
void call_reply_empty(call *answer);
ProtobufCMessage *call_empty(void);
/// `gone` is told when the client goes away before the answer; it then ends the call with call_fail.
void call_on_gone(call *answer, void (*gone)(call *answer, void *data), void *data);
