// Frames as a switch looks at them: Ethernet, ARP, IPv4 and IPv6 headers, read from untrusted bytes without
// trusting a length. IEEE 802.3 (addresses, type), RFC 826 (ARP), RFC 791 (IPv4), RFC 8200 (IPv6), RFC 9293
// (TCP), RFC 768 (UDP). What ICMPv6 says of neighbours is read by neighbour.h.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ETHERNET_ADDRESS 6
#define ETHERNET_HEADER  14
#define ETHERNET_MAX     65536 ///< the largest frame we carry

#define ETHERNET_TYPE_IPV4 0x0800
#define ETHERNET_TYPE_ARP  0x0806
#define ETHERNET_TYPE_IPV6 0x86dd

#define ETHERNET_ICMPV6       58  ///< as ipv6_protocol
#define ETHERNET_ECHO_REQUEST 128 ///< the first byte of a message of that

#define ETHERNET_IP6 16 ///< bytes of an IPv6 address

/// What a member of a network is found at. ip is in host byte order, ip6 in the network's.
typedef struct ethernet_host {
    uint32_t ip;
    bool has_ip6;
    uint8_t ip6[ETHERNET_IP6];
} ethernet_host;

/// What was found in a frame. Addresses are in host byte order.
typedef struct ethernet_frame {
    const uint8_t *destination; ///< 6 bytes within the frame
    const uint8_t *source;
    uint16_t type;

    bool is_arp; ///< a whole ARP packet for IPv4 over Ethernet
    uint16_t arp_operation;
    const uint8_t *arp_sender_mac;
    uint32_t arp_sender_ip;
    uint32_t arp_target_ip;

    bool is_ipv4; ///< a whole IPv4 header
    uint32_t ipv4_source;
    uint32_t ipv4_destination;
    uint8_t ipv4_protocol;
    bool ipv4_fragment;

    bool is_ipv6; ///< a whole IPv6 header, and what follows it up to its protocol's own could be read
    const uint8_t *ipv6_source; ///< 16 bytes within the frame
    const uint8_t *ipv6_destination;
    uint8_t ipv6_protocol; ///< behind all extension headers
    uint8_t ipv6_hops;
    bool ipv6_fragment; ///< it has a fragment header
    bool ipv6_routed;   ///< it has a routing header: its destination is not its last one
    bool ipv6_plain;    ///< it has no extension headers
    const uint8_t
        *icmp6; ///< the message of ICMPv6, as much as is here of it; NULL: it is none, or a later fragment
    size_t icmp6_length;

    bool has_ports; ///< TCP or UDP, not a fragment, with its ports
    uint16_t source_port;
    uint16_t destination_port;
    bool tcp_opens;         ///< the first of a TCP connection: SYN without ACK
    bool tcp_resets;        ///< RST
    bool is_udp;            ///< a whole UDP datagram
    const uint8_t *payload; ///< of UDP, within the frame
    size_t payload_length;
} ethernet_frame;

/// Reads a frame; false when it is shorter than an Ethernet header. What is broken further in leaves is_arp,
/// is_ipv4 and is_ipv6 false.
bool ethernet_parse(const uint8_t *bytes, size_t length, ethernet_frame *out);

/// Whether the destination is a group address (broadcast or multicast).
bool ethernet_is_group(const uint8_t address[ETHERNET_ADDRESS]);

#define ETHERNET_ARP_LENGTH 42

/// Writes the ARP reply that says `ip` is at `mac`, to the one who asked.
void ethernet_make_arp_reply(uint8_t out[ETHERNET_ARP_LENGTH], const uint8_t mac[ETHERNET_ADDRESS],
                             uint32_t ip, const uint8_t asker_mac[ETHERNET_ADDRESS], uint32_t asker_ip);

/// One end of a UDP datagram. Numbers are in host byte order.
typedef struct ethernet_end {
    uint8_t mac[ETHERNET_ADDRESS];
    uint32_t ip;
    uint16_t port;
} ethernet_end;

#define ETHERNET_UDP_HEADERS (ETHERNET_HEADER + 20 + 8)

/// Writes a frame with one UDP datagram over IPv4. `out` has room for ETHERNET_UDP_HEADERS and the payload.
/// Returns the frame's length; 0 when it would not fit into `mtu`.
size_t ethernet_make_udp(uint8_t *out, const ethernet_end *from, const ethernet_end *to, const void *payload,
                         size_t length, unsigned mtu);

/// One end of a message of ICMPv6.
typedef struct ethernet_end6 {
    uint8_t mac[ETHERNET_ADDRESS];
    uint8_t ip6[ETHERNET_IP6];
} ethernet_end6;

#define ETHERNET_ICMPV6_HEADERS (ETHERNET_HEADER + 40)

/// Writes a frame's headers before the message that is at out + ETHERNET_ICMPV6_HEADERS already, and its
/// checksum into it. Returns the frame's length. The message has 4 to 65535 bytes.
size_t ethernet_make_icmpv6(uint8_t *out, const ethernet_end6 *from, const ethernet_end6 *to, uint8_t hops,
                            size_t length);

/// "52:54:00:12:34:56" to bytes; false when it is anything else, or a group address.
bool ethernet_address_parse(const char *text, uint8_t out[ETHERNET_ADDRESS]);
