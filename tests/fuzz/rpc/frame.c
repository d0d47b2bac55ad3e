// Reassembly and decoding: however the bytes are cut, the same messages come out.
#include <stdlib.h>

#include "core/rpc/frame.h"
#include "tests/unit/rpc/echo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t read_all(const uint8_t *data, size_t size, size_t step) {
    rpc_frame_reader reader = {0};
    rpc_frame_status status = RPC_FRAME_MORE;
    uint64_t digest = ECHO_DIGEST_START;
    for (size_t at = 0; at < size && status == RPC_FRAME_MORE; at += step) {
        rpc_frame_span chunk = {data + at, step < size - at ? step : size - at};
        rpc_frame_span bytes;
        while ((status = rpc_frame_reader_next(&reader, &chunk, &bytes)) == RPC_FRAME_MESSAGE) {
            ProtobufCMessage *message = rpc_message_decode(&holm__test__v1__blob__descriptor, bytes);
            digest = echo_digest(digest + !message, bytes.data, bytes.length);
            rpc_message_free(message);
        }
    }
    rpc_frame_reader_finish(&reader);
    return digest + status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1)
        return 0;
    if (read_all(data + 1, size - 1, size) != read_all(data + 1, size - 1, 1 + data[0]))
        abort();
    return 0;
}
