// A network with the driver "user": frames go through our own switch, and outside by libslirp.
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "core/network/net_process.h"

#define PROTOCOL_UDP 17

static void to_port(void *port, const uint8_t *frame, size_t length, void *data) {
    member_frame(port, frame, length, data);
}

// What the gateway's address answers where there is no gateway.
static void answer_arp(net_process *self, const ethernet_frame *frame) {
    uint8_t reply[ETHERNET_ARP_LENGTH];
    if (frame->arp_operation != 1 || frame->arp_target_ip != self->own.ip)
        return;
    ethernet_make_arp_reply(reply, self->own.mac, self->own.ip, frame->arp_sender_mac, frame->arp_sender_ip);
    switch_input_gateway(self->fabric, reply, sizeof reply);
}

// libslirp answers echo of IPv6 at its own address only.
static void to_outside(const net_process *self, const ethernet_frame *parsed, const uint8_t *frame,
                       size_t length) {
    if (!parsed->icmp6 || !echo_socket_input(self->echo, parsed))
        gateway_input(self->gateway, frame, length);
}

static void to_gateway(const uint8_t *frame, size_t length, void *data) {
    net_process *self = data;
    ethernet_frame parsed;
    if (!ethernet_parse(frame, length, &parsed))
        return;
    // What the switch has let through to the host has a libslirp of its own: the other one never goes there.
    if (switch_is_for_host(&parsed)) {
        if (self->host)
            gateway_input(self->host, frame, length);
        return;
    }
    static _Thread_local uint8_t other[ETHERNET_MAX];
    if (self->names && name_stream_out(self->names, &parsed, frame, length, other)) {
        gateway_input(self->gateway, other, length);
        return;
    }
    // libslirp would ask the host's resolvers.
    if (self->own_servers && parsed.is_ipv4 && parsed.has_ports && parsed.destination_port == NET_PORT_DNS &&
        parsed.ipv4_destination == self->own.ip && !parsed.is_udp)
        return;
    // libslirp would take any datagram to its resolver's address for the host's resolver.
    bool own =
        parsed.is_ipv4 && parsed.ipv4_protocol == PROTOCOL_UDP && parsed.ipv4_destination == self->own.ip;
    if (own && parsed.destination_port == NET_PORT_DNS)
        resolver_input(self->resolver, &parsed);
    else if (own && self->publisher)
        publisher_input(self->publisher, &parsed);
    else if (!own && self->gateway && !bridge_subnets_have(self->bridges, &parsed))
        to_outside(self, &parsed, frame, length);
    else if (parsed.is_arp)
        answer_arp(self, &parsed);
}

static void from_gateway(const uint8_t *frame, size_t length, void *data) {
    net_process *self = data;
    static _Thread_local uint8_t other[ETHERNET_MAX];
    ethernet_frame parsed;
    bool is_name = self->names && ethernet_parse(frame, length, &parsed) &&
                   name_stream_in(self->names, &parsed, frame, length, other);
    switch_input_gateway(self->fabric, is_name ? other : frame, length);
}

// The host's loopback behind one address of each family, which are of no network.
static gateway *host_create(net_process *self, const gateway_options *options, holm_error **error) {
    static const uint8_t ip6[ETHERNET_IP6] = SWITCH_HOST_IP6;
    gateway_options host = *options;
    memset(host.network6, 0, sizeof host.network6);
    memcpy(host.network6, ip6, sizeof host.network6 / 2);
    memcpy(host.address6, ip6, sizeof host.address6);
    host.netmask = UINT32_MAX << 8;
    host.network = SWITCH_HOST_IP & host.netmask;
    host.address = SWITCH_HOST_IP;
    host.host_loopback = true;
    return gateway_create(&self->loop, &host, error);
}

static echo_socket *echo_open(net_process *self, const switch_gateway *own, unsigned mtu) {
    ethernet_end6 end;
    memcpy(end.mac, own->mac, sizeof end.mac);
    memcpy(end.ip6, own->ip6, sizeof end.ip6);
    return echo_socket_create(&self->loop, &end, mtu, from_gateway, self);
}

// Of addresses with commas between, in host byte order; 0: there is none.
static uint32_t first_ipv4(const char *servers) {
    char text[INET6_ADDRSTRLEN];
    struct in_addr address;
    for (size_t length; *servers; servers += length + (servers[length] == ',')) {
        length = strcspn(servers, ",");
        snprintf(text, sizeof text, "%.*s", (int)(length < sizeof text ? length : 0), servers);
        if (inet_pton(AF_INET, text, &address) == 1)
            return ntohl(address.s_addr);
    }
    return 0;
}

int net_frames_open(net_process *self, const net_options *asked, holm_error **error) {
    static const switch_output output = {to_port, to_gateway};
    const bool internal = asked->internal;
    gateway_options options = asked->gateway;
    options.frame = from_gateway;
    options.data = self;
    switch_gateway known = {.ip = options.address, .has_ip6 = options.has_ip6 && !internal};
    memcpy(known.ip6, options.address6, sizeof known.ip6);
    memcpy(known.mac, self->own.mac, sizeof known.mac);
    self->fabric = switch_create(&known, &output, self);
    self->gateway = internal ? NULL : gateway_create(&self->loop, &options, error);
    if (!internal && !self->gateway)
        return -1;
    if (!internal && !(self->host = host_create(self, &options, error)))
        return -1;
    if (!internal && !(self->bridges = bridge_subnets_create(&self->loop, error)))
        return -1;
    self->echo = internal ? NULL : echo_open(self, &known, options.mtu);
    self->resolver = net_resolver_create(self, asked, from_gateway);
    uint32_t server = asked->servers ? first_ipv4(asked->servers) : 0;
    self->names = server ? name_stream_create(self->own.ip, server) : NULL;
    self->publisher =
        self->gateway ? publisher_create(&self->loop, self->gateway, &self->own, &options) : NULL;
    return 0;
}

void net_frames_close(net_process *self) {
    switch_destroy(self->fabric);
    name_stream_destroy(self->names);
}
