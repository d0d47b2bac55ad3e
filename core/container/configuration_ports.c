// The ports of the host that a container is to have: what was asked for, and what its image exposes.
#include <arpa/inet.h>
#include <string.h>

#include "core/container/configuration_internal.h"
#include "core/network/port.h"

#define USUAL_ADDRESS "0.0.0.0"

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static int complete_port(json_t *port, const char *usual_address, holm_error **error) {
    static const char *const texts[] = {"hostAddress", "protocol"};
    const char *const otherwise[] = {usual_address ? usual_address : USUAL_ADDRESS, "tcp"};
    for (size_t i = 0; i < array_length(texts); i++)
        if (!text_of(port, texts[i])[0])
            json_object_set_new(port, texts[i], json_string(otherwise[i]));
    if (!json_object_get(port, "hostPort"))
        json_object_set_new(port, "hostPort", json_integer(0));
    uint8_t bytes[16];
    const char *address = text_of(port, "hostAddress"), *protocol = text_of(port, "protocol");
    if (inet_pton(AF_INET, address, bytes) != 1 && inet_pton(AF_INET6, address, bytes) != 1) {
        holm_error_set(error, HOLM_ERROR_INVALID, "\"%.60s\" is no address that a port can be published on",
                       address);
        holm_error_hint(error, "127.0.0.1, 0.0.0.0 and [::] are some");
        return -1;
    }
    if (strcmp(protocol, "tcp") != 0 && strcmp(protocol, "udp") != 0) {
        holm_error_set(error, HOLM_ERROR_INVALID, "ports are published by tcp and udp, not \"%.20s\"",
                       protocol);
        return -1;
    }
    if (!json_object_get(port, "containerPort")) {
        holm_error_set(error, HOLM_ERROR_INVALID, "a published port needs a port of the container");
        return -1;
    }
    return 0;
}

static bool is_same(const json_t *one, const json_t *two) {
    return json_integer_value(json_object_get(one, "hostPort")) != 0 &&
           json_equal(json_object_get(one, "hostPort"), json_object_get(two, "hostPort")) &&
           json_equal(json_object_get(one, "hostAddress"), json_object_get(two, "hostAddress")) &&
           json_equal(json_object_get(one, "protocol"), json_object_get(two, "protocol"));
}

static bool has_container_port(const json_t *ports, int number, const char *protocol) {
    size_t index;
    json_t *port;
    json_array_foreach (ports, index, port) {
        const char *own = text_of(port, "protocol");
        if (json_integer_value(json_object_get(port, "containerPort")) == number &&
            strcmp(*own ? own : "tcp", protocol) == 0)
            return true;
    }
    return false;
}

// "80/tcp", "53/udp", "8080": what the image says; what makes no sense is left out.
static void add_exposed(json_t *ports, const json_t *exposed) {
    size_t index;
    json_t *item;
    json_array_foreach (exposed, index, item) {
        const char *text = json_string_value(item);
        char protocol[5] = "tcp", rest;
        unsigned number = 0;
        if (!text || sscanf(text, "%5u/%4[a-z]%c", &number, protocol, &rest) > 2 || number < 1 ||
            number > UINT16_MAX || (strcmp(protocol, "tcp") != 0 && strcmp(protocol, "udp") != 0) ||
            has_container_port(ports, (int)number, protocol))
            continue;
        json_array_append_new(ports,
                              json_pack("{s:i, s:s}", "containerPort", (int)number, "protocol", protocol));
    }
}

int configuration_complete_port_list(json_t *ports, const char *usual_address, holm_error **error) {
    json_t *whole = json_pack("{s:O}", "ports", ports);
    int typed = configuration_check_types(whole, error);
    json_decref(whole);
    if (typed < 0)
        return -1;
    if (json_array_size(ports) > NETWORK_PORTS_MOST) {
        holm_error_set(error, HOLM_ERROR_LIMIT, "a container can publish %d ports, not %zu",
                       NETWORK_PORTS_MOST, json_array_size(ports));
        return -1;
    }
    size_t index;
    json_t *port;
    json_array_foreach (ports, index, port) {
        if (complete_port(port, usual_address, error) < 0)
            return -1;
        for (size_t other = 0; other < index; other++)
            if (is_same(port, json_array_get(ports, other))) {
                holm_error_set(error, HOLM_ERROR_INVALID, "the port %s:%d is published twice",
                               text_of(port, "hostAddress"),
                               (int)json_integer_value(json_object_get(port, "hostPort")));
                return -1;
            }
    }
    return 0;
}

int configuration_complete_ports(json_t *whole, const json_t *image_configuration, const char *usual_address,
                                 holm_error **error) {
    json_t *ports = json_object_get(whole, "ports");
    if (!ports)
        json_object_set_new(whole, "ports", ports = json_array());
    if (json_is_true(json_object_get(whole, "publishAll")))
        add_exposed(ports, json_object_get(image_configuration, "exposedPorts"));
    json_object_del(whole, "publishAll");
    if (json_array_size(ports) && json_array_size(json_object_get(whole, "networks")) == 0) {
        holm_error_set(error, HOLM_ERROR_INVALID, "a container without a network can publish no ports");
        return -1;
    }
    return configuration_complete_port_list(ports, usual_address, error);
}

json_t *configuration_ports_pack(const json_t *ports) {
    json_t *packed = json_array(), *port;
    size_t index;
    json_array_foreach (ports, index, port)
        json_array_append_new(packed, json_pack("[O, O, O, O]", json_object_get(port, "hostAddress"),
                                                json_object_get(port, "hostPort"),
                                                json_object_get(port, "containerPort"),
                                                json_object_get(port, "protocol")));
    return packed;
}

json_t *configuration_ports_unpack(const json_t *packed) {
    json_t *ports = json_array(), *port;
    size_t index;
    json_array_foreach (packed, index, port)
        json_array_append_new(ports, json_pack("{s:O, s:O, s:O, s:O}", "hostAddress", json_array_get(port, 0),
                                               "hostPort", json_array_get(port, 1), "containerPort",
                                               json_array_get(port, 2), "protocol", json_array_get(port, 3)));
    return ports;
}
