// What the files of the vsock device share: vsock.c (its face and its turns), vsock_table.c (the
// connections), vsock_send.c and vsock_receive.c (packets to and from the guest).
#pragma once

#include "vm/vhost_user.h"
#include "vm/vsock.h"
#include "vm/vsock_connection.h"

#define VSOCK_TABLE_SIZE     256
#define VSOCK_LISTENERS_MOST 64
#define VSOCK_STRAYS_MOST    64

enum { VSOCK_RING_RECEIVE, VSOCK_RING_SEND, VSOCK_RING_COUNT }; // as the driver calls them

typedef struct vsock_listener {
    uint32_t port;
    vsock_accepted accepted;
    void *data;
} vsock_listener;

// A reset for a packet that belongs to no connection.
typedef struct vsock_stray {
    uint32_t guest_port, host_port;
} vsock_stray;

struct vsock {
    uv_loop_t *loop;
    guest_memory *memory;
    vhost_user *back_end;
    uint64_t config; ///< guest_cid (5.10.4)
    void (*lost)(const holm_error *error, void *data);
    void *data;
    vsock_connection *table[VSOCK_TABLE_SIZE];
    vsock_connection *all;
    unsigned count;
    vsock_connection *queue, **queue_end; ///< those with something for the guest, taken in turn
    vsock_listener listeners[VSOCK_LISTENERS_MOST];
    unsigned listener_count;
    vsock_stray strays[VSOCK_STRAYS_MOST];
    unsigned stray_count;
    uint32_t next_host_port;
    uv_idle_t again; ///< runs while a turn ended before the work did
    bool in_turn;
    bool gone; ///< the VMM is
};

// ---- the table of connections, and the queue of those that have something for the guest ----

vsock_connection *vsock_table_find(vsock *self, uint32_t guest_port, uint32_t host_port);
vsock_connection *vsock_table_add(vsock *self, uint32_t guest_port, uint32_t host_port);
/// Closes and frees it; a dial that waits is told why.
void vsock_table_remove(vsock *self, vsock_connection *one, const char *why);
/// Nothing more comes from the guest or goes to it. What it sent before is still handed on.
void vsock_table_forget_guest(vsock *self, vsock_connection *one, const char *why);
/// A guest that does not let go of connections whose local end is gone must not use up the table. False: it
/// is full.
bool vsock_table_make_room(vsock *self);

void vsock_queue_add(vsock *self, vsock_connection *one); ///< where it is not in it
void vsock_queue_remove(vsock *self, vsock_connection *one);

/// Answers a dial. A descriptor that was given is the connection's from then on, or closed here.
void vsock_answer_dial(vsock_connection *one, int fd, const holm_error *error);

// ---- packets ----

/// Fills the guest's buffers from those that wait, in turn. Packets sent, at most `most`.
unsigned vsock_send(vsock *self, unsigned most);
/// Takes what the guest has sent. Packets taken, at most `most`.
unsigned vsock_receive(vsock *self, unsigned most);

/// Both, until nothing is left to do or the rest of the loop must have its turn.
void vsock_turn(vsock *self);
