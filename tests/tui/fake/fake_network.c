// Networks, volumes and registries.
#include <string.h>

#include "tests/tui/fake/fake_private.h"

#define SECOND 1000000000LL

// Of the first in the list.
static void set_labels(json_t *list, json_t *labels) {
    json_object_set_new(json_object_get(json_array_get(list, 0), "configuration"), "labels", labels);
}

// ---- networks ----

json_t *fake_networks(int64_t now_ns) {
    json_t *list = json_pack(
        "[{s:s, s:{s:s, s:s, s:s, s:b}, s:{s:s, s:s, s:I}}, {s:s, s:{s:s, s:s, s:b}, s:{s:s, s:I}}]", "id",
        "default", "configuration", "name", "default", "subnet", "10.88.0.0/24", "subnetV6",
        "fd5e:81c2:9a07:1::/64", "internal", 0, "status", "gateway", "10.88.0.1", "gatewayV6",
        "fd5e:81c2:9a07:1::1", "createdAt", (json_int_t)(now_ns - 900000 * SECOND), "id", "back",
        "configuration", "name", "back", "subnet", "10.88.1.0/24", "internal", 1, "status", "gateway",
        "10.88.1.1", "createdAt", (json_int_t)(now_ns - 9000 * SECOND));
    set_labels(list, json_pack("{s:s, s:s}", "team", "platform", "draft", ""));
    return list;
}

void holm_network_list(holm_client *client, json_t *filters, holm_done done, void *data) {
    (void)filters;
    fake_reply(client, json_deep_copy(client->networks), NULL, 0, done, data);
}

void holm_network_connect(holm_client *client, const char *network, const char *container, json_t *options,
                          holm_done done, void *data) {
    (void)network, (void)container;
    json_decref(options);
    fake_reply(client, json_null(), NULL, 0, done, data);
}

void holm_network_disconnect(holm_client *client, const char *network, const char *container, holm_done done,
                             void *data) {
    (void)network, (void)container;
    fake_reply(client, json_null(), NULL, 0, done, data);
}

void holm_network_prune(holm_client *client, json_t *filters, holm_done done, void *data) {
    (void)filters;
    fake_reply(client, fake_pruned(0), NULL, 0, done, data);
}

// ---- volumes ----

json_t *fake_volumes(int64_t now_ns) {
    json_t *list =
        json_pack("[{s:s, s:{s:s, s:I}, s:{s:I, s:I}}, {s:s, s:{s:s, s:I}, s:{s:I, s:I}}]", "id", "pgdata",
                  "configuration", "name", "pgdata", "sizeBytes", (json_int_t)512 << 30, "status",
                  "usedBytes", (json_int_t)1290 << 20, "createdAt", (json_int_t)(now_ns - 900000 * SECOND),
                  "id", "cache", "configuration", "name", "cache", "sizeBytes", (json_int_t)8 << 30, "status",
                  "usedBytes", (json_int_t)80 << 20, "createdAt", (json_int_t)(now_ns - 9000 * SECOND));
    set_labels(list,
               json_pack("{s:s}", "what", "the data of the shop, saved each night to the other machine"));
    json_object_set_new(json_object_get(json_array_get(list, 0), "configuration"), "journal",
                        json_pack("{s:s, s:I}", "mode", "writeback", "sizeBytes", (json_int_t)8 << 20));
    return list;
}

void holm_volume_list(holm_client *client, json_t *filters, holm_done done, void *data) {
    (void)filters;
    fake_reply(client, json_deep_copy(client->volumes), NULL, 0, done, data);
}

void holm_volume_resize(holm_client *client, const char *name, uint64_t size, holm_done done, void *data) {
    size_t i;
    json_t *item;
    json_array_foreach (client->volumes, i, item)
        if (strcmp(json_string_value(json_object_get(item, "id")), name) == 0) {
            json_object_set_new(json_object_get(item, "configuration"), "sizeBytes",
                                json_integer((json_int_t)size));
            fake_reply(client, json_deep_copy(item), NULL, 0, done, data);
            fake_announce(client, "volume");
            return;
        }
    holm_error *error = NULL;
    holm_error_set(&error, HOLM_ERROR_NOT_FOUND, "there is no volume \"%s\"", name);
    fake_reply(client, NULL, error, 0, done, data);
}

void holm_volume_prune(holm_client *client, bool all, json_t *filters, holm_done done, void *data) {
    (void)all;
    (void)filters;
    fake_reply(client, fake_pruned(0), NULL, 0, done, data);
}

// ---- registries ----

void holm_registry_login(holm_client *client, const holm_login *login, holm_done done, void *data) {
    (void)login;
    fake_refuse(client, done, data);
}

void holm_registry_logout(holm_client *client, const char *registry, holm_done done, void *data) {
    (void)registry;
    fake_refuse(client, done, data);
}

void holm_registry_list(holm_client *client, holm_done done, void *data) {
    fake_refuse(client, done, data);
}

void holm_registry_tags(holm_client *client, const char *name, const char *scheme, unsigned most,
                        holm_done done, void *data) {
    (void)name;
    (void)scheme;
    (void)most;
    fake_reply(client, json_pack("{s:[sss], s:b}", "tags", "12", "12-slim", "sid", "more", false), NULL, 1,
               done, data);
}
