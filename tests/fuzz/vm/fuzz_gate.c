// The first line of the hybrid socket: what is taken is the same however the bytes arrive.
#include <stdlib.h>

#include "vm/vsock_gate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint32_t port = 0, piecewise = 0;
    if (size > VSOCK_GATE_LINE_MOST)
        size = VSOCK_GATE_LINE_MOST;
    int whole = vsock_gate_parse((const char *)data, size, &port), part = 0;
    for (size_t length = 1; length <= size && part == 0; length++)
        part = vsock_gate_parse((const char *)data, length, &piecewise);
    if (size > 0 && (whole > 0) != (part > 0))
        abort();
    if (whole > 0 && (whole != part || port != piecewise || data[whole - 1] != '\n'))
        abort();
    return 0;
}
