// The members of a network as holm-net has them: connections on port.sock, each with one card's far half.
#pragma once

#include <uv.h>

#include "core/base/error.h"
#include "core/network/bridge.h"
#include "core/network/host_door.h"
#include "core/network/network.pb-c.h"
#include "core/network/publish.h"
#include "core/network/switch.h"

typedef struct member_list member_list;

/// What they are joined to.
typedef struct member_fabric {
    network_switch *own;    ///< one of these: cards are datagram sockets
    bridge *bridge;         ///< cards are taps
    host_door *door;        ///< of the bridge, or NULL
    const uint8_t *subnet6; ///< a /64, copied; NULL: no member has an address of IPv6
} member_fabric;

/// Listens at `path` (0600; an old socket is replaced) and joins to `fabric` whoever connects. `changed` is
/// called after the number of members has changed. `publisher` opens their ports of the host; NULL: none.
member_list *member_list_create(uv_loop_t *loop, const char *path, const member_fabric *fabric,
                                port_publisher *publisher, void (*changed)(void *data), void *data,
                                holm_error **error);
/// Disconnects all of them; frees itself from the loop. Accepts NULL.
void member_list_destroy(member_list *self);
size_t member_list_count(const member_list *self);

/// The members that have this name, at most `most` into `out`.
size_t member_list_find(const member_list *self, const char *name, ethernet_host *out, size_t most);
/// The first name of the member with this address, that of IPv6 where it has one and else the other, or NULL;
/// borrowed.
const char *member_list_name(const member_list *self, const ethernet_host *host);

/// Whether the member with this address asks other networks next for what is not known here.
bool member_list_asks_more(const member_list *self, uint32_t ip);

/// The switch's way to a port: takes the frame now, keeps it for a while when the card is slow, or drops it.
void member_frame(void *port_data, const uint8_t *frame, size_t length, void *data);

/// Calls `each` for every member; what the message points to is borrowed until the loop goes on.
void member_list_visit(const member_list *self,
                       void (*each)(const Holm__Network__V1__Member *member, void *data), void *data);
