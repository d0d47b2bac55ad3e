#include <inttypes.h>
#include <string.h>
#include <sys/random.h>

#include "core/base/subnet.h"
#include "core/base/time.h"
#include "core/store/state_internal.h"

#define NAME_MOST    32
#define LABELS_MOST  64
#define PREFIX_LEAST 8
#define PREFIX_MOST  29
#define PREFIX6      64
#define SUBNET6      "subnetV6"
#define NO_SUBNET6   "none" // what is asked for where IPv6 is not wanted
#define TRIES_MOST   64
#define MTU_LEAST    1280  // NETWORK_MTU_LEAST
#define MTU_MOST     65520 // NETWORK_MTU
#define SERVERS_MOST 3     // NETWORK_SERVERS_MOST

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

// ---- subnets ----

// Whether a route of the host (other than the default one) lies within, or covers, this. A table that cannot
// be read says no.
static bool routed(const subnet *candidate) {
    cleanup_file FILE *routes = fopen("/proc/net/route", "re");
    char line[256];
    if (!routes || !fgets(line, sizeof line, routes))
        return false;
    while (fgets(line, sizeof line, routes)) {
        uint32_t destination, mask;
        if (sscanf(line, "%*s %" SCNx32 " %*x %*x %*d %*d %*d %" SCNx32, &destination, &mask) != 2 ||
            mask == 0)
            continue;
        subnet route = {.family = AF_INET, .prefix = (unsigned)__builtin_popcount(mask)};
        memcpy(route.base, &destination, sizeof destination);
        if (subnet_overlaps(&route, candidate))
            return true;
    }
    return false;
}

// The name of a network whose subnet of that family overlaps, or NULL.
static const char *taken_by(const json_t *networks, const subnet *candidate) {
    size_t index;
    json_t *network;
    json_array_foreach ((json_t *)networks, index, network) {
        const json_t *configuration = json_object_get(network, "configuration");
        subnet other;
        if (subnet_parse(text_of(configuration, candidate->family == AF_INET ? "subnet" : SUBNET6),
                         candidate->family, &other) &&
            subnet_overlaps(&other, candidate))
            return text_of(configuration, "name");
    }
    return NULL;
}

static int choose_subnet(const json_t *networks, subnet *out, holm_error **error) {
    for (unsigned second = 88; second < 256; second++) {
        for (unsigned third = 0; third < (second == 88 ? 1 : 256); third++) {
            *out =
                (subnet){.family = AF_INET, .prefix = 24, .base = {10, (uint8_t)second, (uint8_t)third, 0}};
            if (!routed(out) && !taken_by(networks, out))
                return 0;
        }
    }
    holm_error_set(error, HOLM_ERROR_LIMIT, "there is no free subnet left");
    holm_error_hint(error, "name one with --subnet, or remove networks that are not needed (network prune)");
    return -1;
}

// What no network can have, or NULL.
static const char *special(const subnet *asked) {
    static const struct {
        int family;
        const char *subnet, *name;
    } all[] = {
        {AF_INET, "0.0.0.0/8", "no addresses of hosts"},
        {AF_INET, "127.0.0.0/8", "every machine's own loopback"},
        {AF_INET, "169.254.0.0/16",
         "addresses of one link: the host's loopback is given to containers there"},
        {AF_INET, "224.0.0.0/3", "multicast, or reserved"},
        {AF_INET6, "::/16", "every machine's own loopback, and other addresses of no host"},
        {AF_INET6, "fec0::/10",
         "addresses of one site, out of use: the host's loopback is given to containers there"},
        {AF_INET6, "fe80::/10", "addresses of one link, which every card has"},
        {AF_INET6, "ff00::/8", "multicast"},
    };
    for (size_t i = 0; i < array_length(all); i++) {
        subnet other;
        if (subnet_parse(all[i].subnet, all[i].family, &other) && subnet_overlaps(&other, asked))
            return all[i].name;
    }
    return NULL;
}

static int check_subnet(const json_t *networks, const subnet *asked, const char *text, holm_error **error) {
    const char *other = taken_by(networks, asked), *what = special(asked);
    if (asked->family == AF_INET6 && asked->prefix != PREFIX6)
        holm_error_set(error, HOLM_ERROR_INVALID, "the prefix of %s is not /%d, as a network's is in IPv6",
                       text, PREFIX6);
    else if (asked->family == AF_INET && (asked->prefix < PREFIX_LEAST || asked->prefix > PREFIX_MOST))
        holm_error_set(error, HOLM_ERROR_INVALID, "the prefix of %s is not within /%d and /%d", text,
                       PREFIX_LEAST, PREFIX_MOST);
    else if (what)
        holm_error_set(error, HOLM_ERROR_INVALID, "no network can have the subnet %s: %s", text, what);
    else if (other)
        holm_error_set(error, HOLM_ERROR_IN_USE, "the subnet %s overlaps that of the network %s", text,
                       other);
    else
        return 0;
    return -1;
}

static int take_subnet(const json_t *networks, const char *text, subnet *out, holm_error **error) {
    if (!*text)
        return choose_subnet(networks, out, error);
    if (subnet_parse(text, AF_INET, out))
        return check_subnet(networks, out, text, error);
    holm_error_set(error, HOLM_ERROR_INVALID, "\"%.60s\" is not a subnet such as 10.90.0.0/24", text);
    return -1;
}

// ---- of IPv6 ----

// As routed(), of IPv6.
static bool routed6(const subnet *candidate) {
    cleanup_file FILE *routes = fopen("/proc/net/ipv6_route", "re");
    char line[256];
    while (routes && fgets(line, sizeof line, routes)) {
        subnet route = {.family = AF_INET6};
        int at = 0;
        for (size_t i = 0; i < sizeof route.base && sscanf(line + 2 * i, "%2hhx", &route.base[i]) == 1; i++)
            at = 2 * (int)i + 2;
        if (at == 2 * (int)sizeof route.base && sscanf(line + at, "%x", &route.prefix) == 1 &&
            route.prefix > 0 && route.prefix <= 128 && subnet_overlaps(&route, candidate))
            return true;
    }
    return false;
}

// A unique local one (RFC 4193): random, so that it is nobody else's either.
static int choose_subnet6(const json_t *networks, subnet *out, holm_error **error) {
    for (int i = 0; i < TRIES_MOST; i++) {
        *out = (subnet){.family = AF_INET6, .prefix = PREFIX6, .base = {0xfd}};
        if (getrandom(out->base + 1, PREFIX6 / 8 - 1, 0) == PREFIX6 / 8 - 1 && !routed6(out) &&
            !taken_by(networks, out))
            return 0;
    }
    holm_error_set(error, HOLM_ERROR_INTERNAL, "no random subnet of IPv6 is free");
    return -1;
}

static int set_subnet6(json_t *configuration, json_t *status, const json_t *networks, holm_error **error) {
    const char *asked = text_of(configuration, SUBNET6);
    char text[SUBNET_TEXT];
    subnet of;
    if (strcmp(asked, NO_SUBNET6) == 0) {
        json_object_del(configuration, SUBNET6);
        return 0;
    }
    if (!*asked && choose_subnet6(networks, &of, error) < 0)
        return -1;
    if (*asked && !subnet_parse(asked, AF_INET6, &of)) {
        holm_error_set(error, HOLM_ERROR_INVALID,
                       "\"%.60s\" is not a subnet of IPv6 such as fd12:3456:789a::/64", asked);
        return -1;
    }
    if (*asked && check_subnet(networks, &of, asked, error) < 0)
        return -1;
    json_object_set_new(configuration, SUBNET6, json_string(subnet_text(&of, text)));
    json_object_set_new(status, "gatewayV6", json_string(subnet_host(&of, 1, text)));
    return 0;
}

// The gateway is the first host unless another was asked for.
static int set_gateway(json_t *configuration, json_t *status, const subnet *of, holm_error **error) {
    char address[INET6_ADDRSTRLEN];
    const char *asked = text_of(configuration, "gateway");
    uint64_t number = 1;
    if (*asked && (!subnet_number(of, asked, &number) || number == 0 || number >= subnet_size(of) - 1)) {
        holm_error_set(error, HOLM_ERROR_INVALID, "the gateway %.60s is not a host of %s", asked,
                       subnet_text(of, (char[SUBNET_TEXT]){0}));
        return -1;
    }
    json_object_set_new(status, "gateway", json_string(subnet_host(of, number, address)));
    json_object_del(configuration, "gateway");
    return 0;
}

// ---- create ----

static bool name_valid(const char *name) {
    static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    size_t length = strlen(name);
    return length >= 1 && length <= NAME_MOST && strspn(name, first) >= 1 && strcmp(name, "none") != 0 &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == length;
}

static bool texts_fit(json_t *object, size_t most) {
    const char *key;
    json_t *item;
    bool fit = json_object_size(object) <= most;
    json_object_foreach (object, key, item)
        fit = fit && json_is_string(item);
    return fit;
}

// Larger frames than the smallest that IPv6 can do with, and than the gateway takes, cannot be.
static int check_mtu(const json_t *mtu, holm_error **error) {
    if (!mtu ||
        (json_is_integer(mtu) && json_integer_value(mtu) >= MTU_LEAST && json_integer_value(mtu) <= MTU_MOST))
        return 0;
    holm_error_set(error, HOLM_ERROR_INVALID,
                   "the MTU of a network is %d to %d bytes, not %" JSON_INTEGER_FORMAT, MTU_LEAST, MTU_MOST,
                   json_integer_value(mtu));
    return -1;
}

static int check_servers(const json_t *configuration, holm_error **error) {
    const json_t *servers = json_object_get(configuration, "dns");
    size_t index;
    json_t *server;
    uint8_t bytes[16];
    if (json_array_size(servers) > SERVERS_MOST) {
        holm_error_set(error, HOLM_ERROR_LIMIT, "a network can ask %d name servers, not %zu", SERVERS_MOST,
                       json_array_size(servers));
        return -1;
    }
    json_array_foreach ((json_t *)servers, index, server) {
        const char *text = json_string_value(server);
        if (text && (inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1))
            continue;
        holm_error_set(error, HOLM_ERROR_INVALID, "\"%.60s\" is not the address of a name server",
                       text ? text : "");
        return -1;
    }
    if (!json_is_true(json_object_get(configuration, "internal")) || json_array_size(servers) == 0)
        return 0;
    holm_error_set(error, HOLM_ERROR_INVALID,
                   "an internal network asks no name servers: it has no way to the outside");
    return -1;
}

static int check_values(json_t *asked, holm_error **error) {
    static const char *const known[] = {"name", "subnet", "gateway", "internal", "labels",
                                        "mtu",  "dns",    SUBNET6,   "driver"};
    const char *key;
    json_t *value, *labels = json_object_get(asked, "labels");
    bool fit = json_is_object(labels) && texts_fit(labels, LABELS_MOST) &&
               json_is_boolean(json_object_get(asked, "internal")) &&
               (!json_object_get(asked, "dns") || json_is_array(json_object_get(asked, "dns")));
    json_object_foreach (asked, key, value) {
        bool found = false;
        for (size_t i = 0; i < array_length(known); i++)
            found = found || strcmp(key, known[i]) == 0;
        fit = fit && found;
    }
    if (!name_valid(text_of(asked, "name"))) {
        holm_error_set(error, HOLM_ERROR_INVALID, "\"%.60s\" cannot be the name of a network",
                       text_of(asked, "name"));
        holm_error_hint(
            error, "use 1 to %d letters, digits, \"_\", \".\" and \"-\", the first one a letter or digit",
            NAME_MOST);
        return -1;
    }
    const char *driver = text_of(asked, "driver");
    if (strcmp(driver, "user") != 0 && strcmp(driver, "bridge") != 0) {
        holm_error_set(error, HOLM_ERROR_INVALID, "\"%.60s\" is no driver of networks: user or bridge",
                       driver);
        return -1;
    }
    if (fit)
        return check_mtu(json_object_get(asked, "mtu"), error) < 0 ? -1 : check_servers(asked, error);
    holm_error_set(error, HOLM_ERROR_INVALID, "the configuration of the network makes no sense");
    return -1;
}

static void set_default(json_t *object, const char *key, json_t *value) {
    if (json_object_get(object, key))
        json_decref(value);
    else
        json_object_set_new(object, key, value);
}

static int complete(json_t *configuration, json_t *status, const json_t *networks, holm_error **error) {
    subnet of;
    char text[SUBNET_TEXT], now[TIME_TEXT_SIZE];
    set_default(configuration, "internal", json_false());
    set_default(configuration, "labels", json_object());
    set_default(configuration, "driver", json_string("user"));
    if (check_values(configuration, error) < 0 ||
        take_subnet(networks, text_of(configuration, "subnet"), &of, error) < 0 ||
        set_gateway(configuration, status, &of, error) < 0 ||
        set_subnet6(configuration, status, networks, error) < 0)
        return -1;
    json_object_set_new(configuration, "subnet", json_string(subnet_text(&of, text)));
    json_object_set_new(status, "createdAt", json_string(time_format(time_now_ns(), now)));
    return 0;
}

static json_t *list_rows(state *self, holm_error **error) {
    cleanup_statement sqlite3_stmt *statement =
        state_prepare(self, error, "SELECT document FROM networks ORDER BY name", "");
    if (!statement)
        return NULL;
    cleanup_json json_t *list = json_array();
    int row;
    while ((row = state_step(self, statement, error)) > 0)
        if (json_array_append_new(list, state_json(statement, 0, error)) < 0)
            return NULL;
    return row < 0 ? NULL : steal_pointer(&list);
}

// Within a transaction.
static json_t *create(state *self, const json_t *asked, holm_error **error) {
    cleanup_json json_t *networks = list_rows(self, error);
    cleanup_json json_t *configuration = json_deep_copy(asked), *status = json_object();
    const char *name = text_of(configuration, "name");
    if (!networks)
        return NULL;
    size_t index;
    json_t *other;
    json_array_foreach (networks, index, other) {
        if (strcmp(text_of(other, "id"), name) != 0)
            continue;
        holm_error_set(error, HOLM_ERROR_EXISTS, "there is a network \"%s\" already", name);
        return NULL;
    }
    if (complete(configuration, status, networks, error) < 0)
        return NULL;
    cleanup_json json_t *document =
        json_pack("{s:s, s:O, s:O}", "id", name, "configuration", configuration, "status", status);
    if (state_run(self, error, "INSERT INTO networks(name, document) VALUES(?, ?)", "sj", name, document) < 0)
        return NULL;
    json_object_set_new(status, "members", json_array());
    return steal_pointer(&document);
}

json_t *state_network_create(state *self, const json_t *configuration, holm_error **error) {
    if (state_begin(self, error) < 0)
        return NULL;
    json_t *document = create(self, configuration, error);
    if (state_end(self, document != NULL, document ? error : NULL) < 0) {
        json_decref(document);
        return NULL;
    }
    return document;
}

// ---- looking ----

// A container's networks say what it has there; its row, what it is.
static json_t *member_of(sqlite3_stmt *statement, const json_t *network, holm_error **error) {
    cleanup_json json_t *status = state_json(statement, 3, error);
    const char *name = text_of(network, "id");
    json_t *member = json_pack("{s:s, s:s, s:s}", "container", state_text(statement, 0), "name",
                               state_text(statement, 1), "state", state_text(statement, 2));
    size_t index;
    json_t *address;
    json_array_foreach (json_object_get(status, "networks"), index, address) {
        if (strcmp(text_of(address, "name"), name) != 0)
            continue;
        static const char *const keys[] = {"address", "addressV6", "mac"};
        for (size_t i = 0; i < array_length(keys); i++)
            if (json_object_get(address, keys[i]))
                json_object_set(member, keys[i], json_object_get(address, keys[i]));
    }
    return member;
}

static int add_members(state *self, json_t *network, holm_error **error) {
    json_t *members = json_array();
    json_object_set_new(json_object_get(network, "status"), "members", members);
    cleanup_statement sqlite3_stmt *statement =
        state_prepare(self, error,
                      "SELECT c.id, c.name, c.state, c.status FROM addresses a JOIN containers c ON "
                      "c.id = a.container WHERE a.network = ? ORDER BY a.host",
                      "s", text_of(network, "id"));
    if (!statement)
        return -1;
    int row;
    while ((row = state_step(self, statement, error)) > 0)
        json_array_append_new(members, member_of(statement, network, error));
    return row;
}

static json_t *find_row(state *self, const char *name, holm_error **error) {
    cleanup_statement sqlite3_stmt *statement =
        state_prepare(self, error, "SELECT document FROM networks WHERE name = ?", "s", name);
    if (!statement || state_step(self, statement, error) <= 0)
        return NULL;
    return state_json(statement, 0, error);
}

json_t *state_network_row(state *self, const char *name, holm_error **error) {
    cleanup_error holm_error *cause = NULL;
    json_t *network = find_row(self, name, &cause);
    if (!network && !cause && strcmp(name, "default") == 0) {
        cleanup_json json_t *asked = json_pack("{s:s}", "name", name);
        network = state_network_create(self, asked, &cause);
    }
    if (!network && !cause) {
        holm_error_set(&cause, HOLM_ERROR_NOT_FOUND, "there is no network \"%s\"", name);
        holm_error_hint(&cause, "holm network ls shows all of them");
    }
    if (cause)
        holm_error_propagate(error, steal_pointer(&cause));
    return network;
}

json_t *state_network_get(state *self, const char *name, holm_error **error) {
    json_t *network = state_network_row(self, name, error);
    if (network && add_members(self, network, error) < 0) {
        json_decref(network);
        return NULL;
    }
    return network;
}

json_t *state_network_list(state *self, holm_error **error) {
    cleanup_json json_t *first = state_network_row(self, "default", error);
    cleanup_json json_t *list = first ? list_rows(self, error) : NULL;
    size_t index;
    json_t *network;
    json_array_foreach (list, index, network)
        if (add_members(self, network, error) < 0)
            return NULL;
    return steal_pointer(&list);
}

// ---- delete ----

static int delete_unused(state *self, const char *name, holm_error **error) {
    cleanup_json json_t *network = state_network_get(self, name, error);
    if (!network)
        return -1;
    const json_t *members = json_object_get(json_object_get(network, "status"), "members");
    if (json_array_size(members) == 0)
        return state_run(self, error, "DELETE FROM networks WHERE name = ?", "s", name);
    const char *first = text_of(json_array_get(members, 0), "name");
    if (json_array_size(members) == 1)
        holm_error_set(error, HOLM_ERROR_IN_USE, "the network %s has the member %s", name, first);
    else
        holm_error_set(error, HOLM_ERROR_IN_USE, "the network %s has %zu members, %s among them", name,
                       json_array_size(members), first);
    holm_error_hint(error, "remove them first (holm rm)");
    return -1;
}

int state_network_delete(state *self, const char *name, holm_error **error) {
    if (strcmp(name, "default") == 0) {
        holm_error_set(error, HOLM_ERROR_INVALID, "the network default stays: containers go there");
        return -1;
    }
    if (state_begin(self, error) < 0)
        return -1;
    bool done = delete_unused(self, name, error) == 0;
    return state_end(self, done, done ? error : NULL) == 0 && done ? 0 : -1;
}
