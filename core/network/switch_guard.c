// What a port may send, and what of it the gateway may see.
#include <string.h>

#include "core/network/switch_internal.h"

#define PORT_DNS          53
#define PORT_DHCP_SERVER  67
#define PORT_DHCP6_SERVER 547
#define ICMP              1
#define TCP               6
#define NETWORK_PREFIX    8 // bytes

static const uint8_t nobody[ETHERNET_IP6], host_ip6[ETHERNET_IP6] = SWITCH_HOST_IP6;

static bool same(const uint8_t *a, const uint8_t *b) {
    return memcmp(a, b, ETHERNET_IP6) == 0;
}

bool switch_port_is(const switch_port *port, const uint8_t ip6[ETHERNET_IP6]) {
    return port->is.has_ip6 && (same(port->is.ip6, ip6) || same(port->link_local, ip6));
}

bool switch_is_for_host(const ethernet_frame *frame) {
    if (frame->is_ipv6)
        return same(frame->ipv6_destination, host_ip6);
    return frame->is_ipv4 ? frame->ipv4_destination == SWITCH_HOST_IP
                          : frame->is_arp && frame->arp_target_ip == SWITCH_HOST_IP;
}

bool switch_is_from_host(const ethernet_frame *frame) {
    return frame->is_ipv6 ? same(frame->ipv6_source, host_ip6)
                          : frame->is_ipv4 && frame->ipv4_source == SWITCH_HOST_IP;
}

bool switch_is_asked(const ethernet_frame *frame, const neighbour_message *said) {
    enum { QUERY = 130, REPORT, DONE, REPORT_2 = 143 }; // RFC 3810
    return said->kind == NEIGHBOUR_SOLICITATION || said->kind == NEIGHBOUR_ROUTER_SOLICITATION ||
           (frame->icmp6 &&
            ((frame->icmp6[0] >= QUERY && frame->icmp6[0] <= DONE) || frame->icmp6[0] == REPORT_2));
}

// Nobody is a router, and of neighbours everybody says only where it is itself.
static bool may_say(const switch_port *port, const neighbour_message *said) {
    for (size_t i = 0; i < 2; i++)
        if (said->links[i] && memcmp(said->links[i], port->mac, ETHERNET_ADDRESS) != 0)
            return false;
    switch (said->kind) {
    case NEIGHBOUR_NONE:
        return true;
    case NEIGHBOUR_ROUTER_SOLICITATION:
    case NEIGHBOUR_SOLICITATION:
        return said->whole;
    case NEIGHBOUR_ADVERTISEMENT:
        return said->whole && switch_port_is(port, said->target);
    default:
        return false;
    }
}

static bool may_send_ipv6(const switch_port *port, const ethernet_frame *frame,
                          const neighbour_message *said) {
    if (!frame->is_ipv6 || !port->is.has_ip6 || frame->ipv6_routed)
        return false;
    if (!switch_port_is(port, frame->ipv6_source) &&
        !(same(frame->ipv6_source, nobody) && switch_is_asked(frame, said)))
        return false;
    return may_say(port, said) && !(frame->has_ports && frame->source_port == PORT_DHCP6_SERVER);
}

bool switch_port_may_send(const switch_port *port, const ethernet_frame *frame,
                          const neighbour_message *said) {
    if (memcmp(frame->source, port->mac, ETHERNET_ADDRESS) != 0)
        return false;
    switch (frame->type) {
    case ETHERNET_TYPE_ARP:
        return frame->is_arp && memcmp(frame->arp_sender_mac, port->mac, ETHERNET_ADDRESS) == 0 &&
               (frame->arp_sender_ip == port->is.ip || frame->arp_sender_ip == 0); // 0: a probe (RFC 5227)
    case ETHERNET_TYPE_IPV4:
        return frame->is_ipv4 && frame->ipv4_source == port->is.ip &&
               !(frame->is_udp && frame->source_port == PORT_DHCP_SERVER);
    case ETHERNET_TYPE_IPV6:
        return may_send_ipv6(port, frame, said);
    default:
        return false; // nothing else has an address to check
    }
}

// The host's loopback (::1, and that of IPv4 mapped), what has no meaning, groups and addresses of one link
// are not outside; nor is what would be a member. Of all else TCP, UDP and echo are carried.
static bool gateway_may_see_ipv6(const switch_gateway *gateway, const switch_port *port,
                                 const ethernet_frame *frame) {
    const uint8_t *to = frame->ipv6_destination;
    const bool echo = frame->icmp6 && frame->icmp6[0] == ETHERNET_ECHO_REQUEST;
    if (!gateway->has_ip6 || same(frame->ipv6_source, nobody) || !frame->ipv6_plain)
        return false;
    if ((to[0] == 0 && to[1] == 0) || to[0] == 0xff || (to[0] == 0xfe && (to[1] & 0xc0) == 0x80))
        return false;
    if (same(to, gateway->ip6))
        return echo;
    if (same(to, host_ip6))
        return port->host && (frame->has_ports || echo);
    return memcmp(to, gateway->ip6, NETWORK_PREFIX) != 0 && (frame->has_ports || echo);
}

// NAT would hand a loopback destination to the host's own loopback, and a connection to the gateway's
// resolver address to the host's resolver, whatever the port: only names get through, echo, and answers on
// connections that came through a published port.
bool switch_gateway_may_see(const switch_gateway *gateway, const switch_port *port,
                            const ethernet_frame *frame) {
    if (frame->is_ipv6)
        return gateway_may_see_ipv6(gateway, port, frame);
    if (frame->is_arp)
        return frame->arp_target_ip == gateway->ip;
    uint32_t to = frame->ipv4_destination;
    uint8_t first = (uint8_t)(to >> 24);
    if (first == 0 || first == 127 || first >= 224)
        return false;
    if (to == SWITCH_HOST_IP)
        return port->host;
    if (to != gateway->ip)
        return true;
    if (frame->ipv4_fragment)
        return false;
    if (frame->ipv4_protocol == ICMP || frame->is_udp)
        return true; // datagrams are not NAT's: the gateway knows to whom it answers
    return frame->has_ports && frame->ipv4_protocol == TCP &&
           (frame->destination_port == PORT_DNS || !frame->tcp_opens);
}
