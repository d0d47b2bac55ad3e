// The container's network cards: datagram pairs between the VM and holm-net, or taps.
#define LOG_MODULE "network"
#include <string.h>

#include "core/base/fault.h"
#include "core/base/log.h"
#include "core/container/shim_devices.h"

#define SHORT_ID 12 // as commands print it

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

// ---- cards ----

static bool name_is_taken(const shim *self, const char *name) {
    for (const shim_card *card = self->cards; card; card = card->next)
        if (strcmp(card->name, name) == 0)
            return true;
    // Of a card that the guest has not let go of.
    return self->machine && self->driver->device_slot(self->machine, name) >= 0;
}

shim_card *shim_card_create(shim *self, json_t *network) {
    shim_card *made = calloc(1, sizeof *made), **at = &self->cards;
    if (!made)
        abort();
    *made = (shim_card){.shim = self,
                        .network = network,
                        .port = {.card = -1, .far = -1, .control = -1},
                        .answer = {.fd = -1, .card = -1}};
    for (unsigned number = 0; number == 0 || name_is_taken(self, made->name); number++)
        snprintf(made->name, sizeof made->name, CONFIGURATION_CARD, number);
    while (*at)
        at = &(*at)->next;
    *at = made;
    return made;
}

shim_card *shim_card_find(const shim *self, const char *network) {
    shim_card *card = self->cards;
    while (card && strcmp(text_of(card->network, "name"), network) != 0)
        card = card->next;
    return card;
}

json_t *shim_card_networks(const shim *self) {
    json_t *networks = json_array();
    for (const shim_card *card = self->cards; card; card = card->next)
        json_array_append(networks, card->network);
    return networks;
}

static void watch_closed(uv_handle_t *handle) {
    free(handle);
}

static void unwatch(shim_card *self) {
    uv_poll_t *watch = steal_pointer(&self->watch);
    if (watch)
        uv_close((uv_handle_t *)watch, watch_closed);
}

static void card_free(shim_card *self) {
    network_port_finish(&self->port);
    json_decref(self->network);
    free(self);
}

void shim_card_remove(shim_card *self) {
    shim_card **at = &self->shim->cards;
    while (*at && *at != self)
        at = &(*at)->next;
    if (*at)
        *at = self->next;
    unwatch(self);
    network_port_finish(&self->port);
    self->leaving = true;
    if (!self->joining)
        card_free(self);
}

int shim_network_init(shim *self, holm_error **error) {
    const json_t *networks = json_object_get(self->told, "networks");
    bool ports = json_array_size(json_object_get(self->configuration, "ports")) > 0;
    int outside = configuration_network_outside(networks);
    size_t index;
    json_t *network;
    json_array_foreach ((json_t *)networks, index, network) {
        shim_card *card = shim_card_create(self, json_incref(network));
        card->publishes = ports && (int)index == (outside < 0 ? 0 : outside);
        if (network_port_init(&card->port, configuration_network_is_bridge(network), error) < 0)
            return -1;
    }
    return 0;
}

int shim_network_adopt(shim *self, holm_error **error) {
    const json_t *networks = json_object_get(self->told, "networks");
    bool ports = json_array_size(json_object_get(self->configuration, "ports")) > 0;
    int outside = configuration_network_outside(networks);
    int index = 0;
    for (shim_card *card = self->cards; card; card = card->next, index++) {
        json_decref(card->network);
        card->network = json_incref(json_array_get(networks, (size_t)index));
        card->publishes = ports && index == (outside < 0 ? 0 : outside);
    }
    if (index == (int)json_array_size(networks))
        return 0;
    holm_error_set(error, HOLM_ERROR_STATE, "the machine has %d cards", index);
    return -1;
}

int shim_card_add(shim_card *self, holm_error **error) {
    // The most that any network has: what its own has is set within, and a spare's card is like any other.
    machine_card card = {
        .name = self->name, .mtu = NETWORK_MTU, .is_tap = configuration_network_is_bridge(self->network)};
    if (sscanf(text_of(self->network, "mac"), "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx", &card.mac[0],
               &card.mac[1], &card.mac[2], &card.mac[3], &card.mac[4], &card.mac[5]) != 6) {
        holm_error_set(error, HOLM_ERROR_INTEGRITY, "the container's address has no MAC");
        return -1;
    }
    card.fd = steal_fd(&self->port.card);
    return self->shim->driver->add_card(self->shim->machine, &card, error);
}

int shim_network_add(shim *self, holm_error **error) {
    for (shim_card *card = self->cards; card; card = card->next)
        if (shim_card_add(card, error) < 0)
            return -1;
    return 0;
}

// ---- within the helper: taking a place ----

// What its row says of this network, or NULL.
static json_t *network_of_row(const shim *self, const char *name, holm_error **error) {
    cleanup_state state *db = state_open(self->where.data, error);
    json_t *document = db ? state_container_get(db, self->id, error) : NULL, *entry, *found = NULL;
    size_t index;
    json_array_foreach (json_object_get(json_object_get(document, "status"), "networks"), index, entry)
        if (strcmp(text_of(entry, "name"), name) == 0)
            found = container_network_describe(db, entry, error);
    if (document && !found && error && !*error)
        holm_error_set(error, HOLM_ERROR_NOT_FOUND, "the container is not on the network %s", name);
    json_decref(document);
    return found;
}

static shim_card *card_of(shim *self, const char *network, holm_error **error) {
    shim_card *card = shim_card_find(self, network);
    if (card)
        return card;
    json_t *entry = network_of_row(self, network, error);
    card = entry ? shim_card_create(self, entry) : NULL;
    if (card && network_port_init(&card->port, configuration_network_is_bridge(entry), error) < 0) {
        shim_card_remove(card);
        return NULL;
    }
    return card;
}

static char *ports_text(const uint16_t *ports, size_t count) {
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_integer(ports[i]));
    char *text = json_dumps(list, JSON_COMPACT);
    json_decref(list);
    return text;
}

// Whether the guest has another resolver to ask after this network's.
static bool asks_more(const shim_card *card) {
    unsigned place = 1;
    for (const shim_card *at = card->shim->cards; at && at != card; at = at->next)
        place++;
    return card->next && place < CONFIGURATION_RESOLVERS_MOST;
}

static int join(shim_card *card, bool is_there, char **chosen_ports, holm_error **error) {
    shim *self = card->shim;
    cleanup_free char *short_id = strndup(self->id, SHORT_ID);
    const char *names[CONFIGURATION_ALIASES_MOST + 4] = {self->name, short_id,
                                                         text_of(self->configuration, "hostname")};
    const json_t *aliases = json_object_get(card->network, "aliases");
    for (size_t i = 0; i < json_array_size(aliases) && i < CONFIGURATION_ALIASES_MOST; i++)
        names[3 + i] = json_string_value(json_array_get(aliases, i));
    cleanup_free network_publish *ports = calloc(NETWORK_PORTS_MOST, sizeof *ports);
    uint16_t chosen[NETWORK_PORTS_MOST];
    size_t failed = 0;
    network_member member;
    container_network_member(card->network, &member);
    member.container = self->id;
    member.mac = text_of(card->network, "mac");
    member.address = text_of(card->network, "address");
    member.address6 = json_string_value(json_object_get(card->network, "addressV6"));
    member.more = asks_more(card);
    member.host = configuration_reaches_host(self->configuration);
    member.names = names;
    member.ports = ports;
    if (card->publishes)
        member.port_count = shim_ports_asked(self, json_object_get(self->told, "hostPorts"), ports);
    int result = is_there ? network_port_publish(&self->where, &member, chosen, &failed, error)
                          : network_port_join(&card->port, &self->where, &member, chosen, &failed, error);
    if (result < 0) {
        if (failed >= 1 && failed <= member.port_count)
            shim_ports_explain(self, &ports[failed - 1], error);
        return -1;
    }
    if (!card->publishes)
        return 0;
    *chosen_ports = ports_text(chosen, member.port_count);
    // The same ones when holm-net is lost and this is asked again.
    json_object_set_new(self->told, "hostPorts", json_loads(*chosen_ports, 0, NULL));
    return 0;
}

int shim_network_take_place(shim *self, const char *network, helper_answer *answer, holm_error **error) {
    bool is_new = !shim_card_find(self, network);
    shim_card *card = card_of(self, network, error);
    if (!card)
        return -1;
    if (join(card, false, &answer->text, error) < 0) {
        if (is_new)
            shim_card_remove(card);
        return -1;
    }
    answer->fd = steal_fd(&card->port.control);
    answer->card = steal_fd(&card->port.card);
    return 0;
}

// ---- other ports ----

static shim_card *card_publishing(const shim *self) {
    shim_card *card = self->cards;
    while (card && !card->publishes)
        card = card->next;
    return card;
}

// The card that ports are published by: that of those there are, else the first one that leads outside.
static shim_card *card_for_ports(const shim *self) {
    shim_card *card = card_publishing(self);
    if (card)
        return card;
    json_t *networks = shim_card_networks(self);
    int place = configuration_network_outside(networks);
    json_decref(networks);
    for (card = self->cards; card && place > 0; place--)
        card = card->next;
    return card;
}

void shim_network_ports_set(shim *self, json_t *ports, const char *chosen) {
    shim_card *card = card_for_ports(self);
    json_object_set(self->configuration, "ports", ports);
    json_object_set_new(self->told, "hostPorts", json_loads(chosen, 0, NULL));
    if (card)
        card->publishes = json_array_size(ports) > 0;
}

// Of every port the one that is open for it now, in the order of the new list: it is to stay so.
static json_t *chosen_of(const json_t *before, const json_t *chosen, const json_t *now) {
    json_t *list = json_array(), *port;
    cleanup_free bool *used = calloc(json_array_size(before) + 1, sizeof *used);
    size_t index;
    if (!used)
        abort();
    json_array_foreach ((json_t *)now, index, port) {
        size_t at = 0;
        while (at < json_array_size(before) && (used[at] || !json_equal(json_array_get(before, at), port)))
            at++;
        used[at] = true;
        json_t *same = at < json_array_size(before) ? json_array_get(chosen, at) : NULL;
        json_array_append_new(list, same ? json_incref(same) : json_integer(0));
    }
    return list;
}

static json_t *ports_of_row(const shim *self, holm_error **error) {
    cleanup_state state *db = state_open(self->where.data, error);
    json_t *document = db ? state_container_get(db, self->id, error) : NULL;
    json_t *ports = json_object_get(json_object_get(document, "configuration"), "ports");
    ports = document ? ports ? json_incref(ports) : json_array() : NULL;
    json_decref(document);
    return ports;
}

int shim_network_publish(shim *self, helper_answer *answer, holm_error **error) {
    json_t *ports = ports_of_row(self, error);
    shim_card *card = card_for_ports(self);
    if (ports && !card)
        holm_error_set(error, HOLM_ERROR_STATE, "the container %s is on no network", self->name);
    if (!ports || !card) {
        json_decref(ports);
        return -1;
    }
    json_t *before = json_incref(json_object_get(self->configuration, "ports"));
    json_t *chosen = json_incref(json_object_get(self->told, "hostPorts"));
    bool published = card->publishes;
    json_object_set_new(self->told, "hostPorts", chosen_of(before, chosen, ports));
    json_object_set(self->configuration, "ports", ports);
    card->publishes = true;
    int result = join(card, true, &answer->text, error);
    if (result < 0) {
        json_object_set(self->configuration, "ports", before);
        json_object_set(self->told, "hostPorts", chosen);
        card->publishes = published;
    } else {
        shim_network_ports_set(self, ports, answer->text);
    }
    json_decref(ports);
    json_decref(before);
    json_decref(chosen);
    return result;
}

void shim_network_forget(shim *self, const char *network) {
    shim_card *card = shim_card_find(self, network);
    if (card)
        shim_card_remove(card);
}

// ---- in the shim ----

static void join_work(uv_work_t *request) {
    shim_card *self = request->data;
    shim_helper_ask(self->shim, HELPER_JOIN, text_of(self->network, "name"), &self->answer, &self->error);
}

static void card_join(shim_card *self);

// Nothing is ever said there: it is the end.
static void control_event(uv_poll_t *poll, int status, int events) {
    shim_card *self = poll->data;
    (void)status, (void)events;
    unwatch(self);
    log_info("%s: holm-net is gone", text_of(self->network, "name"));
    if (self->shim->phase < SHIM_STOPPING)
        card_join(self);
}

void shim_card_joined(shim_card *self, int control) {
    if (self->port.control >= 0)
        close(self->port.control);
    self->port.control = control;
    self->watch = calloc(1, sizeof *self->watch);
    uv_poll_init(self->shim->loop, self->watch, control);
    self->watch->data = self;
    uv_poll_start(self->watch, UV_READABLE | UV_DISCONNECT, control_event);
}

static void take_answer(shim_card *self) {
    helper_answer answer = self->answer;
    self->answer = (helper_answer){.fd = -1, .card = -1};
    shim_card_joined(self, answer.fd);
    if (answer.card >= 0) // it was there already
        close(answer.card);
    if (self->publishes) {
        json_t *ports = json_loads(answer.text, 0, NULL);
        shim_ports_note(self->shim, ports);
        json_decref(ports);
    }
    free(answer.text);
}

static bool all_joined(const shim *self) {
    for (const shim_card *card = self->cards; card; card = card->next)
        if (!card->watch)
            return false;
    return true;
}

static void join_after(uv_work_t *request, int status) {
    shim_card *self = request->data;
    shim *owner = self->shim;
    (void)status;
    self->joining = false;
    holm_error *error = steal_pointer(&self->error);
    if (!error) {
        take_answer(self);
        shim_step(owner, "on the network");
    }
    if (self->leaving) { // taken off it meanwhile
        unwatch(self);
        card_free(self);
    } else if (owner->phase >= SHIM_CLOSED) { // the machine was quicker
        unwatch(self);
        network_port_finish(&self->port);
    } else if (owner->network_ready) {
        if (error) // the container goes on without: its next start joins again
            log_error("%s", holm_error_message(error));
    } else if (error) {
        shim_start_failed(owner, error);
    } else if (all_joined(owner)) {
        fault_point("run.network-joined");
        shim_boot_network_ready(owner);
    }
    holm_error_free(error);
    shim_finish_if_idle(owner);
}

static void card_join(shim_card *self) {
    self->joining = true;
    self->request.data = self;
    uv_queue_work(self->shim->loop, &self->request, join_work, join_after);
}

void shim_network_join(shim *self) {
    if (!self->cards)
        shim_boot_network_ready(self);
    for (shim_card *card = self->cards; card; card = card->next)
        card_join(card);
}

bool shim_network_busy(const shim *self) {
    for (const shim_card *card = self->cards; card; card = card->next)
        if (card->joining)
            return true;
    return false;
}

void shim_network_tell(const shim *self) {
    for (const shim_card *card = self->cards; card; card = card->next)
        if (card->port.control >= 0)
            network_port_tell(&card->port, asks_more(card));
}

void shim_network_leave(shim *self) {
    for (shim_card *card = self->cards; card; card = card->next) {
        unwatch(card);
        network_port_finish(&card->port);
    }
}

void shim_network_destroy(shim *self) {
    while (self->cards) {
        shim_card *next = self->cards->next;
        card_free(self->cards);
        self->cards = next;
    }
}
