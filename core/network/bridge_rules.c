#include "core/network/bridge_rules.h"

#include <arpa/inet.h>
#include <string.h>

#include "core/network/neighbour.h"
#include "core/network/port.h"

#define HEX6_SIZE (2 + 2 * ETHERNET_IP6 + 1)
#define MAC_SIZE  18

static const char *text4(uint32_t ip, char out[INET_ADDRSTRLEN]) {
    const struct in_addr address = {htonl(ip)};
    return inet_ntop(AF_INET, &address, out, INET_ADDRSTRLEN);
}

static const char *text6(const uint8_t ip6[ETHERNET_IP6], char out[INET6_ADDRSTRLEN]) {
    return inet_ntop(AF_INET6, ip6, out, INET6_ADDRSTRLEN);
}

static const char *hex(const uint8_t *bytes, size_t length, char *out) {
    size_t used = (size_t)sprintf(out, "0x");
    for (size_t i = 0; i < length; i++)
        used += (size_t)sprintf(out + used, "%02x", bytes[i]);
    return out;
}

// ---- the network ----

void bridge_rules_end(buffer *out, const char *name) {
    static const char *const families[] = {"bridge", "inet"};
    for (size_t i = 0; i < array_length(families); i++)
        // To delete one that is not there would be an error.
        buffer_append_format(out, "table %s %s\ndelete table %s %s\n", families[i], name, families[i], name);
}

// A card that is none of ours may be on any bridge: it goes on. A port is known here before it is on ours.
static void add_guard(buffer *out, const bridge_network *network) {
    buffer_append_format(out,
                         "table bridge %s {\n"
                         " map ports { type ifname : verdict; }\n"
                         " chain guard {\n"
                         "  type filter hook prerouting priority -300; policy accept;\n"
                         "  iifname vmap @ports\n"
                         " }\n"
                         "}\n",
                         network->name);
}

// Ports below 1024 are not everyone's, and another resolver of the host may listen on all its addresses.
static void add_names(buffer *out, const bridge_network *network, const char *ip) {
    buffer_append_format(out,
                         " chain names {\n"
                         "  type nat hook prerouting priority -100; policy accept;\n"
                         "  iifname %s ip daddr %s udp dport 53 redirect to :%u\n",
                         network->name, ip, network->names_port);
    if (network->stream_port)
        buffer_append_format(out, "  iifname %s ip daddr %s tcp dport 53 redirect to :%u\n", network->name,
                             ip, network->stream_port);
    buffer_append_format(out, " }\n");
}

// ---- the host's loopback, for those that are given it ----

static void add_door(buffer *out, const bridge_network *network, const char *ip) {
    const bridge_door *door = &network->door;
    char ip6[INET6_ADDRSTRLEN];
    buffer_append_format(out,
                         " set guests4 { type ipv4_addr; }\n"
                         " set guests6 { type ipv6_addr; }\n"
                         " chain door {\n"
                         "  type nat hook prerouting priority -100; policy accept;\n"
                         "  iifname != %s accept\n"
                         "  ip saddr @guests4 ip daddr " NETWORK_HOST " meta l4proto tcp dnat ip to %s:%u\n"
                         "  ip saddr @guests4 ip daddr " NETWORK_HOST " meta l4proto udp dnat ip to %s:%u\n"
                         "  ip saddr @guests4 ip daddr " NETWORK_HOST
                         " icmp type echo-request dnat ip to %s\n",
                         network->name, ip, door->tcp, ip, door->udp, ip);
    text6(network->ip6, ip6);
    if (network->has_ip6)
        buffer_append_format(
            out,
            "  ip6 saddr @guests6 ip6 daddr " NETWORK_HOST6 " meta l4proto tcp dnat ip6 to [%s]:%u\n"
            "  ip6 saddr @guests6 ip6 daddr " NETWORK_HOST6 " meta l4proto udp dnat ip6 to [%s]:%u\n"
            "  ip6 saddr @guests6 ip6 daddr " NETWORK_HOST6 " icmpv6 type echo-request dnat ip6 to %s\n",
            ip6, door->tcp6, ip6, door->udp6, ip6);
    buffer_append_format(out, " }\n");
}

// To the sockets themselves leads nothing but the rules above.
static void let_in(buffer *out, const bridge_network *network) {
    const bridge_door *door = &network->door;
    buffer_append_format(out,
                         "  ct status dnat ct original ip daddr " NETWORK_HOST " tcp dport %u accept\n"
                         "  ct status dnat ct original ip daddr " NETWORK_HOST " udp dport %u accept\n",
                         door->tcp, door->udp);
    if (network->has_ip6)
        buffer_append_format(out,
                             "  ct status dnat ct original ip6 daddr " NETWORK_HOST6 " tcp dport %u accept\n"
                             "  ct status dnat ct original ip6 daddr " NETWORK_HOST6 " udp dport %u accept\n",
                             door->tcp6, door->udp6);
}

static void change_guest(buffer *out, const char *verb, const char *name, const ethernet_host *is) {
    char ip[INET_ADDRSTRLEN], ip6[INET6_ADDRSTRLEN];
    buffer_append_format(out, "%s element inet %s guests4 { %s }\n", verb, name, text4(is->ip, ip));
    if (is->has_ip6)
        buffer_append_format(out, "%s element inet %s guests6 { %s }\n", verb, name, text6(is->ip6, ip6));
}

// ---- what of the host they reach, and who reaches them ----

// Of the host nothing but its resolver and echo, as of the other driver's gateway; and what it asked for.
static void add_host(buffer *out, const bridge_network *network, const char *ip) {
    char ip6[INET6_ADDRSTRLEN];
    buffer_append_format(out,
                         " chain host {\n"
                         "  type filter hook input priority -1; policy accept;\n"
                         "  iifname != %s accept\n"
                         "  ct state established,related accept\n"
                         "  ip daddr %s udp dport %u accept\n"
                         "  ip daddr %s icmp type echo-request accept\n",
                         network->name, ip, network->names_port, ip);
    if (network->stream_port)
        buffer_append_format(out, "  ip daddr %s tcp dport %u accept\n", ip, network->stream_port);
    if (network->has_ip6)
        buffer_append_format(out,
                             "  icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept\n"
                             "  ip6 daddr %s icmpv6 type echo-request accept\n",
                             text6(network->ip6, ip6));
    if (network->door.tcp)
        let_in(out, network);
    buffer_append_format(out, "  drop\n }\n");
}

// Where the host filters what a bridge carries (br_netfilter), that comes by here, too.
static void add_forward(buffer *out, const bridge_network *network) {
    buffer_append_format(out,
                         " chain forward {\n"
                         "  type filter hook forward priority -1; policy accept;\n"
                         "  iifname %s oifname %s accept\n",
                         network->name, network->name);
    if (network->internal)
        buffer_append_format(out, "  iifname %s drop\n", network->name);
    else
        buffer_append_format(out,
                             "  iifname %s oifname \"holm-*\" drop\n"
                             "  iifname %s ip daddr " NETWORK_HOST " drop\n" // who is not given it
                             "  iifname %s ip6 daddr " NETWORK_HOST6 " drop\n"
                             "  iifname %s accept\n"
                             "  oifname %s ct state established,related accept\n",
                             network->name, network->name, network->name, network->name, network->name);
    buffer_append_format(out, "  oifname %s drop\n }\n", network->name);
}

static void add_outside(buffer *out, const bridge_network *network) {
    char base[INET_ADDRSTRLEN], base6[INET6_ADDRSTRLEN];
    uint8_t prefix6[ETHERNET_IP6] = {0};
    buffer_append_format(out,
                         " chain outside {\n"
                         "  type nat hook postrouting priority 100; policy accept;\n"
                         "  ip saddr %s/%d oifname != %s masquerade\n",
                         text4(network->ip & network->netmask, base), __builtin_popcount(network->netmask),
                         network->name);
    memcpy(prefix6, network->ip6, sizeof prefix6 / 2);
    if (network->has_ip6)
        buffer_append_format(out, "  ip6 saddr %s/64 oifname != %s masquerade\n", text6(prefix6, base6),
                             network->name);
    buffer_append_format(out, " }\n");
}

void bridge_rules_begin(buffer *out, const bridge_network *network) {
    char ip[INET_ADDRSTRLEN];
    text4(network->ip, ip);
    bridge_rules_end(out, network->name);
    add_guard(out, network);
    buffer_append_format(out, "table inet %s {\n", network->name);
    add_names(out, network, ip);
    if (network->door.tcp)
        add_door(out, network, ip);
    add_host(out, network, ip);
    add_forward(out, network);
    if (!network->internal)
        add_outside(out, network);
    buffer_append_format(out, "}\n");
}

// ---- its ports ----

typedef struct port_rules {
    buffer *out;
    const char *name, *card;
} port_rules;

__attribute__((format(printf, 2, 3))) static void rule(const port_rules *self, const char *format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    buffer_append_format(self->out, "add rule bridge %s port-%s %s\n", self->name, self->card, text);
}

// Of neighbours it says only where it is itself, with one option at most: what else there could be (RFC 4861)
// would have to be read. A question may have a nonce (RFC 3971, 5.3.2) in its place.
static void add_neighbours(const port_rules *self, const char *mac, const char *own, const char *link_local) {
    rule(self, "ip6 nexthdr != ipv6-icmp drop");
    rule(self, "ip6 hoplimit != 255 drop");
    rule(self, "icmpv6 type nd-neighbor-solicit ip6 length 24 accept");
    rule(self, "icmpv6 type nd-neighbor-solicit ip6 length 32 @th,192,16 0x0e01 accept");
    rule(self, "icmpv6 type nd-neighbor-solicit ip6 length 32 @th,192,16 0x0101 @th,208,48 %s accept", mac);
    rule(self, "icmpv6 type nd-neighbor-advert @th,64,128 != { %s, %s } drop", own, link_local);
    rule(self, "icmpv6 type nd-neighbor-advert ip6 length 24 accept");
    rule(self, "icmpv6 type nd-neighbor-advert ip6 length 32 @th,192,16 0x0201 @th,208,48 %s accept", mac);
}

// Nobody is a router, and who hears which group is nobody's business. The rest of a fragmented echo has no
// header; neighbours take no fragments (RFC 6980).
static void add_ip6(const port_rules *self, const uint8_t *mac, const ethernet_host *host) {
    uint8_t link_local[ETHERNET_IP6];
    char own[INET6_ADDRSTRLEN], other[INET6_ADDRSTRLEN], mac_hex[2 + 2 * ETHERNET_ADDRESS + 1],
        own_hex[HEX6_SIZE], other_hex[HEX6_SIZE];
    neighbour_link_local(mac, link_local);
    rule(self, "ip6 saddr != { %s, %s } drop", text6(host->ip6, own), text6(link_local, other));
    rule(self, "exthdr rt exists drop");
    rule(self, "udp sport 547 drop");
    rule(self, "meta l4proto != ipv6-icmp accept");
    rule(self, "frag frag-off != 0 accept");
    rule(self, "icmpv6 type { echo-request, echo-reply, destination-unreachable, packet-too-big, "
               "time-exceeded, parameter-problem } accept");
    add_neighbours(self, hex(mac, ETHERNET_ADDRESS, mac_hex), hex(host->ip6, ETHERNET_IP6, own_hex),
                   hex(link_local, ETHERNET_IP6, other_hex));
}

void bridge_rules_add(buffer *out, const char *name, const bridge_card *card) {
    const port_rules self = {out, name, card->name};
    const uint8_t *mac = card->mac;
    const ethernet_host *host = &card->is;
    char link[MAC_SIZE], ip[INET_ADDRSTRLEN];
    snprintf(link, sizeof link, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
             mac[5]);
    text4(host->ip, ip);
    buffer_append_format(out, "add chain bridge %s port-%s\n", name, card->name);
    // As it is on the wire, tags of VLANs too: nothing else has an address to check.
    rule(&self, "@ll,96,16 != { 0x0800, 0x0806, 0x86dd } drop");
    rule(&self, "ether saddr != %s drop", link);
    rule(&self,
         "ether type arp arp htype 1 arp ptype 0x0800 arp hlen 6 arp plen 4 arp saddr ether %s "
         "arp saddr ip { %s, 0.0.0.0 } accept", // 0: a probe (RFC 5227)
         link, ip);
    rule(&self, "ether type ip udp sport 67 drop");
    rule(&self, "ether type ip ip saddr %s accept", ip);
    rule(&self, "ether type != ip6 drop");
    if (host->has_ip6)
        add_ip6(&self, mac, host);
    rule(&self, "drop");
    buffer_append_format(out, "add element bridge %s ports { \"%s\" : goto port-%s }\n", name, card->name,
                         card->name);
    if (card->loopback)
        change_guest(out, "add", name, host);
}

void bridge_rules_remove(buffer *out, const char *name, const bridge_card *card) {
    buffer_append_format(out,
                         "delete element bridge %s ports { \"%s\" : goto port-%s }\n"
                         "flush chain bridge %s port-%s\n"
                         "delete chain bridge %s port-%s\n",
                         name, card->name, card->name, name, card->name, name, card->name);
    if (card->loopback)
        change_guest(out, "delete", name, &card->is);
}
