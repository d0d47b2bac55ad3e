// Length-prefixed messages of gRPC: one flag byte, four bytes of length (big endian), the message.
// Specification: "gRPC over HTTP2", Length-Prefixed-Message.
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/buffer.h"

#define RPC_FRAME_HEADER 5u

typedef enum rpc_frame_status {
    RPC_FRAME_MORE,       ///< no whole message there
    RPC_FRAME_MESSAGE,    ///< one message
    RPC_FRAME_TOO_LARGE,  ///< longer than RPC_MESSAGE_MAX: the stream cannot go on
    RPC_FRAME_COMPRESSED, ///< the flag byte is not 0: nobody agreed on that
} rpc_frame_status;

/// Bytes that have arrived, on their way to become messages.
typedef struct rpc_frame_reader {
    buffer bytes;
    size_t taken; ///< bytes at the front of `bytes` that are done with
} rpc_frame_reader;

typedef struct rpc_frame_span {
    const uint8_t *data;
    size_t length;
} rpc_frame_span;

/// Keeps a whole chunk for later.
void rpc_frame_reader_keep(rpc_frame_reader *self, rpc_frame_span chunk);
/// Takes the next message from what is kept and then from the front of `chunk`, which is moved on. `message`
/// points into either and is valid until the next call. With RPC_FRAME_MORE the chunk is used up.
rpc_frame_status rpc_frame_reader_next(rpc_frame_reader *self, rpc_frame_span *chunk,
                                       rpc_frame_span *message);
/// Bytes held.
size_t rpc_frame_reader_held(const rpc_frame_reader *self);
void rpc_frame_reader_finish(rpc_frame_reader *self);

/// Appends header and encoded message. Returns false, and appends nothing, for one above RPC_MESSAGE_MAX.
bool rpc_frame_append(buffer *out, const ProtobufCMessage *message);

/// Bytes of the frame that begins at `header`, with its header. It must be one of our own.
size_t rpc_frame_length(const uint8_t *header);

/// Decodes one message with a bound on the memory it may take. NULL when it is malformed or over the bound.
/// Freed with rpc_message_free.
ProtobufCMessage *rpc_message_decode(const ProtobufCMessageDescriptor *descriptor, rpc_frame_span bytes);
void rpc_message_free(ProtobufCMessage *message);
