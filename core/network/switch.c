#include "core/network/switch.h"

#include <stdlib.h>
#include <string.h>

#define PORT_DNS 53
#define ICMP     1
#define TCP      6

struct switch_port {
    uint8_t mac[ETHERNET_ADDRESS];
    uint32_t ip;
    bool host; // it may reach the loopback of the host
    void *data;
    switch_port_counters counters;
};

struct network_switch {
    uint32_t gateway_ip;
    switch_output output;
    void *data;
    switch_port *ports[SWITCH_PORTS_MAX];
    size_t port_count;
    switch_counters counters;
};

network_switch *switch_create(uint32_t gateway_ip, const switch_output *output, void *data) {
    network_switch *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->gateway_ip = gateway_ip;
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
        if (self->ports[i]->ip == ip)
            return self->ports[i];
    return NULL;
}

// libslirp takes its neighbours from ARP only, and would keep the card that had this address before: a
// connection that begins outside would go there.
static void announce(network_switch *self, const switch_port *port, uint32_t to) {
    uint8_t told[ETHERNET_ARP_LENGTH];
    if (!to)
        return;
    ethernet_make_arp_reply(told, port->mac, port->ip, port->mac, to);
    self->output.to_gateway(told, sizeof told, self->data);
}

switch_port *switch_port_add(network_switch *self, const uint8_t mac[ETHERNET_ADDRESS], uint32_t ip,
                             void *port_data) {
    if (self->port_count == SWITCH_PORTS_MAX || ethernet_is_group(mac) || find_by_mac(self, mac) ||
        find_by_ip(self, ip) || ip == self->gateway_ip)
        return NULL;
    switch_port *port = calloc(1, sizeof *port);
    if (!port)
        abort();
    memcpy(port->mac, mac, ETHERNET_ADDRESS);
    port->ip = ip;
    port->data = port_data;
    self->ports[self->port_count++] = port;
    announce(self, port, self->gateway_ip);
    return port;
}

void switch_port_allow_host(network_switch *self, switch_port *port) {
    port->host = true;
    announce(self, port, SWITCH_HOST_IP);
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

// Whether a port may send this at all: as itself and nobody else.
static bool port_may_send(const switch_port *port, const ethernet_frame *frame) {
    if (memcmp(frame->source, port->mac, ETHERNET_ADDRESS) != 0)
        return false;
    switch (frame->type) {
    case ETHERNET_TYPE_ARP:
        return frame->is_arp && memcmp(frame->arp_sender_mac, port->mac, ETHERNET_ADDRESS) == 0 &&
               (frame->arp_sender_ip == port->ip || frame->arp_sender_ip == 0); // 0: a probe (RFC 5227)
    case ETHERNET_TYPE_IPV4:
        return frame->is_ipv4 && frame->ipv4_source == port->ip;
    default:
        return false; // IPv4 networks: nothing else has an address to check
    }
}

// Whether the outside may see this. NAT would hand a loopback destination to the host's own loopback, and a
// connection to the gateway's resolver address to the host's resolver, whatever the port: only names get
// through, echo, and answers on connections that came through a published port.
static bool gateway_may_see(const network_switch *self, const switch_port *port,
                            const ethernet_frame *frame) {
    if (frame->is_arp)
        return frame->arp_target_ip == self->gateway_ip;
    uint32_t to = frame->ipv4_destination;
    uint8_t first = (uint8_t)(to >> 24);
    if (first == 0 || first == 127 || first >= 224)
        return false;
    if (to == SWITCH_HOST_IP)
        return port->host;
    if (to != self->gateway_ip)
        return true;
    if (frame->ipv4_fragment)
        return false;
    if (frame->ipv4_protocol == ICMP || frame->is_udp)
        return true; // datagrams are not NAT's: the gateway knows to whom it answers
    return frame->has_ports && frame->ipv4_protocol == TCP &&
           (frame->destination_port == PORT_DNS || !frame->tcp_opens);
}

void switch_input_port(network_switch *self, switch_port *port, const uint8_t *bytes, size_t length) {
    ethernet_frame frame;
    if (!ethernet_parse(bytes, length, &frame) || !port_may_send(port, &frame)) {
        self->counters.refused++;
        return;
    }
    port->counters.from_bytes += length;
    port->counters.from_frames++;
    self->counters.frames++;
    bool group = ethernet_is_group(frame.destination);
    switch_port *member = group ? NULL : find_by_mac(self, frame.destination);
    if (member && member != port)
        give_port(self, member, bytes, length);
    else if (group)
        give_others(self, port, bytes, length);
    if (!member && self->gateway_ip && gateway_may_see(self, port, &frame))
        self->output.to_gateway(bytes, length, self->data);
}

void switch_input_gateway(network_switch *self, const uint8_t *bytes, size_t length) {
    ethernet_frame frame;
    if (!ethernet_parse(bytes, length, &frame)) {
        self->counters.refused++;
        return;
    }
    self->counters.frames++;
    // The gateway's own table of neighbours is small: it asks often, and is answered here.
    const switch_port *asked =
        frame.is_arp && frame.arp_operation == 1 ? find_by_ip(self, frame.arp_target_ip) : NULL;
    if (asked) {
        uint8_t reply[ETHERNET_ARP_LENGTH];
        ethernet_make_arp_reply(reply, asked->mac, asked->ip, frame.arp_sender_mac, frame.arp_sender_ip);
        self->output.to_gateway(reply, sizeof reply, self->data);
        return;
    }
    if (ethernet_is_group(frame.destination)) {
        give_others(self, NULL, bytes, length);
        return;
    }
    switch_port *member = find_by_mac(self, frame.destination);
    // What is still on its way to who had this address before is not for who may not ask for it.
    bool from_host = frame.is_ipv4 && frame.ipv4_source == SWITCH_HOST_IP;
    if (member && (member->host || !from_host))
        give_port(self, member, bytes, length);
}

switch_counters switch_count(const network_switch *self) {
    return self->counters;
}

switch_port_counters switch_port_count(const switch_port *port) {
    return port->counters;
}
