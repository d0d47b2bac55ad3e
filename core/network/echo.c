#include "core/network/echo.h"

#include <stdlib.h>
#include <string.h>

#define IPV6_HEADER    40
#define MESSAGE_HEADER 8 // of a request, a reply and an error
#define ECHO_REPLY     129
#define ERROR_MOST     1280 // RFC 4443, 2.4: an error with what it is about

// What a request began with: its headers, in which all there is to know of it stands.
typedef struct request {
    bool waits;
    uint16_t number;
    uint8_t mac[ETHERNET_ADDRESS];
    uint8_t packet[IPV6_HEADER + MESSAGE_HEADER];
} request;

#define SOURCE      8 // where in them
#define DESTINATION 24
#define IDENTIFIER  (IPV6_HEADER + 4) // and the sequence

struct echo_table {
    ethernet_end6 gateway;
    unsigned mtu;
    uint16_t next;
    request requests[ECHO_MOST]; // by number
};

echo_table *echo_create(const ethernet_end6 *gateway, unsigned mtu) {
    echo_table *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->gateway = *gateway;
    self->mtu = mtu;
    return self;
}

void echo_destroy(echo_table *self) {
    free(self);
}

bool echo_is_request(const echo_table *self, const ethernet_frame *frame) {
    return frame->icmp6 && frame->ipv6_plain && frame->icmp6_length >= MESSAGE_HEADER &&
           frame->icmp6[0] == ETHERNET_ECHO_REQUEST && frame->icmp6[1] == 0 &&
           memcmp(frame->ipv6_destination, self->gateway.ip6, ETHERNET_IP6) != 0;
}

// Without extension headers it is one piece.
static const uint8_t *packet_of(const ethernet_frame *frame) {
    return frame->icmp6 - IPV6_HEADER;
}

uint16_t echo_take(echo_table *self, const ethernet_frame *frame) {
    request *into = &self->requests[self->next % ECHO_MOST];
    *into = (request){.waits = true, .number = self->next};
    memcpy(into->mac, frame->source, sizeof into->mac);
    memcpy(into->packet, packet_of(frame), sizeof into->packet);
    return self->next++;
}

// The request that a message is about.
static request *find(echo_table *self, const uint8_t *to, const echo_received *got) {
    if (got->length < MESSAGE_HEADER)
        return NULL;
    const uint16_t number = (uint16_t)(got->message[6] << 8 | got->message[7]);
    request *found = &self->requests[number % ECHO_MOST];
    bool is_it =
        found->waits && found->number == number && memcmp(found->packet + DESTINATION, to, ETHERNET_IP6) == 0;
    return is_it ? found : NULL;
}

static ethernet_end6 end_of(const uint8_t *mac, const uint8_t *ip6) {
    ethernet_end6 end;
    memcpy(end.mac, mac, sizeof end.mac);
    memcpy(end.ip6, ip6, sizeof end.ip6);
    return end;
}

size_t echo_make_reply(echo_table *self, const echo_received *got, uint8_t *out) {
    request *asked = find(self, got->from, got);
    if (!asked || got->message[0] != ECHO_REPLY || got->message[1] != 0 || got->hops <= 1 ||
        got->length > UINT16_MAX || IPV6_HEADER + got->length > self->mtu)
        return 0;
    const ethernet_end6 from = end_of(self->gateway.mac, got->from),
                        to = end_of(asked->mac, asked->packet + SOURCE);
    uint8_t *message = out + ETHERNET_ICMPV6_HEADERS;
    memcpy(message, got->message, got->length);
    memcpy(message + 4, asked->packet + IDENTIFIER, 4);
    asked->waits = false;
    return ethernet_make_icmpv6(out, &from, &to, got->hops - 1, got->length);
}

// Of a packet of which the start is its headers, what comes then, as much as may be.
static size_t make_error(const ethernet_end6 *from, const ethernet_end6 *to, const uint8_t kind[2],
                         const uint8_t *headers, const uint8_t *rest, size_t length, uint8_t *out) {
    const size_t start = IPV6_HEADER + MESSAGE_HEADER, most = ERROR_MOST - 2 * start;
    uint8_t *message = out + ETHERNET_ICMPV6_HEADERS;
    if (length > most)
        length = most;
    memset(message, 0, MESSAGE_HEADER);
    memcpy(message, kind, 2);
    memcpy(message + MESSAGE_HEADER, headers, start);
    memcpy(message + MESSAGE_HEADER + start, rest, length);
    return ethernet_make_icmpv6(out, from, to, 64, MESSAGE_HEADER + start + length);
}

size_t echo_make_error(echo_table *self, const echo_received *got, uint8_t type, uint8_t code, uint8_t *out) {
    request *about = find(self, got->to, got);
    if (!about || got->message[0] != ETHERNET_ECHO_REQUEST ||
        (type != ECHO_UNREACHABLE && type != ECHO_TIME_EXCEEDED))
        return 0;
    const ethernet_end6 from = end_of(self->gateway.mac, got->from),
                        to = end_of(about->mac, about->packet + SOURCE);
    about->waits = false;
    return make_error(&from, &to, (const uint8_t[]){type, code}, about->packet, got->message + MESSAGE_HEADER,
                      got->length - MESSAGE_HEADER, out);
}

size_t echo_make_refusal(const echo_table *self, const ethernet_frame *frame, uint8_t type, uint8_t code,
                         uint8_t *out) {
    const ethernet_end6 to = end_of(frame->source, frame->ipv6_source);
    return make_error(&self->gateway, &to, (const uint8_t[]){type, code}, packet_of(frame),
                      frame->icmp6 + MESSAGE_HEADER, frame->icmp6_length - MESSAGE_HEADER, out);
}
