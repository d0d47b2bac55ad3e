// What of the host's settings (Documentation/networking/ip-sysctl.rst) a bridge needs.
#pragma once

#include <stdbool.h>

#include "core/base/error.h"

/// Of the bridge, before it is up: nobody is the host's router there, and without IPv6 the host has none
/// there.
int bridge_forward_link(const char *name, bool has_ip6, holm_error **error);
/// The host forwards, for all of its cards, since what comes back comes in by another one. Where it does not
/// yet that is turned on, the log tells so, and it stays on: others may have come to need it. What the host
/// has learnt from routers (IPv6) it learns after as before. That IPv6 cannot be had is no error.
int bridge_forward_outside(bool has_ip6, holm_error **error);
