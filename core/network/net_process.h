// What the files of holm-net share.
#pragma once

#include <uv.h>

#include "core/network/bridge_subnets.h"
#include "core/network/echo_socket.h"
#include "core/network/gateway.h"
#include "core/network/host_door.h"
#include "core/network/member.h"
#include "core/network/name_socket.h"
#include "core/network/name_stream.h"
#include "core/network/net_options.h"
#include "core/network/resolver.h"
#include "core/rpc/rpc.h"

#define NET_PORT_DNS 53

typedef struct net_process {
    uv_loop_t loop;
    const char *name;
    bool own_servers;          // its resolver asks others than the host's
    name_stream *names;        // over TCP, from the first of them; NULL: none of them has IPv4
    char *lock_path;           // held while it starts or ends, see port.c
    network_switch *fabric;    // NULL: a bridge of the host
    gateway *gateway;          // NULL: a bridge, or an internal network
    gateway *host;             // to the host's loopback; NULL: the same
    echo_socket *echo;         // beside the gateway, of IPv6; NULL: the same
    bridge_subnets *bridges;   // of the host, where the gateway does not lead; NULL: the same
    bridge *bridge;            // NULL: the switch
    name_socket *name_socket;  // the resolver's; NULL: the same
    host_door *door;           // to the host's loopback; NULL: the same, or an internal network
    port_publisher *publisher; // NULL: an internal network
    resolver *resolver;
    ethernet_end own; // the gateway's address; its hardware address is the one that libslirp gives it
    member_list *members;
    rpc_server *server;
    void *service_data[1];
    uv_timer_t idle;
    uv_signal_t terminate;
    bool ending;
    bool left_members; // at its end: the next process finds their cards on the bridge
} net_process;

/// What the resolver is told whatever the driver; it answers by `frame`.
resolver *net_resolver_create(net_process *self, const net_options *asked,
                              void (*frame)(const uint8_t *frame, size_t length, void *data));

// ---- net_frames.c: a switch of its own, and a gateway ----

int net_frames_open(net_process *self, const net_options *asked, holm_error **error);
/// After the loop has ended.
void net_frames_close(net_process *self);

// ---- net_bridge.c: a bridge of the host ----

/// Blocks. `folder` is the network's.
int net_bridge_open(net_process *self, const char *folder, const net_options *asked, holm_error **error);
