#include "core/network/neighbour.h"

#include <string.h>

#define HEADER_LENGTH  24 // of a solicitation and an advertisement
#define OPTION_SOURCE  1
#define OPTION_TARGET  2
#define HOPS           255 // what a router has passed on has less
#define FLAG_ROUTER    0x80
#define FLAG_SOLICITED 0x40
#define FLAG_OVERRIDE  0x20
#define MESSAGE_LENGTH (HEADER_LENGTH + 8)

static size_t fixed_length(neighbour_kind kind) {
    switch (kind) {
    case NEIGHBOUR_ROUTER_SOLICITATION:
        return 8;
    case NEIGHBOUR_ROUTER_ADVERTISEMENT:
        return 16;
    case NEIGHBOUR_REDIRECT:
        return 40;
    default:
        return HEADER_LENGTH;
    }
}

static bool read_options(const uint8_t *at, size_t left, neighbour_message *out) {
    while (left > 0) {
        size_t length = left >= 8 ? (size_t)at[1] * 8 : 0;
        if (length == 0 || length > left)
            return false;
        if (at[0] == OPTION_SOURCE || at[0] == OPTION_TARGET) {
            const uint8_t **link = &out->links[at[0] == OPTION_TARGET];
            if (*link) // of two a guard would see one, and a neighbour take the other
                return false;
            *link = at + 2;
        }
        at += length;
        left -= length;
    }
    return true;
}

void neighbour_parse(const ethernet_frame *frame, neighbour_message *out) {
    *out = (neighbour_message){0};
    if (!frame->icmp6 || frame->icmp6[0] < NEIGHBOUR_ROUTER_SOLICITATION ||
        frame->icmp6[0] > NEIGHBOUR_REDIRECT)
        return;
    out->kind = frame->icmp6[0];
    size_t fixed = fixed_length(out->kind);
    if (frame->ipv6_fragment || frame->ipv6_hops != HOPS || frame->icmp6[1] != 0 ||
        frame->icmp6_length < fixed)
        return;
    if (out->kind == NEIGHBOUR_SOLICITATION || out->kind == NEIGHBOUR_ADVERTISEMENT)
        out->target = frame->icmp6 + 8;
    out->whole = read_options(frame->icmp6 + fixed, frame->icmp6_length - fixed, out);
}

void neighbour_make_advertisement(uint8_t out[NEIGHBOUR_ADVERTISEMENT_LENGTH],
                                  const uint8_t mac[ETHERNET_ADDRESS], const uint8_t ip6[ETHERNET_IP6],
                                  bool router, const neighbour_asker *asker) {
    ethernet_end6 from, to = {.ip6 = {0xff, 2, [15] = 1}}; // all nodes
    memcpy(from.mac, mac, sizeof from.mac);
    memcpy(from.ip6, ip6, sizeof from.ip6);
    memcpy(to.mac, asker->mac, sizeof to.mac);
    if (asker->ip6)
        memcpy(to.ip6, asker->ip6, sizeof to.ip6);
    uint8_t *message = out + ETHERNET_ICMPV6_HEADERS;
    memset(message, 0, MESSAGE_LENGTH);
    message[0] = NEIGHBOUR_ADVERTISEMENT;
    message[4] = (uint8_t)((router ? FLAG_ROUTER : 0) | (asker->ip6 ? FLAG_SOLICITED : 0) | FLAG_OVERRIDE);
    memcpy(message + 8, ip6, ETHERNET_IP6);
    message[HEADER_LENGTH] = OPTION_TARGET;
    message[HEADER_LENGTH + 1] = 1;
    memcpy(message + HEADER_LENGTH + 2, mac, ETHERNET_ADDRESS);
    ethernet_make_icmpv6(out, &from, &to, HOPS, MESSAGE_LENGTH);
}

void neighbour_link_local(const uint8_t mac[ETHERNET_ADDRESS], uint8_t out[ETHERNET_IP6]) {
    const uint8_t address[ETHERNET_IP6] = {0xfe, 0x80, [8] = mac[0] ^ 2, mac[1], mac[2],
                                           0xff, 0xfe, mac[3],           mac[4], mac[5]};
    memcpy(out, address, ETHERNET_IP6);
}
