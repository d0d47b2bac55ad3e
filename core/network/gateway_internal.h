// What the files of the gateway share.
#pragma once

#include <slirp/libslirp.h>
#include <stdbool.h>

#include "core/network/gateway.h"

#define WAITING_MAX \
    64 // frames that arrive while libslirp is at work: only its own questions, answered at once

typedef struct gateway_forward gateway_forward;

typedef struct gateway_descriptor {
    uv_poll_t poll;
    int fd;
    int wanted;  // SLIRP_POLL_*: what libslirp waits for now
    int started; // UV_*: what libuv watches
    int ready;   // SLIRP_POLL_*: what has happened since
    unsigned round;
    size_t position;                // among those of that round
    const gateway_forward *forward; // that it was accepted for, or NULL
    struct in_addr peer;            // of such a one
    in_port_t peer_port;
    struct gateway_descriptor *next, **link;
} gateway_descriptor;

struct gateway {
    Slirp *slirp;
    gateway_options options;
    uv_prepare_t prepare;
    uv_check_t check;
    uv_timer_t timer;
    gateway_descriptor *descriptors; // all of them
    gateway_descriptor **table;      // the same by number
    size_t table_size;
    gateway_descriptor **indexed; // of this round, in the order libslirp named them
    size_t indexed_count, indexed_capacity;
    unsigned round;
    unsigned busy; // inside libslirp: it must not be entered again
    struct {
        uint8_t *bytes;
        size_t length;
    } waiting[WAITING_MAX];
    size_t waiting_count;
    bool again; // the next round must not wait
    unsigned open_handles;
    gateway_forward *forwards;
};

// ---- gateway_forward.c ----

/// A connection may have been accepted: its descriptor is told which forward it belongs to.
void gateway_forward_accepted(gateway *self, gateway_descriptor *accepted);
/// Looks at a frame on its way into libslirp.
void gateway_forward_look(gateway *self, const uint8_t *frame, size_t length);
/// Forgets all of them.
void gateway_forward_finish(gateway *self);
