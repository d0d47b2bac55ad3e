// The host's table of connections (nf_conntrack), by ctnetlink: what NAT does to one of them, told before its
// first packet, without a rule for it. Needs CAP_NET_ADMIN, and rules of ours that have NAT in them.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/network/inet_address.h"

/// What goes from `own` to `to` looks there as if it came from `as`, with another port than that where it is
/// taken; what comes back finds the way. All three of one family, `protocol` is TCP or UDP. One that is known
/// already stays as it is. False: errno says why not.
bool conntrack_disguise(uint8_t protocol, const inet_address *own, const inet_address *to,
                        const inet_address *as);

/// Where a flow that has come from `from` to `own` was going before NAT led it there. False: it is not known.
bool conntrack_origin(uint8_t protocol, const inet_address *from, const inet_address *own, inet_address *out);
