// What machines on a link say of each other in IPv6 (RFC 4861): read from untrusted frames, and the one
// message that a switch says itself.
#pragma once

#include "core/network/ethernet.h"

typedef enum neighbour_kind {
    NEIGHBOUR_NONE, ///< ICMPv6 of another kind
    NEIGHBOUR_ROUTER_SOLICITATION = 133,
    NEIGHBOUR_ROUTER_ADVERTISEMENT,
    NEIGHBOUR_SOLICITATION,
    NEIGHBOUR_ADVERTISEMENT,
    NEIGHBOUR_REDIRECT,
} neighbour_kind;

typedef struct neighbour_message {
    neighbour_kind kind;
    bool whole; ///< as RFC 4861 wants it: from this link, not a fragment, long enough, with readable options
    const uint8_t *target; ///< of a solicitation or an advertisement: 16 bytes within the frame
    const uint8_t
        *links[2]; ///< the hardware addresses of its options, of who sends it and of the target; NULL: none
} neighbour_message;

/// Reads a frame of IPv6.
void neighbour_parse(const ethernet_frame *frame, neighbour_message *out);

#define NEIGHBOUR_ADVERTISEMENT_LENGTH (ETHERNET_ICMPV6_HEADERS + 32)

/// Who asked: `ip6` NULL where that one has no address yet, and all are told.
typedef struct neighbour_asker {
    const uint8_t *mac;
    const uint8_t *ip6;
} neighbour_asker;

/// Writes the advertisement that says `ip6` is at `mac`.
void neighbour_make_advertisement(uint8_t out[NEIGHBOUR_ADVERTISEMENT_LENGTH],
                                  const uint8_t mac[ETHERNET_ADDRESS], const uint8_t ip6[ETHERNET_IP6],
                                  bool router, const neighbour_asker *asker);

/// The address on the link that a card gives itself (RFC 4291, appendix A).
void neighbour_link_local(const uint8_t mac[ETHERNET_ADDRESS], uint8_t out[ETHERNET_IP6]);
