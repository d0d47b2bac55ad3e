#include "core/network/name_stream.h"

#include <stdlib.h>
#include <string.h>

#define CLIENTS_MOST 1024 // the one that began first makes room
#define PROTOCOL_TCP 6
#define AT_SOURCE    12 // within the header of IPv4
#define AT_TARGET    16
#define AT_SUM       10
#define AT_TCP_SUM   16

typedef struct client {
    uint32_t ip;
    uint16_t port; // 0: free
} client;

struct name_stream {
    uint32_t gateway, server;
    client clients[CLIENTS_MOST];
    size_t next;
};

name_stream *name_stream_create(uint32_t gateway, uint32_t server) {
    name_stream *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->gateway = gateway;
    self->server = server;
    return self;
}

void name_stream_destroy(name_stream *self) {
    free(self);
}

static client *find(name_stream *self, uint32_t ip, uint16_t port) {
    for (size_t i = 0; i < CLIENTS_MOST; i++)
        if (self->clients[i].port == port && self->clients[i].ip == ip)
            return &self->clients[i];
    return NULL;
}

static uint16_t read16(const uint8_t *bytes) {
    return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

// RFC 1624: a sum without one word, and with another.
static void exchange(uint8_t *sum, uint16_t before, uint16_t after) {
    uint32_t value = (uint32_t)(uint16_t)~read16(sum) + (uint16_t)~before + after;
    while (value >> 16)
        value = (value & 0xffff) + (value >> 16);
    sum[0] = (uint8_t)(~value >> 8);
    sum[1] = (uint8_t)~value;
}

// Puts an address into a copy of the frame, whose header and TCP the sums cover. False: it is cut off.
static bool rewrite(const uint8_t *frame, size_t length, uint8_t *out, size_t at, uint32_t address) {
    const size_t header = (size_t)(frame[ETHERNET_HEADER] & 15) * 4;
    if (length < ETHERNET_HEADER + header + AT_TCP_SUM + 2)
        return false;
    memcpy(out, frame, length);
    uint8_t *packet = out + ETHERNET_HEADER;
    const uint16_t words[] = {(uint16_t)(address >> 16), (uint16_t)address};
    for (size_t i = 0; i < 2; i++) {
        uint8_t *word = packet + at + 2 * i;
        exchange(packet + AT_SUM, read16(word), words[i]);
        exchange(packet + header + AT_TCP_SUM, read16(word), words[i]);
        word[0] = (uint8_t)(words[i] >> 8);
        word[1] = (uint8_t)words[i];
    }
    return true;
}

static bool is_tcp(const ethernet_frame *frame) {
    return frame->is_ipv4 && frame->has_ports && frame->ipv4_protocol == PROTOCOL_TCP;
}

bool name_stream_out(name_stream *self, const ethernet_frame *parsed, const uint8_t *frame, size_t length,
                     uint8_t *out) {
    if (!is_tcp(parsed) || parsed->destination_port != NAME_STREAM_PORT)
        return false;
    client *known = find(self, parsed->ipv4_source, parsed->source_port);
    if (parsed->ipv4_destination == self->server && parsed->tcp_opens && known)
        *known = (client){0}; // the same port, to the server itself
    if (parsed->ipv4_destination != self->gateway)
        return false;
    if (parsed->tcp_opens && !known) {
        self->clients[self->next] = (client){parsed->ipv4_source, parsed->source_port};
        self->next = (self->next + 1) % CLIENTS_MOST;
    }
    return rewrite(frame, length, out, AT_TARGET, self->server);
}

bool name_stream_in(name_stream *self, const ethernet_frame *parsed, const uint8_t *frame, size_t length,
                    uint8_t *out) {
    return is_tcp(parsed) && parsed->source_port == NAME_STREAM_PORT && parsed->ipv4_source == self->server &&
           find(self, parsed->ipv4_destination, parsed->destination_port) &&
           rewrite(frame, length, out, AT_SOURCE, self->gateway);
}
