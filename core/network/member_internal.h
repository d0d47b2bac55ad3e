// What the files of the members share.
#pragma once

#include "core/base/acceptor.h"
#include "core/network/bridge.h"
#include "core/network/member.h"

typedef struct queued_frame {
    struct queued_frame *next;
    size_t length;
    uint8_t bytes[];
} queued_frame;

typedef struct member {
    member_list *list;
    struct member *next;
    uv_poll_t control; // one request, then updates of it; its end is the end of the membership
    uv_poll_t card;
    int control_fd;
    int card_fd; // -1: none, or the bridge's
    Holm__Network__V1__PortRequest *request;
    char *addresses[2];   // of the request, as member_list_visit tells them
    switch_port *port;    // on the switch
    bridge_port *plugged; // or on the bridge
    host_guest *guest;    // there, where it may reach the host's loopback, or NULL
    bool joined;
    ethernet_host is;
    published *ports; // of the host, or NULL
    queued_frame *first, **last;
    size_t queued_bytes;
    unsigned open_handles;
    bool ended;
} member;

struct member_list {
    uv_loop_t *loop;
    acceptor *listener;
    network_switch *fabric; // one of these
    bridge *bridge;
    host_door *door;
    bool has_ip6;
    uint8_t subnet6[ETHERNET_IP6];
    port_publisher *publisher; // NULL: an internal network
    member *members;
    void (*changed)(void *data);
    void *data;
    unsigned open_handles; // the listener and every member
    bool destroyed;
};

// ---- member_card.c: its frames, on a network with a switch of its own ----

bool member_card_is_socket(int fd);
/// Its card is on the switch from now on.
void member_card_start(member *self);
void member_card_finish(member *self);
