#include <stdlib.h>
#include <string.h>

#include "core/network/switch_internal.h"

static const uint8_t all_nodes[ETHERNET_ADDRESS] = {0x33, 0x33, 0, 0, 0, 1}; // ff02::1

struct network_switch {
    switch_gateway gateway;
    switch_output output;
    void *data;
    switch_port *ports[SWITCH_PORTS_MAX];
    size_t port_count;
    switch_counters counters;
};

network_switch *switch_create(const switch_gateway *gateway, const switch_output *output, void *data) {
    network_switch *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->gateway = *gateway;
    self->output = *output;
    self->data = data;
    return self;
}

void switch_destroy(network_switch *self) {
    if (!self)
        return;
    for (size_t i = 0; i < self->port_count; i++)
        free(self->ports[i]);
    free(self);
}

static switch_port *find_by_mac(const network_switch *self, const uint8_t *mac) {
    for (size_t i = 0; i < self->port_count; i++)
        if (memcmp(self->ports[i]->mac, mac, ETHERNET_ADDRESS) == 0)
            return self->ports[i];
    return NULL;
}

static switch_port *find_by_ip(const network_switch *self, uint32_t ip) {
    for (size_t i = 0; i < self->port_count; i++)
        if (self->ports[i]->is.ip == ip)
            return self->ports[i];
    return NULL;
}

static switch_port *find_by_ip6(const network_switch *self, const uint8_t ip6[ETHERNET_IP6]) {
    for (size_t i = 0; i < self->port_count; i++)
        if (switch_port_is(self->ports[i], ip6))
            return self->ports[i];
    return NULL;
}

static bool is_taken(const network_switch *self, const uint8_t mac[ETHERNET_ADDRESS],
                     const ethernet_host *host) {
    return find_by_mac(self, mac) || find_by_ip(self, host->ip) || host->ip == self->gateway.ip ||
           (host->has_ip6 &&
            (find_by_ip6(self, host->ip6) ||
             (self->gateway.has_ip6 && memcmp(host->ip6, self->gateway.ip6, ETHERNET_IP6) == 0)));
}

// libslirp takes its neighbours from ARP only, and would keep the card that had this address before: a
// connection that begins outside would go there.
static void announce(network_switch *self, const switch_port *port, uint32_t to) {
    uint8_t told[ETHERNET_ARP_LENGTH];
    if (!to)
        return;
    ethernet_make_arp_reply(told, port->mac, port->is.ip, port->mac, to);
    self->output.to_gateway(told, sizeof told, self->data);
}

static void tell_gateway_ip6(network_switch *self, const switch_port *port, const uint8_t *mac,
                             const uint8_t *ip6) {
    uint8_t told[NEIGHBOUR_ADVERTISEMENT_LENGTH];
    neighbour_make_advertisement(told, port->mac, port->is.ip6, false, &(neighbour_asker){mac, ip6});
    self->output.to_gateway(told, sizeof told, self->data);
}

void switch_port_allow_host(network_switch *self, switch_port *port) {
    static const uint8_t ip6[ETHERNET_IP6] = SWITCH_HOST_IP6;
    port->host = true;
    announce(self, port, SWITCH_HOST_IP);
    if (port->is.has_ip6 && self->gateway.has_ip6)
        tell_gateway_ip6(self, port, self->gateway.mac, ip6);
}

void switch_port_remove(network_switch *self, switch_port *port) {
    for (size_t i = 0; i < self->port_count; i++)
        if (self->ports[i] == port) {
            self->ports[i] = self->ports[--self->port_count];
            free(port);
            return;
        }
}

static void give_port(network_switch *self, switch_port *port, const uint8_t *frame, size_t length) {
    port->counters.to_bytes += length;
    port->counters.to_frames++;
    self->output.to_port(port->data, frame, length, self->data);
}

static void give_others(network_switch *self, const switch_port *but, const uint8_t *frame, size_t length) {
    for (size_t i = 0; i < self->port_count; i++)
        if (self->ports[i] != but)
            give_port(self, self->ports[i], frame, length);
}

// Its address may have been another card's a moment ago, and neighbours would send to that for half a minute.
static void announce_to_others(network_switch *self, const switch_port *port) {
    uint8_t told[ETHERNET_ARP_LENGTH], told6[NEIGHBOUR_ADVERTISEMENT_LENGTH];
    // Said to itself, and to all: else a neighbour would leave what it has learnt within the last second.
    ethernet_make_arp_reply(told, port->mac, port->is.ip, port->mac, port->is.ip);
    memset(told, 0xff, ETHERNET_ADDRESS);
    give_others(self, port, told, sizeof told);
    if (!port->is.has_ip6)
        return;
    neighbour_make_advertisement(told6, port->mac, port->is.ip6, false, &(neighbour_asker){all_nodes, NULL});
    give_others(self, port, told6, sizeof told6);
}

switch_port *switch_port_add(network_switch *self, const uint8_t mac[ETHERNET_ADDRESS],
                             const ethernet_host *host, void *port_data) {
    if (self->port_count == SWITCH_PORTS_MAX || ethernet_is_group(mac) || is_taken(self, mac, host))
        return NULL;
    switch_port *port = calloc(1, sizeof *port);
    if (!port)
        abort();
    memcpy(port->mac, mac, ETHERNET_ADDRESS);
    port->is = *host;
    neighbour_link_local(mac, port->link_local);
    port->data = port_data;
    self->ports[self->port_count++] = port;
    announce(self, port, self->gateway.ip);
    if (host->has_ip6 && self->gateway.has_ip6)
        tell_gateway_ip6(self, port, self->gateway.mac, self->gateway.ip6);
    announce_to_others(self, port);
    return port;
}

// Who is asked for is known here: the ports need not be woken for it.
static void answer_solicitation(network_switch *self, switch_port *port, const ethernet_frame *frame,
                                const neighbour_message *said) {
    static const uint8_t nobody[ETHERNET_IP6];
    const switch_port *asked = find_by_ip6(self, said->target);
    const bool gateway = self->gateway.has_ip6 && memcmp(said->target, self->gateway.ip6, ETHERNET_IP6) == 0;
    if (asked == port || (!asked && !gateway))
        return;
    // Who has no address yet wants to take that one.
    const bool known = memcmp(frame->ipv6_source, nobody, ETHERNET_IP6) != 0;
    const neighbour_asker asker = {known ? port->mac : all_nodes, known ? frame->ipv6_source : NULL};
    uint8_t reply[NEIGHBOUR_ADVERTISEMENT_LENGTH];
    neighbour_make_advertisement(reply, gateway ? self->gateway.mac : asked->mac, said->target, gateway,
                                 &asker);
    give_port(self, port, reply, sizeof reply);
}

void switch_input_port(network_switch *self, switch_port *port, const uint8_t *bytes, size_t length) {
    ethernet_frame frame;
    neighbour_message said = {0};
    bool whole = ethernet_parse(bytes, length, &frame);
    if (whole && frame.is_ipv6)
        neighbour_parse(&frame, &said);
    if (!whole || !switch_port_may_send(port, &frame, &said)) {
        self->counters.refused++;
        return;
    }
    port->counters.from_bytes += length;
    port->counters.from_frames++;
    self->counters.frames++;
    if (frame.is_ipv6 && switch_is_asked(&frame, &said)) {
        if (said.kind == NEIGHBOUR_SOLICITATION)
            answer_solicitation(self, port, &frame, &said);
        return;
    }
    bool group = ethernet_is_group(frame.destination);
    switch_port *member = group ? NULL : find_by_mac(self, frame.destination);
    if (member && member != port)
        give_port(self, member, bytes, length);
    else if (group)
        give_others(self, port, bytes, length);
    if (!member && self->gateway.ip && switch_gateway_may_see(&self->gateway, port, &frame))
        self->output.to_gateway(bytes, length, self->data);
}

// The gateway's own tables of neighbours are small: it asks often, and is answered here. False: the frame is
// another one.
static bool answer_gateway(network_switch *self, const ethernet_frame *frame) {
    const switch_port *asked =
        frame->is_arp && frame->arp_operation == 1 ? find_by_ip(self, frame->arp_target_ip) : NULL;
    if (asked) {
        uint8_t reply[ETHERNET_ARP_LENGTH];
        ethernet_make_arp_reply(reply, asked->mac, asked->is.ip, frame->arp_sender_mac, frame->arp_sender_ip);
        self->output.to_gateway(reply, sizeof reply, self->data);
        return true;
    }
    neighbour_message said = {0};
    if (frame->is_ipv6)
        neighbour_parse(frame, &said);
    if (said.kind == NEIGHBOUR_NONE)
        return false;
    asked = said.kind == NEIGHBOUR_SOLICITATION && said.whole ? find_by_ip6(self, said.target) : NULL;
    if (asked && memcmp(asked->is.ip6, said.target, ETHERNET_IP6) == 0)
        tell_gateway_ip6(self, asked, frame->source, frame->ipv6_source);
    return true; // nobody is told of routers
}

void switch_input_gateway(network_switch *self, const uint8_t *bytes, size_t length) {
    ethernet_frame frame;
    if (!ethernet_parse(bytes, length, &frame)) {
        self->counters.refused++;
        return;
    }
    self->counters.frames++;
    if (answer_gateway(self, &frame))
        return;
    if (ethernet_is_group(frame.destination)) {
        give_others(self, NULL, bytes, length);
        return;
    }
    switch_port *member = find_by_mac(self, frame.destination);
    // What is still on its way to who had this address before is not for who may not ask for it.
    if (member && (member->host || !switch_is_from_host(&frame)))
        give_port(self, member, bytes, length);
}

switch_counters switch_count(const network_switch *self) {
    return self->counters;
}

switch_port_counters switch_port_count(const switch_port *port) {
    return port->counters;
}
