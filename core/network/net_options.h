// What holm-net is told of its network, as core/network/port.c writes it.
#pragma once

#include "core/network/gateway.h"

typedef struct net_options {
    gateway_options gateway; ///< but for where its frames go
    bool bridge;             ///< of the host, in place of a switch of ours
    bool internal;
    const char
        *servers; ///< that the resolver asks, with commas between, within `words`; NULL: those of the host
} net_options;

/// `words`: NAME SUBNET GATEWAY and what follows, NULL-terminated; see net_main.c.
int net_options_parse(char **words, net_options *out, holm_error **error);
