#include "core/network/ethernet.h"

#include <stdio.h>
#include <string.h>

#define ARP_REQUEST  1
#define ARP_REPLY    2
#define PROTOCOL_TCP 6
#define PROTOCOL_UDP 17
#define IPV4_HEADER  20
#define IPV6_HEADER  40
#define UDP_HEADER   8
#define TCP_SYN      0x02
#define TCP_RST      0x04
#define TCP_ACK      0x10

static uint16_t read16(const uint8_t *bytes) {
    return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static uint32_t read32(const uint8_t *bytes) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static void write16(uint8_t *bytes, uint16_t value) {
    bytes[0] = (uint8_t)(value >> 8);
    bytes[1] = (uint8_t)value;
}

static void write32(uint8_t *bytes, uint32_t value) {
    write16(bytes, (uint16_t)(value >> 16));
    write16(bytes + 2, (uint16_t)value);
}

bool ethernet_is_group(const uint8_t address[ETHERNET_ADDRESS]) {
    return address[0] & 1;
}

static void parse_arp(const uint8_t *packet, size_t length, ethernet_frame *out) {
    // hardware type 1, protocol IPv4, address lengths 6 and 4
    static const uint8_t expected[6] = {0, 1, 8, 0, 6, 4};
    if (length < 28 || memcmp(packet, expected, sizeof expected) != 0)
        return;
    out->is_arp = true;
    out->arp_operation = read16(packet + 6);
    out->arp_sender_mac = packet + 8;
    out->arp_sender_ip = read32(packet + 14);
    out->arp_target_ip = read32(packet + 24);
}

static void parse_tcp(const uint8_t *segment, size_t length, ethernet_frame *out) {
    // What is too short to have flags is taken for the worst it could be.
    uint8_t flags = length >= 14 ? segment[13] : TCP_SYN;
    out->tcp_opens = (flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
    out->tcp_resets = flags & TCP_RST;
}

static void parse_udp(const uint8_t *datagram, size_t length, ethernet_frame *out) {
    if (length < UDP_HEADER || read16(datagram + 4) < UDP_HEADER || read16(datagram + 4) > length)
        return;
    out->is_udp = true;
    out->payload = datagram + UDP_HEADER;
    out->payload_length = (size_t)read16(datagram + 4) - UDP_HEADER;
}

static void parse_ipv4(const uint8_t *packet, size_t length, ethernet_frame *out) {
    if (length < 20 || packet[0] >> 4 != 4)
        return;
    size_t header = (size_t)(packet[0] & 15) * 4;
    size_t total = read16(packet + 2);
    if (header < 20 || total < header || total > length)
        return;
    out->is_ipv4 = true;
    out->ipv4_source = read32(packet + 12);
    out->ipv4_destination = read32(packet + 16);
    out->ipv4_protocol = packet[9];
    out->ipv4_fragment = (read16(packet + 6) & 0x3fff) != 0; // more fragments, or an offset
    if (out->ipv4_fragment || total < header + 4)
        return;
    if (out->ipv4_protocol == PROTOCOL_TCP || out->ipv4_protocol == PROTOCOL_UDP) {
        out->has_ports = true;
        out->source_port = read16(packet + header);
        out->destination_port = read16(packet + header + 2);
    }
    if (out->ipv4_protocol == PROTOCOL_TCP)
        parse_tcp(packet + header, total - header, out);
    if (out->ipv4_protocol == PROTOCOL_UDP)
        parse_udp(packet + header, total - header, out);
}

// ---- IPv6 ----

#define HEADER_HOPS        0
#define HEADER_ROUTING     43
#define HEADER_FRAGMENT    44
#define HEADER_AH          51
#define HEADER_DESTINATION 60
#define HEADERS_MOST       8 // behind one another: more are for nothing but to hide what comes then

// How long an extension header is; 0: it is none.
static size_t extension_length(uint8_t kind, const uint8_t *header) {
    switch (kind) {
    case HEADER_HOPS:
    case HEADER_ROUTING:
    case HEADER_DESTINATION:
        return ((size_t)header[1] + 1) * 8;
    case HEADER_FRAGMENT:
        return 8;
    case HEADER_AH:
        return ((size_t)header[1] + 2) * 4;
    default:
        return 0;
    }
}

static bool is_extension(uint8_t kind) {
    return extension_length(kind, (const uint8_t[2]){0}) > 0;
}

// The protocol's own header. All of it is in the first fragment (RFC 7112): a guard must see what it is.
static bool parse_ipv6_protocol(const uint8_t *header, size_t length, ethernet_frame *out) {
    bool ports = out->ipv6_protocol == PROTOCOL_TCP || out->ipv6_protocol == PROTOCOL_UDP;
    if ((ports || out->ipv6_protocol == ETHERNET_ICMPV6) && length < 8)
        return false;
    if (out->ipv6_protocol == ETHERNET_ICMPV6) {
        out->icmp6 = header;
        out->icmp6_length = length;
    }
    if (out->ipv6_fragment || !ports)
        return true;
    out->has_ports = true;
    out->source_port = read16(header);
    out->destination_port = read16(header + 2);
    if (out->ipv6_protocol == PROTOCOL_TCP)
        parse_tcp(header, length, out);
    else
        parse_udp(header, length, out);
    return true;
}

static void parse_ipv6(const uint8_t *packet, size_t length, ethernet_frame *out) {
    if (length < IPV6_HEADER || packet[0] >> 4 != 6 || read16(packet + 4) > length - IPV6_HEADER)
        return;
    const uint8_t *at = packet + IPV6_HEADER, *end = at + read16(packet + 4);
    uint8_t kind = packet[6];
    bool later = false; // a fragment behind the first one
    out->ipv6_plain = !is_extension(kind);
    for (unsigned count = 0; is_extension(kind) && !later; count++) {
        size_t left = (size_t)(end - at), header = left >= 8 ? extension_length(kind, at) : 0;
        if (header == 0 || header > left || count == HEADERS_MOST)
            return;
        out->ipv6_routed = out->ipv6_routed || kind == HEADER_ROUTING;
        if (kind == HEADER_FRAGMENT) {
            out->ipv6_fragment = true;
            later = read16(at + 2) >> 3 != 0;
        }
        kind = at[0];
        at += header;
    }
    out->ipv6_source = packet + 8;
    out->ipv6_destination = packet + 24;
    out->ipv6_hops = packet[7];
    out->ipv6_protocol = kind;
    out->is_ipv6 = later || parse_ipv6_protocol(at, (size_t)(end - at), out);
}

bool ethernet_parse(const uint8_t *bytes, size_t length, ethernet_frame *out) {
    *out = (ethernet_frame){0};
    if (length < ETHERNET_HEADER || length > ETHERNET_MAX)
        return false;
    out->destination = bytes;
    out->source = bytes + 6;
    out->type = read16(bytes + 12);
    if (out->type == ETHERNET_TYPE_ARP)
        parse_arp(bytes + ETHERNET_HEADER, length - ETHERNET_HEADER, out);
    else if (out->type == ETHERNET_TYPE_IPV4)
        parse_ipv4(bytes + ETHERNET_HEADER, length - ETHERNET_HEADER, out);
    else if (out->type == ETHERNET_TYPE_IPV6)
        parse_ipv6(bytes + ETHERNET_HEADER, length - ETHERNET_HEADER, out);
    return true;
}

void ethernet_make_arp_reply(uint8_t out[ETHERNET_ARP_LENGTH], const uint8_t mac[ETHERNET_ADDRESS],
                             uint32_t ip, const uint8_t asker_mac[ETHERNET_ADDRESS], uint32_t asker_ip) {
    static const uint8_t fixed[8] = {0, 1, 8, 0, 6, 4, 0, ARP_REPLY};
    memcpy(out, asker_mac, ETHERNET_ADDRESS);
    memcpy(out + 6, mac, ETHERNET_ADDRESS);
    write16(out + 12, ETHERNET_TYPE_ARP);
    memcpy(out + 14, fixed, sizeof fixed);
    memcpy(out + 22, mac, ETHERNET_ADDRESS);
    write32(out + 28, ip);
    memcpy(out + 32, asker_mac, ETHERNET_ADDRESS);
    write32(out + 38, asker_ip);
}

// RFC 1071, without the last complement.
static uint32_t sum16(uint32_t sum, const uint8_t *bytes, size_t length) {
    for (; length >= 2; bytes += 2, length -= 2)
        sum += read16(bytes);
    if (length)
        sum += (uint32_t)bytes[0] << 8;
    return sum;
}

static uint16_t sum_end(uint32_t sum) {
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

size_t ethernet_make_udp(uint8_t *out, const ethernet_end *from, const ethernet_end *to, const void *payload,
                         size_t length, unsigned mtu) {
    size_t total = IPV4_HEADER + UDP_HEADER + length;
    if (total > mtu || total > UINT16_MAX)
        return 0;
    memcpy(out, to->mac, ETHERNET_ADDRESS);
    memcpy(out + 6, from->mac, ETHERNET_ADDRESS);
    write16(out + 12, ETHERNET_TYPE_IPV4);
    uint8_t *packet = out + ETHERNET_HEADER, *datagram = packet + IPV4_HEADER;
    memset(packet, 0, IPV4_HEADER);
    packet[0] = 0x45;
    write16(packet + 2, (uint16_t)total);
    packet[8] = 64; // hops
    packet[9] = PROTOCOL_UDP;
    write32(packet + 12, from->ip);
    write32(packet + 16, to->ip);
    write16(packet + 10, sum_end(sum16(0, packet, IPV4_HEADER)));
    write16(datagram, from->port);
    write16(datagram + 2, to->port);
    write16(datagram + 4, (uint16_t)(UDP_HEADER + length));
    write16(datagram + 6, 0);
    memcpy(datagram + UDP_HEADER, payload, length);
    uint32_t pseudo = sum16(PROTOCOL_UDP + UDP_HEADER + (uint32_t)length, packet + 12, 8);
    uint16_t sum = sum_end(sum16(pseudo, datagram, UDP_HEADER + length));
    write16(datagram + 6, sum ? sum : UINT16_MAX);
    return ETHERNET_HEADER + total;
}

size_t ethernet_make_icmpv6(uint8_t *out, const ethernet_end6 *from, const ethernet_end6 *to, uint8_t hops,
                            size_t length) {
    uint8_t *packet = out + ETHERNET_HEADER, *message = packet + IPV6_HEADER;
    memcpy(out, to->mac, ETHERNET_ADDRESS);
    memcpy(out + 6, from->mac, ETHERNET_ADDRESS);
    write16(out + 12, ETHERNET_TYPE_IPV6);
    write32(packet, 0x60000000);
    write16(packet + 4, (uint16_t)length);
    packet[6] = ETHERNET_ICMPV6;
    packet[7] = hops;
    memcpy(packet + 8, from->ip6, ETHERNET_IP6);
    memcpy(packet + 24, to->ip6, ETHERNET_IP6);
    write16(message + 2, 0);
    const uint32_t pseudo = sum16(ETHERNET_ICMPV6 + (uint32_t)length, packet + 8, (size_t)2 * ETHERNET_IP6);
    write16(message + 2, sum_end(sum16(pseudo, message, length)));
    return ETHERNET_ICMPV6_HEADERS + length;
}

bool ethernet_address_parse(const char *text, uint8_t out[ETHERNET_ADDRESS]) {
    int end = 0;
    if (sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &out[0], &out[1], &out[2], &out[3], &out[4],
               &out[5], &end) != 6 ||
        end != 17 || text[end] != 0)
        return false;
    return !ethernet_is_group(out);
}
