// The way out of a network: libslirp as NAT, on a libuv loop. It owns the sockets to the outside; frames go
// in and out.
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "core/base/error.h"

typedef struct gateway gateway;

typedef struct gateway_options {
    uint32_t network; ///< host byte order, like all of them
    uint32_t netmask;
    uint32_t address;                   ///< of the gateway itself; its resolver answers there on port 53
    bool has_ip6;                       ///< to the outside in IPv6, too
    uint8_t network6[16], address6[16]; ///< a /64, and in that the gateway's
    unsigned mtu;
    bool host_loopback; ///< `address` is this host's loopback, and not a gateway with a resolver
    /// A frame for the network. Not called from within gateway_input's caller's own stack only when it
    /// answers at once: it may be.
    void (*frame)(const uint8_t *frame, size_t length, void *data);
    void *data;
} gateway_options;

gateway *gateway_create(uv_loop_t *loop, const gateway_options *options, holm_error **error);
/// A frame from the network. The bytes are copied where they must wait.
void gateway_input(gateway *self, const uint8_t *frame, size_t length);

/// Connections to `host` (port 0: one is chosen, and filled in) go to this port of this member from now on.
/// NULL: errno says why not. A client on this host's loopback is the gateway to the guest; every other keeps
/// its address. Half-closed connections stay so. A reset by either side reaches the other one.
typedef struct gateway_forward gateway_forward;
gateway_forward *gateway_forward_open(gateway *self, struct sockaddr_in *host, uint32_t ip, uint16_t port);
/// No new ones, and those there are end.
void gateway_forward_close(gateway *self, gateway_forward *forward);

/// Closes every connection; frees itself from the loop. Accepts NULL.
void gateway_destroy(gateway *self);
