#include <arpa/inet.h>
#include <inttypes.h>
#include <string.h>
#include <sys/random.h>

#include "core/store/state_internal.h"

#define PREFIX     24
#define FIRST_HOST 2 // .1 is the gateway
#define LAST_HOST  254

// Whether a route of the host (other than the default one) lies within, or covers, base/24. A table that
// cannot be read says no.
static bool routed(uint32_t base) {
    cleanup_file FILE *routes = fopen("/proc/net/route", "re");
    char line[256];
    if (!routes || !fgets(line, sizeof line, routes))
        return false;
    while (fgets(line, sizeof line, routes)) {
        uint32_t destination, mask;
        if (sscanf(line, "%*s %" SCNx32 " %*x %*x %*d %*d %*d %" SCNx32, &destination, &mask) != 2 ||
            mask == 0)
            continue;
        uint32_t common = ntohl(mask) & 0xffffff00;
        if ((ntohl(destination) & common) == (base & common))
            return true;
    }
    return false;
}

static uint32_t choose_subnet(void) {
    uint32_t first = 10u << 24 | 88u << 16;
    for (uint32_t second = 0; second < 40; second++)
        if (!routed(first + (second << 16)))
            return first + (second << 16);
    return first;
}

static void address_text(uint32_t address, char out[static INET_ADDRSTRLEN]) {
    struct in_addr binary = {htonl(address)};
    inet_ntop(AF_INET, &binary, out, INET_ADDRSTRLEN);
}

static int make_default(state *self, holm_error **error) {
    uint32_t base = choose_subnet();
    char subnet[INET_ADDRSTRLEN], gateway[INET_ADDRSTRLEN], cidr[INET_ADDRSTRLEN + 4];
    address_text(base, subnet);
    address_text(base + 1, gateway);
    snprintf(cidr, sizeof cidr, "%s/%d", subnet, PREFIX);
    cleanup_json json_t *document =
        json_pack("{s:s, s:{s:s, s:s}, s:{s:s}}", "id", "default", "configuration", "name", "default",
                  "subnet", cidr, "status", "gateway", gateway);
    return state_run(self, error, "INSERT INTO networks(name, document) VALUES('default', ?)", "j", document);
}

// NULL without an error: there is none.
static json_t *find_network(state *self, const char *name, holm_error **error) {
    cleanup_statement sqlite3_stmt *statement =
        state_prepare(self, error, "SELECT document FROM networks WHERE name = ?", "s", name);
    if (!statement || state_step(self, statement, error) <= 0)
        return NULL;
    return state_json(statement, 0, error);
}

json_t *state_network_get(state *self, const char *name, holm_error **error) {
    cleanup_error holm_error *cause = NULL;
    json_t *network = find_network(self, name, &cause);
    if (!network && !cause)
        holm_error_set(&cause, HOLM_ERROR_NOT_FOUND, "there is no network \"%s\"", name);
    if (cause)
        holm_error_propagate(error, steal_pointer(&cause));
    return network;
}

json_t *state_network_list(state *self, holm_error **error) {
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

static json_t *make_if_default(state *self, const char *name, holm_error **error) {
    cleanup_error holm_error *cause = NULL;
    json_t *network = find_network(self, name, &cause);
    if (!network && !cause && strcmp(name, "default") == 0 && make_default(self, &cause) == 0)
        network = find_network(self, name, &cause);
    if (!network && !cause)
        holm_error_set(&cause, HOLM_ERROR_NOT_FOUND, "there is no network \"%s\"", name);
    if (cause)
        holm_error_propagate(error, steal_pointer(&cause));
    return network;
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

// The lowest that is free; 0 when all are taken.
static int64_t free_host(state *self, const char *network, holm_error **error) {
    cleanup_statement sqlite3_stmt *statement = state_prepare(
        self, error, "SELECT host FROM addresses WHERE network = ? ORDER BY host", "s", network);
    if (!statement)
        return -1;
    int64_t host = FIRST_HOST;
    int row;
    while ((row = state_step(self, statement, error)) > 0 && sqlite3_column_int64(statement, 0) == host)
        host++;
    if (row < 0)
        return -1;
    if (host <= LAST_HOST)
        return host;
    holm_error_set(error, HOLM_ERROR_LIMIT, "all %d addresses of the network %s are taken",
                   LAST_HOST - FIRST_HOST + 1, network);
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

static json_t *take(state *self, const char *name, const char *container, holm_error **error) {
    cleanup_json json_t *network = make_if_default(self, name, error);
    if (!network)
        return NULL;
    int64_t host = 0;
    char mac[18];
    int found = find_address(self, name, container, &host, mac, error);
    if (found < 0)
        return NULL;
    if (found == 0) {
        host = free_host(self, name, error);
        if (host < 0 || random_mac(mac, error) < 0 ||
            state_run(self, error, "INSERT INTO addresses(network, container, host, mac) VALUES(?, ?, ?, ?)",
                      "ssis", name, container, host, mac) < 0)
            return NULL;
    }
    const char *subnet =
        json_string_value(json_object_get(json_object_get(network, "configuration"), "subnet"));
    const char *gateway = json_string_value(json_object_get(json_object_get(network, "status"), "gateway"));
    struct in_addr base = {0};
    char text[INET_ADDRSTRLEN];
    snprintf(text, sizeof text, "%.*s", subnet ? (int)strcspn(subnet, "/") : 0, subnet ? subnet : "");
    if (inet_pton(AF_INET, text, &base) != 1 || !gateway) {
        holm_error_set(error, HOLM_ERROR_INTEGRITY, "the network %s has no subnet in state.db", name);
        return NULL;
    }
    address_text(ntohl(base.s_addr) + (uint32_t)host, text);
    return json_pack("{s:s, s:s, s:i, s:s, s:s}", "network", name, "address", text, "prefix", PREFIX,
                     "gateway", gateway, "mac", mac);
}

json_t *state_address_take(state *self, const char *network, const char *container_id, holm_error **error) {
    if (state_begin(self, error) < 0)
        return NULL;
    json_t *address = take(self, network, container_id, error);
    if (state_end(self, address != NULL, address ? error : NULL) < 0) {
        json_decref(address);
        return NULL;
    }
    return address;
}

int state_address_release(state *self, const char *container_id, holm_error **error) {
    return state_run(self, error, "DELETE FROM addresses WHERE container = ?", "s", container_id);
}
