// Frames as a switch looks at them: Ethernet, ARP and IPv4 headers, read from untrusted bytes without
// trusting a length. IEEE 802.3 (addresses, type), RFC 826 (ARP), RFC 791 (IPv4), RFC 9293 (TCP), RFC 768
// (UDP).
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
    bool has_ports; ///< TCP or UDP, not a fragment, with its ports
    uint16_t source_port;
    uint16_t destination_port;
    bool tcp_opens;         ///< the first of a TCP connection: SYN without ACK
    bool tcp_resets;        ///< RST
    bool is_udp;            ///< a whole UDP datagram
    const uint8_t *payload; ///< of UDP, within the frame
    size_t payload_length;
} ethernet_frame;

/// Reads a frame; false when it is shorter than an Ethernet header. What is broken further in leaves is_arp
/// and is_ipv4 false.
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

/// "52:54:00:12:34:56" to bytes; false when it is anything else, or a group address.
bool ethernet_address_parse(const char *text, uint8_t out[ETHERNET_ADDRESS]);
