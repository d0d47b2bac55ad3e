#include <inttypes.h>
#include <string.h>
#include <sys/random.h>

#include "core/base/subnet.h"
#include "core/store/state_internal.h"

#define FIRST_HOST 1

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

// What the container has on this network: 1, or 0 where it has none.
static int find_address(state *self, const char *network, const char *container, int64_t *host,
                        char mac[static 18], holm_error **error) {
    cleanup_statement sqlite3_stmt *statement =
        state_prepare(self, error, "SELECT host, mac FROM addresses WHERE network = ? AND container = ?",
                      "ss", network, container);
    if (!statement)
        return -1;
    int row = state_step(self, statement, error);
    if (row > 0) {
        *host = sqlite3_column_int64(statement, 0);
        snprintf(mac, 18, "%s", state_text(statement, 1));
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

static json_t *take(state *self, const char *name, const char *container, const state_address_wish *wish,
                    holm_error **error) {
    cleanup_json json_t *network = state_network_row(self, name, error);
    if (!network)
        return NULL;
    const char *gateway = text_of(json_object_get(network, "status"), "gateway");
    subnet of;
    uint64_t gateway_number;
    if (!subnet_parse(text_of(json_object_get(network, "configuration"), "subnet"), AF_INET, &of) ||
        !subnet_number(&of, gateway, &gateway_number)) {
        holm_error_set(error, HOLM_ERROR_INTEGRITY, "the network %s has no subnet in state.db", name);
        return NULL;
    }
    int64_t host = 0;
    char mac[18], text[INET6_ADDRSTRLEN];
    int found = find_address(self, name, container, &host, mac, error);
    if (found < 0)
        return NULL;
    if (found == 0) {
        host = wish && wish->address ? asked_host(self, name, &of, gateway_number, wish->address, error)
                                     : free_host(self, name, &of, gateway_number, error);
        if (host < 0 ||
            (wish && wish->mac ? asked_mac(self, wish->mac, mac, error) : random_mac(mac, error)) < 0 ||
            state_run(self, error, "INSERT INTO addresses(network, container, host, mac) VALUES(?, ?, ?, ?)",
                      "ssis", name, container, host, mac) < 0)
            return NULL;
    }
    return json_pack("{s:s, s:s, s:i, s:s, s:s}", "name", name, "address",
                     subnet_host(&of, (uint64_t)host, text), "prefix", (int)of.prefix, "gateway", gateway,
                     "mac", mac);
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
