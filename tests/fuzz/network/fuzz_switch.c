// Frames of any kind through the switch, and echo requests outside and back: the first byte of each says who
// sends it, two more how long it is.
#include <stdlib.h>
#include <string.h>

#include "core/network/echo.h"
#include "core/network/neighbour.h"
#include "core/network/switch.h"

#define PREFIX 0xfd, 0x12, 0x34

enum { PLAIN, ALLOWED, GATEWAY }; // who sends

typedef struct world {
    uint8_t from;
    network_switch *fabric;
    echo_table *echo;
} world;

static void to_port(void *port_data, const uint8_t *frame, size_t length, void *data) {
    const uint8_t *own = port_data;
    const uint8_t *from = &((const world *)data)->from;
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

// What comes back is whole, and for who asked.
static void give_back(world *self, const ethernet_frame *asked, const uint8_t *frame, size_t length) {
    ethernet_frame parsed;
    if (length == 0)
        return;
    if (length > ECHO_FRAME_SIZE || !ethernet_parse(frame, length, &parsed) || !parsed.icmp6 ||
        length != ETHERNET_ICMPV6_HEADERS + parsed.icmp6_length ||
        memcmp(parsed.destination, asked->source, ETHERNET_ADDRESS) != 0 ||
        memcmp(parsed.ipv6_destination, asked->ipv6_source, ETHERNET_IP6) != 0)
        abort();
    const uint8_t from = self->from;
    self->from = GATEWAY;
    switch_input_gateway(self->fabric, frame, length);
    self->from = from;
}

// Out, and back as what the frame's own bytes say.
static void echo(world *self, const ethernet_frame *frame) {
    static uint8_t out[ECHO_FRAME_SIZE], message[ETHERNET_MAX];
    if (!echo_is_request(self->echo, frame))
        return;
    const uint8_t kind = frame->icmp6[4], code = frame->icmp6[5];
    memcpy(message, frame->icmp6, frame->icmp6_length);
    echo_received got = {.from = frame->ipv6_destination,
                         .to = frame->ipv6_destination,
                         .hops = frame->ipv6_hops,
                         .message = message,
                         .length = frame->icmp6_length};
    give_back(self, frame, out, echo_make_refusal(self->echo, frame, kind, code, out));
    for (int i = 0; i < 3; i++) { // the last one is for nobody any more
        if (i < 2) {
            const uint16_t number = echo_take(self->echo, frame);
            message[6] = (uint8_t)(number >> 8), message[7] = (uint8_t)number;
        }
        message[0] = i == 0 ? ETHERNET_ECHO_REQUEST : 129;
        size_t length = i == 0 ? echo_make_error(self->echo, &got, kind, code, out)
                               : echo_make_reply(self->echo, &got, out);
        if (i == 2 && length && message[0] == 129)
            abort();
        give_back(self, frame, out, length);
    }
}

static void to_gateway(const uint8_t *frame, size_t length, void *data) {
    ethernet_frame parsed;
    world *self = data;
    const uint8_t *from = &self->from;
    if (!ethernet_parse(frame, length, &parsed))
        abort();
    if (parsed.is_ipv4 && parsed.ipv4_destination >> 24 == 127)
        abort(); // the host's loopback is closed
    if (switch_is_for_host(&parsed) && *from == PLAIN)
        abort(); // and its own addresses to all but one
    const uint8_t *to = parsed.ipv6_destination;
    if (*from != GATEWAY && parsed.is_ipv6 && (to[0] == 0xff || (to[0] == 0 && to[1] == 0)))
        abort(); // the same of IPv6
    if (*from != GATEWAY && !switch_is_for_host(&parsed))
        echo(self, &parsed);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    static const switch_output output = {to_port, to_gateway};
    uint8_t macs[2][6] = {{0x52, 0x54, 0, 0, 0, 2}, {0x52, 0x54, 0, 0, 0, 3}};
    world self = {.from = GATEWAY};
    const switch_gateway gateway = {
        .ip = 0x0a580001, .has_ip6 = true, .ip6 = {PREFIX, [15] = 1}, .mac = {0x52, 0x55, 10, 88, 0, 1}};
    ethernet_end6 own;
    memcpy(own.mac, gateway.mac, sizeof own.mac);
    memcpy(own.ip6, gateway.ip6, sizeof own.ip6);
    self.echo = echo_create(&own, 1500);
    network_switch *fabric = self.fabric = switch_create(&gateway, &output, &self);
    switch_port *ports[2];
    for (uint8_t i = 0; i < 2; i++) {
        const ethernet_host host = {
            .ip = 0x0a580002u + i, .has_ip6 = true, .ip6 = {PREFIX, [15] = (uint8_t)(2 + i)}};
        ports[i] = switch_port_add(fabric, macs[i], &host, macs[i]);
    }
    switch_port_allow_host(fabric, ports[ALLOWED]);
    while (size >= 3) {
        size_t length = (size_t)(bytes[1] << 8 | bytes[2]);
        self.from = bytes[0] % 3;
        bytes += 3, size -= 3;
        if (length > size)
            length = size;
        if (self.from == GATEWAY)
            switch_input_gateway(fabric, bytes, length);
        else
            switch_input_port(fabric, ports[self.from], bytes, length);
        bytes += length, size -= length;
    }
    switch_destroy(fabric);
    echo_destroy(self.echo);
    return 0;
}
