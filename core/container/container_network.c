// The networks that a container is on, in state.db: taken with its creation, more and fewer later.
#include <string.h>

#include "core/container/container_internal.h"
#include "core/network/bridge_host.h"

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

// Where the entry of this network is; the length where there is none.
static size_t find(const json_t *networks, const char *name) {
    size_t index = 0;
    while (index < json_array_size(networks) &&
           strcmp(text_of(json_array_get(networks, index), "name"), name) != 0)
        index++;
    return index;
}

int container_network_take(state *db, const char *id, const json_t *asked, json_t *networks,
                           holm_error **error) {
    const state_address_wish wish = {json_string_value(json_object_get(asked, "address")),
                                     json_string_value(json_object_get(asked, "mac")),
                                     json_string_value(json_object_get(asked, "addressV6"))};
    json_t *entry = state_address_take(db, text_of(asked, "name"), id, &wish, error);
    if (!entry)
        return -1;
    json_t *aliases = json_object_get(asked, "aliases");
    json_object_set_new(entry, "aliases", aliases ? json_deep_copy(aliases) : json_array());
    return json_array_append_new(networks, entry);
}

// What a card's owner has to know of its network.
static void add_known(json_t *described, const json_t *network) {
    static const struct {
        const char *part, *key;
    } known[] = {{"configuration", "subnet"},   {"configuration", "subnetV6"}, {"status", "gatewayV6"},
                 {"configuration", "internal"}, {"configuration", "mtu"},      {"configuration", "dns"},
                 {"configuration", "driver"}};
    for (size_t i = 0; i < array_length(known); i++) {
        json_t *value = json_object_get(json_object_get(network, known[i].part), known[i].key);
        if (value)
            json_object_set(described, known[i].key, value);
    }
}

json_t *container_network_describe(state *db, const json_t *entry, holm_error **error) {
    json_t *network = state_network_get(db, text_of(entry, "name"), error);
    if (!network)
        return NULL;
    json_t *described = json_deep_copy(entry);
    add_known(described, network);
    json_decref(network);
    return described;
}

void container_network_member(const json_t *described, network_member *out) {
    const json_t *servers = json_object_get(described, "dns");
    *out = (network_member){
        .network = text_of(described, "name"),
        .subnet = text_of(described, "subnet"),
        .gateway = text_of(described, "gateway"),
        .subnet6 = json_string_value(json_object_get(described, "subnetV6")),
        .gateway6 = json_string_value(json_object_get(described, "gatewayV6")),
        .bridge = configuration_network_is_bridge(described),
        .internal = json_is_true(json_object_get(described, "internal")),
        .mtu = (unsigned)json_integer_value(json_object_get(described, "mtu")),
    };
    for (size_t i = 0; i < json_array_size(servers) && i < NETWORK_SERVERS_MOST; i++)
        out->servers[i] = json_string_value(json_array_get(servers, i));
}

int container_network_clean(const paths *where, const json_t *network, holm_error **error) {
    const char *gateway = text_of(json_object_get(network, "status"), "gateway");
    json_t *described = json_pack("{s:s, s:s}", "name", text_of(network, "id"), "gateway", gateway);
    network_member member;
    cleanup(network_words_finish) network_words words;
    add_known(described, network);
    container_network_member(described, &member);
    network_words_init(&words, &member);
    json_decref(described);
    return member.bridge ? bridge_clean(where, (const char *const *)words.list, error) : 0;
}

// ---- one more, one less ----

// Both within a transaction; they change the document's networks.
static int add(state *db, const json_t *document, const json_t *asked, holm_error **error) {
    json_t *networks = json_object_get(json_object_get(document, "status"), "networks");
    const char *name = text_of(asked, "name");
    if (find(networks, name) < json_array_size(networks)) {
        holm_error_set(error, HOLM_ERROR_EXISTS, "the container %s is on the network %s already",
                       text_of(json_object_get(document, "configuration"), "name"), name);
        return -1;
    }
    if (json_array_size(networks) >= CONFIGURATION_NETWORKS_MOST) {
        holm_error_set(error, HOLM_ERROR_LIMIT, "a container can be on %d networks",
                       CONFIGURATION_NETWORKS_MOST);
        return -1;
    }
    return container_network_take(db, text_of(document, "id"), asked, networks, error);
}

static int take_away(state *db, const json_t *document, const char *name, holm_error **error) {
    json_t *networks = json_object_get(json_object_get(document, "status"), "networks");
    size_t place = find(networks, name);
    if (place == json_array_size(networks)) {
        holm_error_set(error, HOLM_ERROR_NOT_FOUND, "the container %s is not on the network %s",
                       text_of(json_object_get(document, "configuration"), "name"), name);
        return -1;
    }
    json_array_remove(networks, place);
    return state_address_release(db, name, text_of(document, "id"), error);
}

static int note(state *db, const json_t *document, const char *action, const char *network,
                holm_error **error) {
    const char *id = text_of(document, "id");
    json_t *attributes = json_pack("{s:s}", "network", network);
    json_t *changes =
        json_pack("{s:O}", "networks", json_object_get(json_object_get(document, "status"), "networks"));
    int result = state_container_update(db, id, NULL, changes, error) < 0 ||
                         state_event_add(db, "container", action, id,
                                         text_of(json_object_get(document, "configuration"), "name"),
                                         attributes, error) < 0
                     ? -1
                     : 0;
    json_decref(attributes);
    json_decref(changes);
    return result;
}

int container_network_connect(state *db, const char *id, const json_t *asked, json_t **described,
                              holm_error **error) {
    if (configuration_check_network(asked, error) < 0 || state_begin(db, error) < 0)
        return -1;
    json_t *document = state_container_get(db, id, error), *told = NULL;
    bool done = document && add(db, document, asked, error) == 0 &&
                note(db, document, "connect", text_of(asked, "name"), error) == 0;
    if (done) {
        const json_t *networks = json_object_get(json_object_get(document, "status"), "networks");
        told = container_network_describe(db, json_array_get(networks, json_array_size(networks) - 1), error);
        done = told != NULL;
    }
    json_decref(document);
    done = state_end(db, done, done ? error : NULL) == 0 && done;
    if (done && described)
        *described = told;
    else
        json_decref(told);
    return done ? 0 : -1;
}

int container_network_disconnect(state *db, const char *id, const char *network, holm_error **error) {
    if (state_begin(db, error) < 0)
        return -1;
    json_t *document = state_container_get(db, id, error);
    bool done = document && take_away(db, document, network, error) == 0 &&
                note(db, document, "disconnect", network, error) == 0;
    json_decref(document);
    return state_end(db, done, done ? error : NULL) == 0 && done ? 0 : -1;
}

// ---- at rest ----

int container_hold_at_rest(const paths *where, state *db, const char *id, holm_error **error) {
    cleanup_close int lock = container_lock(where, id, true, error);
    if (lock < 0)
        return -1;
    cleanup_close int life = container_life_lock_at_rest(where, db, id, error);
    return life < 0 ? -1 : steal_fd(&lock);
}

int container_connect_at_rest(const paths *where, state *db, const char *id, const json_t *asked,
                              holm_error **error) {
    cleanup_close int lock = container_hold_at_rest(where, db, id, error);
    return lock < 0 ? -1 : container_network_connect(db, id, asked, NULL, error);
}

int container_disconnect_at_rest(const paths *where, state *db, const char *id, const char *network,
                                 holm_error **error) {
    cleanup_close int lock = container_hold_at_rest(where, db, id, error);
    return lock < 0 ? -1 : container_network_disconnect(db, id, network, error);
}
