// Frames of any kind through the switch: the first byte of each says who sends it, two more how long it is.
#include <stdlib.h>
#include <string.h>

#include "core/network/neighbour.h"
#include "core/network/switch.h"

#define PREFIX 0xfd, 0x12, 0x34

enum { PLAIN, ALLOWED, GATEWAY }; // who sends

static void to_port(void *port_data, const uint8_t *frame, size_t length, void *data) {
    const uint8_t *own = port_data;
    const uint8_t *from = data;
    // No port is given its own frames back, nobody anything that is not whole.
    if (length < ETHERNET_HEADER || (*from != GATEWAY && memcmp(frame + 6, own, 6) == 0))
        abort();
    ethernet_frame parsed;
    neighbour_message said;
    if (!ethernet_parse(frame, length, &parsed) || !parsed.is_ipv6)
        return;
    neighbour_parse(&parsed, &said);
    if (said.kind == NEIGHBOUR_ROUTER_ADVERTISEMENT || said.kind == NEIGHBOUR_REDIRECT)
        abort(); // nobody is told of routers
    if (*from == GATEWAY || said.kind == NEIGHBOUR_ADVERTISEMENT)
        return; // the switch says them, too
    if (parsed.ipv6_source[0] == 0 || parsed.ipv6_source[15] != frame[11])
        abort(); // each as itself: both of its addresses end as its MAC does
}

static void to_gateway(const uint8_t *frame, size_t length, void *data) {
    ethernet_frame parsed;
    const uint8_t *from = data;
    if (!ethernet_parse(frame, length, &parsed))
        abort();
    if (parsed.is_ipv4 && parsed.ipv4_destination >> 24 == 127)
        abort(); // the host's loopback is closed
    if (switch_is_for_host(&parsed) && *from == PLAIN)
        abort(); // and its own addresses to all but one
    const uint8_t *to = parsed.ipv6_destination;
    if (*from != GATEWAY && parsed.is_ipv6 && (to[0] == 0xff || (to[0] == 0 && to[1] == 0)))
        abort(); // the same of IPv6
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    static const switch_output output = {to_port, to_gateway};
    uint8_t macs[2][6] = {{0x52, 0x54, 0, 0, 0, 2}, {0x52, 0x54, 0, 0, 0, 3}};
    uint8_t from = GATEWAY;
    const switch_gateway gateway = {
        .ip = 0x0a580001, .has_ip6 = true, .ip6 = {PREFIX, [15] = 1}, .mac = {0x52, 0x55, 10, 88, 0, 1}};
    network_switch *fabric = switch_create(&gateway, &output, &from);
    switch_port *ports[2];
    for (uint8_t i = 0; i < 2; i++) {
        const ethernet_host host = {
            .ip = 0x0a580002u + i, .has_ip6 = true, .ip6 = {PREFIX, [15] = (uint8_t)(2 + i)}};
        ports[i] = switch_port_add(fabric, macs[i], &host, macs[i]);
    }
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
