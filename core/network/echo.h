// Echo requests of ICMPv6 (RFC 4443) on their way outside, and what comes back for them. Each goes under a
// number of ours as its sequence; the first answer by that number, from where it went, is for who asked.
// Pure: it opens nothing and waits for nothing.
#pragma once

#include "core/network/ethernet.h"

#define ECHO_MOST       4096 ///< requests that wait: the oldest makes room
#define ECHO_FRAME_SIZE (ETHERNET_HEADER + 40 + UINT16_MAX)

#define ECHO_UNREACHABLE   1 ///< the kinds of errors that are told
#define ECHO_NO_ROUTE      0 ///< and codes of that one
#define ECHO_PROHIBITED    1
#define ECHO_NO_NEIGHBOUR  3
#define ECHO_TIME_EXCEEDED 3

typedef struct echo_table echo_table;

/// `gateway` says what comes back, for the outside; `mtu` is the network's.
echo_table *echo_create(const ethernet_end6 *gateway, unsigned mtu);
void echo_destroy(echo_table *self);

/// Whether a frame is an echo request to another than the gateway.
bool echo_is_request(const echo_table *self, const ethernet_frame *frame);
/// Keeps who sent it, and returns the number under which it goes outside.
uint16_t echo_take(echo_table *self, const ethernet_frame *frame);

/// What came from outside: a message of ICMPv6, or for an error the start of the one that is the reason.
typedef struct echo_received {
    const uint8_t *from; ///< 16 bytes; of an error who says it
    const uint8_t *to;   ///< of an error where the request went
    uint8_t hops;        ///< of a reply: the hop limit that is left
    const uint8_t *message;
    size_t length;
} echo_received;

// All of these write a frame to the member into `out`, which has ECHO_FRAME_SIZE bytes, and return its
// length; 0: there is none.

size_t echo_make_reply(echo_table *self, const echo_received *got, uint8_t *out);
size_t echo_make_error(echo_table *self, const echo_received *got, uint8_t type, uint8_t code, uint8_t *out);
/// An error of the gateway's own, about a request that has not gone outside.
size_t echo_make_refusal(const echo_table *self, const ethernet_frame *frame, uint8_t type, uint8_t code,
                         uint8_t *out);
