// Calls on the network: cards, addresses, routes, and the files that name servers and hosts.
#pragma once

#include "guest/agent.h"
#include "guest/call.h"

ProtobufCMessage *network_call_link_set(agent *self, const ProtobufCMessage *request, holm_error **error);
ProtobufCMessage *network_call_address_add(agent *self, const ProtobufCMessage *request, holm_error **error);
ProtobufCMessage *network_call_route_add(agent *self, const ProtobufCMessage *request, holm_error **error);
ProtobufCMessage *network_call_dns(agent *self, const ProtobufCMessage *request, holm_error **error);
ProtobufCMessage *network_call_hosts(agent *self, const ProtobufCMessage *request, holm_error **error);

/// Finds the card by its hardware address (waiting for it by `uevents`, see uevent.h), or without one by its
/// name; gives it its name, size and addresses, and turns it on. Blocks. The loopback is on afterwards as
/// well.
int network_link_set(const Holm__Agent__V1__Interface *request, int uevents, holm_error **error);
/// Takes its addresses off the card and turns it off; routes that led by it are gone with that.
int network_link_reset(const Holm__Agent__V1__Interface *request, holm_error **error);
int network_route_add(const Holm__Agent__V1__RouteRequest *request, holm_error **error);
/// /etc/resolv.conf and /etc/hosts of the container.
int network_write_dns(const Holm__Agent__V1__Dns *dns, holm_error **error);
int network_write_hosts(const Holm__Agent__V1__Hosts *hosts, holm_error **error);
