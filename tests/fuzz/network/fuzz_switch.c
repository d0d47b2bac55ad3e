// Frames of any kind through the switch: the first byte of each says who sends it, two more how long it is.
#include <stdlib.h>
#include <string.h>

#include "core/network/switch.h"

enum { PLAIN, ALLOWED, GATEWAY }; // who sends

static void to_port(void *port_data, const uint8_t *frame, size_t length, void *data) {
    const uint8_t *own = port_data;
    const uint8_t *from = data;
    // No port is given its own frames back, nobody anything that is not whole.
    if (length < ETHERNET_HEADER || (*from != GATEWAY && memcmp(frame + 6, own, 6) == 0))
        abort();
}

static void to_gateway(const uint8_t *frame, size_t length, void *data) {
    ethernet_frame parsed;
    const uint8_t *from = data;
    if (!ethernet_parse(frame, length, &parsed))
        abort();
    if (parsed.is_ipv4 && parsed.ipv4_destination >> 24 == 127)
        abort(); // the host's loopback is closed
    if (parsed.is_ipv4 && parsed.ipv4_destination == SWITCH_HOST_IP && *from != ALLOWED)
        abort(); // and its own address to all but one
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    static const switch_output output = {to_port, to_gateway};
    uint8_t macs[2][6] = {{0x52, 0x54, 0, 0, 0, 2}, {0x52, 0x54, 0, 0, 0, 3}};
    uint8_t from = GATEWAY;
    network_switch *fabric = switch_create(0x0a580001, &output, &from);
    switch_port *ports[2];
    for (uint32_t i = 0; i < 2; i++)
        ports[i] = switch_port_add(fabric, macs[i], 0x0a580002 + i, macs[i]);
    switch_port_allow_host(fabric, ports[ALLOWED]);
    while (size >= 3) {
        size_t length = (size_t)(bytes[1] << 8 | bytes[2]);
        from = bytes[0] % 3;
        bytes += 3, size -= 3;
        if (length > size)
            length = size;
        if (from == GATEWAY)
            switch_input_gateway(fabric, bytes, length);
        else
            switch_input_port(fabric, ports[from], bytes, length);
        bytes += length, size -= length;
    }
    switch_destroy(fabric);
    return 0;
}
