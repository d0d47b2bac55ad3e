// The vhost-user messages of a VMM that was taken over: any request, any payload, the wrong descriptors.
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/vm/rings.h"

#define MESSAGES_MOST 48

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// One message: request, length, which descriptors, then the payload, with real addresses where the fuzzer
// asks.
static size_t message(rings *self, const uint8_t *data, size_t size) {
    uint8_t payload[512] = {0};
    uint32_t length = data[1];
    int fds[9];
    unsigned count = data[2] % 10;
    for (unsigned i = 0; i < count && i < 9; i++) {
        const int choices[] = {self->memory.fd, self->kicks[i & 1], self->calls[i & 1], self->socket};
        fds[i] = choices[data[2] >> 4 & 3];
    }
    size_t part = size - 3 < length ? size - 3 : length;
    memcpy(payload, data + 3, part);
    // An address of a ring is RINGS_USER and some; chance would not find it.
    if (data[0] & 0x80)
        for (size_t at = 8; at + 8 <= length; at += 8) {
            uint64_t value;
            memcpy(&value, payload + at, 8);
            value = RINGS_USER + (value & (RINGS_MEMORY - 1));
            memcpy(payload + at, &value, 8);
        }
    rings_message(self, data[0] & 0x7f, payload, length, fds, count > 9 ? 9 : count);
    return 3 + part;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static rings self;
    rings_create(&self);
    if (size > 0 && data[0] & 1)
        rings_connect(&self);
    size_t at = size > 0;
    for (int i = 0; i < MESSAGES_MOST && at + 3 <= size; i++) {
        uint8_t reply[256];
        at += message(&self, data + at, size - at);
        while (recv(self.socket, reply, sizeof reply, MSG_DONTWAIT) > 0)
            continue;
    }
    rings_destroy(&self);
    return 0;
}
