// Cards of a network with the driver "bridge": taps (Documentation/networking/tuntap.rst), whose one end is
// the machine's and whose other end is a card of the host, there for as long as anyone has the descriptor.
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "core/base/error.h"

/// A new one, down and on no bridge, named holm0, holm1 and so on. Without a header before its frames, as
/// the cards of templates have none. Needs CAP_NET_ADMIN in the network namespace.
int tap_open(holm_error **error);

/// The card of the host that belongs to this descriptor of a tap. False: it is none that tap_open makes, or
/// that of another network namespace than `own` (/proc/self/ns/net).
bool tap_card(int fd, const struct stat *own, char name[IFNAMSIZ]);
