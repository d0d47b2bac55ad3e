// The networks that a container is to be on.
#include <ctype.h>
#include <string.h>

#include "core/container/configuration_internal.h"
#include "core/network/port.h"

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

bool configuration_hostname_valid(const char *name) {
    size_t length = strlen(name);
    for (const char *at = name; *at; at++)
        if (!isalnum((unsigned char)*at) && !strchr(".-", *at))
            return false;
    return length >= 1 && length <= 64 && name[0] != '-' && name[0] != '.';
}

bool configuration_network_is_bridge(const json_t *network) {
    return strcmp(text_of(network, "driver"), "bridge") == 0;
}

int configuration_check_network(const json_t *network, holm_error **error) {
    const char *name = text_of(network, "name");
    const json_t *aliases = json_object_get(network, "aliases");
    if (!network_name_valid(name)) {
        holm_error_set(error, HOLM_ERROR_INVALID, "\"%.60s\" cannot be the name of a network", name);
        return -1;
    }
    if (json_array_size(aliases) > CONFIGURATION_ALIASES_MOST) {
        holm_error_set(error, HOLM_ERROR_LIMIT, "a container can have %d aliases on a network, not %zu",
                       CONFIGURATION_ALIASES_MOST, json_array_size(aliases));
        return -1;
    }
    size_t index;
    json_t *alias;
    json_array_foreach ((json_t *)aliases, index, alias) {
        const char *text = json_string_value(alias);
        if (text && configuration_hostname_valid(text))
            continue;
        holm_error_set(error, HOLM_ERROR_INVALID, "\"%.80s\" cannot be an alias", text ? text : "");
        return -1;
    }
    return 0;
}

int configuration_complete_networks(json_t *whole, holm_error **error) {
    json_t *networks = json_object_get(whole, "networks"), *network;
    if (!networks)
        json_object_set_new(whole, "networks", networks = json_pack("[{s:s}]", "name", NETWORK_DEFAULT));
    if (json_array_size(networks) > CONFIGURATION_NETWORKS_MOST) {
        holm_error_set(error, HOLM_ERROR_LIMIT, "a container can be on %d networks, not %zu",
                       CONFIGURATION_NETWORKS_MOST, json_array_size(networks));
        return -1;
    }
    size_t index;
    json_array_foreach (networks, index, network) {
        if (!json_object_get(network, "aliases"))
            json_object_set_new(network, "aliases", json_array());
        if (configuration_check_network(network, error) < 0)
            return -1;
        for (size_t other = 0; other < index; other++) {
            if (strcmp(text_of(network, "name"), text_of(json_array_get(networks, other), "name")) != 0)
                continue;
            holm_error_set(error, HOLM_ERROR_INVALID, "the network %s is named twice",
                           text_of(network, "name"));
            return -1;
        }
    }
    return 0;
}
