#include "core/rpc/frame.h"

#include <stdlib.h>
#include <string.h>

#include "core/rpc/rpc.h"

#define KEEP_CAPACITY (512u << 10) // a larger buffer is given back once it is empty

// Memory that one decoded message may take: small fields grow when decoded, so more than its bytes.
#define DECODED_MAX ((size_t)16 * RPC_MESSAGE_MAX)

static size_t message_length(const uint8_t *header) {
    return (size_t)header[1] << 24 | (size_t)header[2] << 16 | (size_t)header[3] << 8 | header[4];
}

static rpc_frame_status check_header(const uint8_t *header) {
    if (header[0])
        return RPC_FRAME_COMPRESSED;
    return message_length(header) > RPC_MESSAGE_MAX ? RPC_FRAME_TOO_LARGE : RPC_FRAME_MESSAGE;
}

size_t rpc_frame_length(const uint8_t *header) {
    return RPC_FRAME_HEADER + message_length(header);
}

// Drops what is done with. Nothing may point into the bytes any more.
static void compact(rpc_frame_reader *self) {
    if (self->taken < self->bytes.length) {
        buffer_consume(&self->bytes, self->taken);
    } else if (self->bytes.capacity > KEEP_CAPACITY) {
        buffer_finish(&self->bytes);
    } else {
        buffer_clear(&self->bytes);
    }
    self->taken = 0;
}

size_t rpc_frame_reader_held(const rpc_frame_reader *self) {
    return self->bytes.length - self->taken;
}

void rpc_frame_reader_finish(rpc_frame_reader *self) {
    buffer_finish(&self->bytes);
    self->taken = 0;
}

void rpc_frame_reader_keep(rpc_frame_reader *self, rpc_frame_span chunk) {
    if (!chunk.length)
        return;
    if (self->taken)
        compact(self);
    buffer_append(&self->bytes, chunk.data, chunk.length);
}

// Moves bytes from the chunk until `wanted` are held, or the chunk is empty.
static bool top_up(rpc_frame_reader *self, rpc_frame_span *chunk, size_t wanted) {
    size_t held = rpc_frame_reader_held(self);
    if (held >= wanted)
        return true;
    size_t more = wanted - held < chunk->length ? wanted - held : chunk->length;
    rpc_frame_reader_keep(self, (rpc_frame_span){chunk->data, more});
    chunk->data += more;
    chunk->length -= more;
    return held + more == wanted;
}

// The next message straight from the chunk, when nothing is held: no copy.
static rpc_frame_status next_in_chunk(rpc_frame_reader *self, rpc_frame_span *chunk,
                                      rpc_frame_span *message) {
    if (chunk->length >= RPC_FRAME_HEADER) {
        rpc_frame_status status = check_header(chunk->data);
        if (status != RPC_FRAME_MESSAGE)
            return status;
        size_t length = message_length(chunk->data);
        if (chunk->length - RPC_FRAME_HEADER >= length) {
            *message = (rpc_frame_span){chunk->data + RPC_FRAME_HEADER, length};
            chunk->data += RPC_FRAME_HEADER + length;
            chunk->length -= RPC_FRAME_HEADER + length;
            return RPC_FRAME_MESSAGE;
        }
    }
    rpc_frame_reader_keep(self, *chunk);
    *chunk = (rpc_frame_span){0};
    return RPC_FRAME_MORE;
}

rpc_frame_status rpc_frame_reader_next(rpc_frame_reader *self, rpc_frame_span *chunk,
                                       rpc_frame_span *message) {
    if (!rpc_frame_reader_held(self)) {
        compact(self);
        return next_in_chunk(self, chunk, message);
    }
    if (!top_up(self, chunk, RPC_FRAME_HEADER))
        return RPC_FRAME_MORE;
    rpc_frame_status status = check_header(self->bytes.data + self->taken);
    if (status != RPC_FRAME_MESSAGE)
        return status;
    size_t length = message_length(self->bytes.data + self->taken);
    if (!top_up(self, chunk, RPC_FRAME_HEADER + length))
        return RPC_FRAME_MORE;
    *message = (rpc_frame_span){self->bytes.data + self->taken + RPC_FRAME_HEADER, length};
    self->taken += RPC_FRAME_HEADER + length;
    return RPC_FRAME_MESSAGE;
}

bool rpc_frame_append(buffer *out, const ProtobufCMessage *message) {
    size_t length = protobuf_c_message_get_packed_size(message);
    if (length > RPC_MESSAGE_MAX)
        return false;
    buffer_reserve(out, RPC_FRAME_HEADER + length);
    uint8_t *frame = out->data + out->length;
    frame[0] = 0;
    frame[1] = (uint8_t)(length >> 24);
    frame[2] = (uint8_t)(length >> 16);
    frame[3] = (uint8_t)(length >> 8);
    frame[4] = (uint8_t)length;
    protobuf_c_message_pack(message, frame + RPC_FRAME_HEADER);
    out->length += RPC_FRAME_HEADER + length;
    out->data[out->length] = 0;
    return true;
}

static void *allocate_bounded(void *data, size_t size) {
    size_t *left = data;
    if (size > *left)
        return NULL;
    *left -= size;
    return malloc(size);
}

static void free_bounded(void *data, void *pointer) {
    (void)data;
    free(pointer);
}

ProtobufCMessage *rpc_message_decode(const ProtobufCMessageDescriptor *descriptor, rpc_frame_span bytes) {
    size_t left = DECODED_MAX;
    ProtobufCAllocator allocator = {allocate_bounded, free_bounded, &left};
    static const uint8_t nothing[1];
    return protobuf_c_message_unpack(descriptor, &allocator, bytes.length,
                                     bytes.length ? bytes.data : nothing);
}

void rpc_message_free(ProtobufCMessage *message) {
    size_t left = 0;
    ProtobufCAllocator allocator = {allocate_bounded, free_bounded, &left};
    if (message)
        protobuf_c_message_free_unpacked(message, &allocator);
}
