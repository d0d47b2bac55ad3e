// Echo in IPv6 to the outside, by a ping socket (icmp(7), for which net.ipv4.ping_group_range counts in IPv6,
// too), which is there while it is used. Who may open none hears nothing.
#pragma once

#include <uv.h>

#include "core/network/echo.h"

typedef struct echo_socket echo_socket;

/// `frame` is given what goes to a member; it may be from within echo_socket_input.
echo_socket *echo_socket_create(uv_loop_t *loop, const ethernet_end6 *gateway, unsigned mtu,
                                void (*frame)(const uint8_t *frame, size_t length, void *data), void *data);
/// Takes an echo request to the outside; false: the frame is another one.
bool echo_socket_input(echo_socket *self, const ethernet_frame *frame);
/// Accepts NULL. The memory goes with the loop's next round.
void echo_socket_destroy(echo_socket *self);
