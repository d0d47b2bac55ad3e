#include <inttypes.h>
#include <string.h>
#include <sys/random.h>

#include "core/base/subnet.h"
#include "core/store/state_internal.h"

#define FIRST_HOST   1
#define NUMBERS_STEP (UINT64_C(1) << 24) // of IPv6: more hosts than a network has in IPv4
#define NUMBERS_MOST (UINT64_C(1) << 32)

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

// A container's place on a network.
typedef struct place {
    int64_t host;
    char mac[18];
    char address6[INET6_ADDRSTRLEN]; // empty: none
} place;

// What the network gives them.
typedef struct ground {
    const char *name;
    subnet of;
    uint64_t gateway;
    subnet of6;
    const char *gateway6; // NULL: it has no IPv6
} ground;

// What the container has on this network: 1, or 0 where it has none.
static int find_address(state *self, const char *network, const char *container, place *out,
                        holm_error **error) {
    cleanup_statement sqlite3_stmt *statement = state_prepare(
        self, error, "SELECT host, mac, address6 FROM addresses WHERE network = ? AND container = ?", "ss",
        network, container);
    if (!statement)
        return -1;
    int row = state_step(self, statement, error);
    *out = (place){0};
    if (row > 0) {
        out->host = sqlite3_column_int64(statement, 0);
        snprintf(out->mac, sizeof out->mac, "%s", state_text(statement, 1));
        snprintf(out->address6, sizeof out->address6, "%s",
                 sqlite3_column_type(statement, 2) == SQLITE_NULL ? "" : state_text(statement, 2));
    }
    return row;
}

// The lowest that is free and not the gateway's; -1 when all are taken.
static int64_t free_host(state *self, const char *network, const subnet *of, uint64_t gateway,
                         holm_error **error) {
    cleanup_statement sqlite3_stmt *statement = state_prepare(
        self, error, "SELECT host FROM addresses WHERE network = ? ORDER BY host", "s", network);
    if (!statement)
        return -1;
    int64_t host = FIRST_HOST, last = (int64_t)subnet_size(of) - 2; // behind it is broadcast
    int row = 1;
    while (row > 0) {
        if (host == (int64_t)gateway)
            host++;
        row = state_step(self, statement, error);
        if (row > 0 && sqlite3_column_int64(statement, 0) != host)
            break;
        host += row > 0;
    }
    if (row < 0)
        return -1;
    if (host <= last)
        return host;
    holm_error_set(error, HOLM_ERROR_LIMIT, "all %" PRId64 " addresses of the network %s are taken", last - 1,
                   network);
    holm_error_hint(error, "remove containers that are not needed (holm rm)");
    return -1;
}

// Locally administered, unicast (IEEE 802, second bit of the first octet set, first clear).
static int random_mac(char mac[static 18], holm_error **error) {
    uint8_t bytes[5];
    if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes) {
        holm_error_set(error, HOLM_ERROR_INTERNAL, "no random bytes for a MAC address");
        return -1;
    }
    snprintf(mac, 18, "02:%02x:%02x:%02x:%02x:%02x", bytes[0], bytes[1], bytes[2], bytes[3], bytes[4]);
    return 0;
}

// The name of the container that has this address or, with host -1, this MAC; NULL where nobody has it.
static char *owner_of(state *self, const char *network, int64_t host, const char *mac, holm_error **error) {
    cleanup_statement sqlite3_stmt *statement =
        host < 0 ? state_prepare(self, error,
                                 "SELECT c.name FROM addresses a JOIN containers c ON c.id = a.container "
                                 "WHERE a.mac = ?",
                                 "s", mac)
                 : state_prepare(self, error,
                                 "SELECT c.name FROM addresses a JOIN containers c ON c.id = a.container "
                                 "WHERE a.network = ? AND a.host = ?",
                                 "si", network, host);
    return statement && state_step(self, statement, error) > 0 ? strdup(state_text(statement, 0)) : NULL;
}

// The number of an address that was asked for; -1 where it cannot be had.
static int64_t asked_host(state *self, const char *network, const subnet *of, uint64_t gateway,
                          const char *address, holm_error **error) {
    uint64_t host;
    char text[SUBNET_TEXT];
    if (!subnet_number(of, address, &host) || host == 0 || host >= subnet_size(of) - 1) {
        holm_error_set(error, HOLM_ERROR_INVALID,
                       "\"%.60s\" is not an address of a host in %s, the network %s", address,
                       subnet_text(of, text), network);
        return -1;
    }
    if (host == gateway) {
        holm_error_set(error, HOLM_ERROR_IN_USE, "%s is the gateway of the network %s", address, network);
        return -1;
    }
    holm_error *failed = NULL;
    cleanup_free char *owner = owner_of(self, network, (int64_t)host, NULL, &failed);
    if (owner)
        holm_error_set(&failed, HOLM_ERROR_IN_USE, "%s on the network %s belongs to the container %s",
                       address, network, owner);
    if (failed)
        holm_error_propagate(error, failed);
    return failed ? -1 : (int64_t)host;
}

static int asked_mac(state *self, const char *text, char mac[static 18], holm_error **error) {
    uint8_t b[6];
    char rest;
    if (sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%c", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5],
               &rest) != 6 ||
        strlen(text) != 17 || (b[0] & 1) || !(b[0] | b[1] | b[2] | b[3] | b[4] | b[5])) {
        holm_error_set(error, HOLM_ERROR_INVALID, "\"%.40s\" is not the MAC address of one card", text);
        holm_error_hint(error, "for example 02:00:00:12:34:56");
        return -1;
    }
    snprintf(mac, 18, "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4], b[5]);
    holm_error *failed = NULL;
    cleanup_free char *owner = owner_of(self, NULL, -1, mac, &failed);
    if (owner)
        holm_error_set(&failed, HOLM_ERROR_IN_USE, "the MAC address %s belongs to the container %s", mac,
                       owner);
    if (failed)
        holm_error_propagate(error, failed);
    return failed ? -1 : 0;
}

// ---- IPv6 ----

// The name of the container that has this address, into *owner (NULL: nobody's); the caller frees it.
static int owner_of_address6(state *self, const char *network, const char *address, char **owner,
                             holm_error **error) {
    cleanup_statement sqlite3_stmt *statement =
        state_prepare(self, error,
                      "SELECT c.name FROM addresses a JOIN containers c ON c.id = a.container "
                      "WHERE a.network = ? AND a.address6 = ?",
                      "ss", network, address);
    if (!statement)
        return -1;
    int row = state_step(self, statement, error);
    *owner = row > 0 ? strdup(state_text(statement, 0)) : NULL;
    return row < 0 ? -1 : 0;
}

// The one that ends as that of IPv4 does; another one where somebody has asked for that.
static int free_address6(state *self, const ground *on, place *out, holm_error **error) {
    for (uint64_t more = 0; more < NUMBERS_MOST; more += NUMBERS_STEP) {
        cleanup_free char *owner = NULL;
        subnet_host(&on->of6, more | (uint64_t)out->host, out->address6);
        if (strcmp(out->address6, on->gateway6) == 0)
            continue;
        if (owner_of_address6(self, on->name, out->address6, &owner, error) < 0)
            return -1;
        if (!owner)
            return 0;
    }
    holm_error_set(error, HOLM_ERROR_LIMIT, "there is no free address of IPv6 on the network %s", on->name);
    return -1;
}

static int asked_address6(state *self, const ground *on, const char *asked, place *out, holm_error **error) {
    uint8_t bytes[16];
    char text[SUBNET_TEXT];
    if (inet_pton(AF_INET6, asked, bytes) != 1 || !subnet_contains(&on->of6, bytes) ||
        memcmp(bytes, on->of6.base, sizeof bytes) == 0) {
        holm_error_set(error, HOLM_ERROR_INVALID,
                       "\"%.60s\" is not an address of a host in %s, the network %s", asked,
                       subnet_text(&on->of6, text), on->name);
        return -1;
    }
    inet_ntop(AF_INET6, bytes, out->address6, sizeof out->address6);
    if (strcmp(out->address6, on->gateway6) == 0) {
        holm_error_set(error, HOLM_ERROR_IN_USE, "%s is the gateway of the network %s", asked, on->name);
        return -1;
    }
    cleanup_free char *owner = NULL;
    if (owner_of_address6(self, on->name, out->address6, &owner, error) < 0)
        return -1;
    if (owner)
        holm_error_set(error, HOLM_ERROR_IN_USE, "%s on the network %s belongs to the container %s", asked,
                       on->name, owner);
    return owner ? -1 : 0;
}

static int take_address6(state *self, const ground *on, const char *asked, place *out, holm_error **error) {
    if (on->gateway6)
        return asked ? asked_address6(self, on, asked, out, error) : free_address6(self, on, out, error);
    if (asked)
        holm_error_set(error, HOLM_ERROR_INVALID, "the network %s has no IPv6", on->name);
    return asked ? -1 : 0;
}

// ---- a place ----

static int read_ground(const json_t *network, const char *name, ground *out, holm_error **error) {
    const json_t *configuration = json_object_get(network, "configuration"),
                 *status = json_object_get(network, "status");
    const char *subnet6 = text_of(configuration, "subnetV6");
    *out = (ground){.name = name, .gateway6 = *subnet6 ? text_of(status, "gatewayV6") : NULL};
    if (subnet_parse(text_of(configuration, "subnet"), AF_INET, &out->of) &&
        subnet_number(&out->of, text_of(status, "gateway"), &out->gateway) &&
        (!out->gateway6 || subnet_parse(subnet6, AF_INET6, &out->of6)))
        return 0;
    holm_error_set(error, HOLM_ERROR_INTEGRITY, "the network %s has no subnet in state.db", name);
    return -1;
}

static int make_place(state *self, const ground *on, const char *container, const state_address_wish *wish,
                      place *out, holm_error **error) {
    out->host = wish->address ? asked_host(self, on->name, &on->of, on->gateway, wish->address, error)
                              : free_host(self, on->name, &on->of, on->gateway, error);
    if (out->host < 0 ||
        (wish->mac ? asked_mac(self, wish->mac, out->mac, error) : random_mac(out->mac, error)) < 0 ||
        take_address6(self, on, wish->address6, out, error) < 0)
        return -1;
    return state_run(self, error,
                     "INSERT INTO addresses(network, container, host, mac, address6) VALUES(?, ?, ?, ?, "
                     "nullif(?, ''))",
                     "ssiss", on->name, container, out->host, out->mac, out->address6);
}

static json_t *take(state *self, const char *name, const char *container, const state_address_wish *wish,
                    holm_error **error) {
    static const state_address_wish none;
    cleanup_json json_t *network = state_network_row(self, name, error);
    ground on;
    place found;
    char text[INET6_ADDRSTRLEN];
    if (!network || read_ground(network, name, &on, error) < 0)
        return NULL;
    int known = find_address(self, name, container, &found, error);
    if (known < 0 || (known == 0 && make_place(self, &on, container, wish ? wish : &none, &found, error) < 0))
        return NULL;
    json_t *described =
        json_pack("{s:s, s:s, s:i, s:s, s:s}", "name", name, "address",
                  subnet_host(&on.of, (uint64_t)found.host, text), "prefix", (int)on.of.prefix, "gateway",
                  text_of(json_object_get(network, "status"), "gateway"), "mac", found.mac);
    if (!*found.address6)
        return described;
    json_object_set_new(described, "addressV6", json_string(found.address6));
    json_object_set_new(described, "prefixV6", json_integer(on.of6.prefix));
    json_object_set_new(described, "gatewayV6", json_string(on.gateway6));
    return described;
}

json_t *state_address_take(state *self, const char *network, const char *container_id,
                           const state_address_wish *wish, holm_error **error) {
    if (state_begin(self, error) < 0)
        return NULL;
    json_t *address = take(self, network, container_id, wish, error);
    if (state_end(self, address != NULL, address ? error : NULL) < 0) {
        json_decref(address);
        return NULL;
    }
    return address;
}

int state_address_release(state *self, const char *network, const char *container_id, holm_error **error) {
    return network ? state_run(self, error, "DELETE FROM addresses WHERE network = ? AND container = ?", "ss",
                               network, container_id)
                   : state_run(self, error, "DELETE FROM addresses WHERE container = ?", "s", container_id);
}
