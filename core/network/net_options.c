#include "core/network/net_options.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "core/base/subnet.h"
#include "core/network/port.h"

#define PREFIX6 64

// "10.88.0.0/24" and the gateway in it, in host byte order.
static int parse_subnet(const char *text, const char *address, gateway_options *out, holm_error **error) {
    char network[INET_ADDRSTRLEN] = "";
    unsigned prefix = 0;
    struct in_addr base, own = {0};
    int end = 0;
    if (sscanf(text, "%15[0-9.]/%2u%n", network, &prefix, &end) != 2 || text[end] || prefix < 8 ||
        prefix > 30 || inet_pton(AF_INET, network, &base) != 1 || inet_pton(AF_INET, address, &own) != 1) {
        holm_error_set(error, HOLM_ERROR_INVALID, "%s with the gateway %s is no network", text, address);
        return -1;
    }
    out->netmask = UINT32_MAX << (32 - prefix);
    out->network = ntohl(base.s_addr) & out->netmask;
    out->address = ntohl(own.s_addr);
    if ((out->address & out->netmask) != out->network) {
        holm_error_set(error, HOLM_ERROR_INVALID, "the gateway %s is not in %s", address, text);
        return -1;
    }
    return 0;
}

// "fd12::/64,fd12::1"
static int parse_ip6(const char *text, gateway_options *out, holm_error **error) {
    char network[SUBNET_TEXT] = "";
    subnet of;
    int end = 0;
    out->has_ip6 = true;
    if (sscanf(text, "%49[0-9a-f:/],%n", network, &end) == 1 && end > 0 &&
        subnet_parse(network, AF_INET6, &of) && of.prefix == PREFIX6 &&
        inet_pton(AF_INET6, text + end, out->address6) == 1 && subnet_contains(&of, out->address6)) {
        memcpy(out->network6, of.base, sizeof out->network6);
        return 0;
    }
    holm_error_set(error, HOLM_ERROR_INVALID, "%s is no network of IPv6 with its gateway", text);
    return -1;
}

static int parse_mtu(const char *text, gateway_options *out, holm_error **error) {
    int end = 0;
    if (sscanf(text, "%5u%n", &out->mtu, &end) == 1 && !text[end] && out->mtu >= NETWORK_MTU_LEAST &&
        out->mtu <= NETWORK_MTU)
        return 0;
    holm_error_set(error, HOLM_ERROR_INVALID, "%s is no size for frames", text);
    return -1;
}

// The value of "KEY=VALUE" with this key, or NULL.
static const char *value_of(const char *word, const char *key) {
    return strncmp(word, key, strlen(key)) == 0 ? word + strlen(key) : NULL;
}

static int parse_word(const char *word, net_options *out, holm_error **error) {
    const char *value;
    if (strcmp(word, NETWORK_BRIDGE) == 0) {
        out->bridge = true;
        return 0;
    }
    if (strcmp(word, NETWORK_INTERNAL) == 0) {
        out->internal = true;
        return 0;
    }
    if ((value = value_of(word, NETWORK_WITH_MTU)))
        return parse_mtu(value, &out->gateway, error);
    if ((value = value_of(word, NETWORK_WITH_IP6)))
        return parse_ip6(value, &out->gateway, error);
    if ((value = value_of(word, NETWORK_WITH_DNS))) {
        out->servers = value;
        return 0;
    }
    holm_error_set(error, HOLM_ERROR_INVALID, "a network has no %s", word);
    return -1;
}

int net_options_parse(char **words, net_options *out, holm_error **error) {
    *out = (net_options){.gateway = {.mtu = NETWORK_MTU}};
    if (parse_subnet(words[1], words[2], &out->gateway, error) < 0)
        return -1;
    for (char **word = words + 3; *word; word++)
        if (parse_word(*word, out, error) < 0)
            return -1;
    return 0;
}
