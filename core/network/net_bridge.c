// A network with the driver "bridge": the host carries the frames. What is left for holm-net is to make
// bridge and rules, to put the members' taps there, to answer for their names and to publish their ports.
#include <string.h>

#include "core/network/bridge_host.h"
#include "core/network/net_process.h"

static void from_resolver(const uint8_t *frame, size_t length, void *data) {
    const net_process *self = data;
    name_socket_answer(self->name_socket, frame, length);
}

int net_bridge_open(net_process *self, const char *folder, const net_options *asked, holm_error **error) {
    const gateway_options *options = &asked->gateway;
    char name[BRIDGE_NAME_SIZE];
    bridge_name(folder, name);
    bridge_network network = {.name = name,
                              .ip = options->address,
                              .netmask = options->netmask,
                              .has_ip6 = options->has_ip6,
                              .internal = asked->internal};
    memcpy(network.ip6, options->address6, sizeof network.ip6);
    self->bridge = bridge_create(&self->loop, &network, self->own.mac, options->mtu, error);
    if (!self->bridge)
        return -1;
    self->name_socket = name_socket_create(&self->loop, self->own.ip, !asked->internal, error);
    if (!self->name_socket)
        return -1;
    network.names_port = name_socket_port(self->name_socket);
    network.stream_port = name_socket_stream_port(self->name_socket);
    if (!asked->internal && !(self->door = host_door_create(&self->loop, &network, error)))
        return -1;
    self->resolver = net_resolver_create(self, asked, from_resolver);
    name_socket_serve(self->name_socket, self->resolver);
    self->publisher = asked->internal ? NULL : publisher_create_bridge(&self->loop, &network);
    return bridge_guard(self->bridge, &network, error);
}
