// One network more, or one less, while the container runs. It is written into state.db first, since the
// helper takes places on those networks only that are there; then the card gets its place and the guest its
// card. Where that fails all of it is taken back. The shim does it: a front end that dies leaves nothing half
// done.
#define LOG_MODULE "plug"
#include <string.h>

#include "core/base/fault.h"
#include "core/base/log.h"
#include "core/container/shim_devices.h"

#define AGENT_MS 20000

typedef struct network_change network_change;
typedef void (*change_step)(network_change *self);

struct network_change {
    shim_change base; // first
    bool adds;
    json_t *asked;     // an entry of a configuration's "networks"
    json_t *described; // of one that is added
    shim_card *card;
    change_step then; // when the step under way is done
    uv_work_t work;
    helper_answer answer;
};

static const char *name_of(const network_change *self) {
    return json_string_value(json_object_get(self->asked, "name"));
}

static void destroy(shim_change *base) {
    network_change *self = (network_change *)base;
    if (self->answer.fd >= 0)
        close(self->answer.fd);
    if (self->answer.card >= 0)
        close(self->answer.card);
    free(self->answer.text);
    json_decref(self->asked);
    json_decref(self->described);
    free(self);
}

static void finish(network_change *self) {
    shim_change_finish(&self->base);
}

static void note_error(network_change *self, const holm_error *error) {
    shim_change_note(&self->base, error);
}

static void step_done(network_change *self, const holm_error *error) {
    note_error(self, error);
    self->then(self);
}

// ---- the agent ----

static void agent_answered(const ProtobufCMessage *answer, const holm_error *error, void *data) {
    (void)answer;
    step_done(data, error);
}

static void ask_agent(network_change *self, const char *method, const ProtobufCMessage *request,
                      change_step then) {
    shim *owner = self->base.shim;
    self->then = then;
    if (owner->agent) {
        rpc_call_unary(owner->agent, shim_agent_protocol(), method, request, agent_answered, self, AGENT_MS);
        return;
    }
    cleanup_error holm_error *error = NULL;
    holm_error_set(&error, HOLM_ERROR_STATE, "the container %s has ended meanwhile", owner->name);
    step_done(self, error);
}

// Whoever named servers of their own has nothing to do with ours.
static void configure_dns(network_change *self, change_step then) {
    const json_t *asked = json_object_get(self->base.shim->configuration, "dns");
    if (json_array_size(json_object_get(asked, "nameservers")) > 0 ||
        json_is_true(json_object_get(asked, "none"))) {
        then(self);
        return;
    }
    json_t *networks = shim_card_networks(self->base.shim);
    Holm__Agent__V1__Dns *dns = configuration_dns(self->base.shim->configuration, networks);
    json_decref(networks);
    ask_agent(self, "ConfigureDns", &dns->base, then);
    holm__agent__v1__dns__free_unpacked(dns, NULL);
}

// Its host name stands for its address on the first network.
static void configure_hosts(network_change *self, change_step then) {
    json_t *networks = shim_card_networks(self->base.shim);
    Holm__Agent__V1__Hosts *hosts = configuration_hosts(self->base.shim->configuration, networks);
    json_decref(networks);
    ask_agent(self, "ConfigureHosts", &hosts->base, then);
    holm__agent__v1__hosts__free_unpacked(hosts, NULL);
}

// The card that the default route leads by, or NULL.
static shim_card *card_outside(const shim *self) {
    json_t *networks = shim_card_networks(self);
    int place = configuration_network_outside(networks);
    json_decref(networks);
    shim_card *card = place < 0 ? NULL : self->cards;
    while (place-- > 0)
        card = card->next;
    return card;
}

static void add_route(network_change *self, const shim_card *by, change_step then) {
    Holm__Agent__V1__RouteRequest *route = configuration_route(by->network, by->name);
    ask_agent(self, "RouteAdd", &route->base, then);
    holm__agent__v1__route_request__free_unpacked(route, NULL);
}

// ---- one less: also what takes back one more ----

static void dropped(shim *owner, const holm_error *error, void *data) {
    network_change *self = data;
    (void)owner;
    note_error(self, error);
    fault_point("plug.network-dropped");
    finish(self);
}

static int drop_work(shim *owner, state *db, void *data, holm_error **error) {
    network_change *self = data;
    shim_helper_ask(owner, HELPER_LEAVE, name_of(self), NULL, NULL);
    return container_network_disconnect(db, owner->id, name_of(self), error);
}

static void drop(network_change *self) {
    shim_store_post(self->base.shim, drop_work, dropped, self);
}

static void first_is_told(network_change *self) {
    configure_hosts(self, drop);
}

static void route_is_moved(network_change *self) {
    configure_dns(self, first_is_told);
}

// Out of the guest, one way or the other.
static void unplugged(network_change *self) {
    shim *owner = self->base.shim;
    const shim_card *before = card_outside(owner);
    bool routed = before == self->card;
    shim_card_remove(steal_pointer(&self->card));
    shim_network_tell(owner);
    const shim_card *after = card_outside(owner);
    if (owner->agent && routed && after)
        add_route(self, after, route_is_moved);
    else if (owner->agent)
        route_is_moved(self);
    else
        drop(self);
}

static void ejected(const holm_error *error, void *data) {
    step_done(data, error);
}

static void unplug(network_change *self) {
    self->then = unplugged;
    shim_eject(self->base.shim, self->card->name, ejected, self);
}

// ---- one more ----

static void added(network_change *self) {
    if (self->base.error) {
        unplug(self);
        return;
    }
    fault_point("plug.network-added");
    finish(self);
}

static void first_is_added(network_change *self) {
    if (!self->base.error && self->base.shim->cards == self->card)
        configure_hosts(self, added);
    else
        added(self);
}

static void route_is_added(network_change *self) {
    if (self->base.error)
        unplug(self);
    else
        configure_dns(self, first_is_added);
}

static void link_is_set(network_change *self) {
    if (!self->base.error && card_outside(self->base.shim) == self->card)
        add_route(self, self->card, route_is_added);
    else
        route_is_added(self);
}

static void scanned(network_change *self) {
    if (self->base.error) {
        unplug(self);
        return;
    }
    Holm__Agent__V1__Interface *link = configuration_interface(self->card->network, self->card->name);
    ask_agent(self, "LinkSet", &link->base, link_is_set);
    holm__agent__v1__interface__free_unpacked(link, NULL);
}

static void plugged(network_change *self) {
    static const Holm__Agent__V1__Empty empty = HOLM__AGENT__V1__EMPTY__INIT;
    if (self->base.error)
        unplug(self);
    else
        ask_agent(self, "Rescan", &empty.base, scanned);
}

static void settled(const holm_error *error, void *data) {
    step_done(data, error);
}

static void joined(uv_work_t *work, int status) {
    network_change *self = work->data;
    shim *owner = self->base.shim;
    cleanup_error holm_error *error = NULL;
    (void)status;
    if (!self->base.error && !owner->machine)
        holm_error_set(&self->base.error, HOLM_ERROR_STATE, "the container %s has ended meanwhile",
                       owner->name);
    if (self->base.error) {
        drop(self);
        return;
    }
    fault_point("plug.network-joined");
    self->card = shim_card_create(owner, steal_pointer(&self->described));
    self->card->port.card = steal_fd(&self->answer.card);
    shim_card_joined(self->card, steal_fd(&self->answer.fd));
    shim_network_tell(owner);
    self->then = plugged;
    if (shim_card_add(self->card, &error) < 0)
        step_done(self, error);
    else
        owner->driver->settle(owner->machine, settled, self);
}

static void join_work(uv_work_t *work) {
    network_change *self = work->data;
    shim_helper_ask(self->base.shim, HELPER_JOIN, name_of(self), &self->answer, &self->base.error);
}

static int connect_work(shim *owner, state *db, void *data, holm_error **error) {
    network_change *self = data;
    return container_network_connect(db, owner->id, self->asked, &self->described, error);
}

static void written(shim *owner, const holm_error *error, void *data) {
    network_change *self = data;
    note_error(self, error);
    if (error || owner->phase == SHIM_RESTARTING) {
        finish(self);
        return;
    }
    fault_point("plug.network-written");
    self->work.data = self;
    uv_queue_work(owner->loop, &self->work, join_work, joined);
}

// ---- the calls ----

static int check_removal(network_change *self, holm_error **error) {
    self->card = shim_card_find(self->base.shim, name_of(self));
    if (!self->card) {
        holm_error_set(error, HOLM_ERROR_NOT_FOUND, "the container %s is not on the network %s",
                       self->base.shim->name, name_of(self));
        return -1;
    }
    if (self->card->publishes) {
        holm_error_set(error, HOLM_ERROR_IN_USE,
                       "the ports of the container %s are published by the network %s", self->base.shim->name,
                       name_of(self));
        holm_error_hint(error, "stop it first: its next start publishes them by another one");
        return -1;
    }
    return 0;
}

static void begin(shim_change *base) {
    network_change *self = (network_change *)base;
    cleanup_error holm_error *error = NULL;
    if (shim_change_waits(base)) {
        if (self->adds)
            shim_store_post(base->shim, connect_work, written, self);
        else
            drop(self);
        return;
    }
    if (!shim_change_can(base) || (!self->adds && check_removal(self, &error) < 0)) {
        note_error(self, error);
        finish(self);
        return;
    }
    if (self->adds)
        shim_store_post(base->shim, connect_work, written, self);
    else
        unplug(self);
}

static void change(waiter *call, json_t *asked, bool adds) {
    network_change *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    *self = (network_change){.base = {.begin = begin, .destroy = destroy},
                             .adds = adds,
                             .asked = asked,
                             .answer = {.fd = -1, .card = -1}};
    shim_change_post(&self->base, call);
}

static void handle_connect(waiter *call, const ProtobufCMessage *base) {
    const Holm__Shim__V1__ConnectRequest *request = (const Holm__Shim__V1__ConnectRequest *)base;
    json_t *aliases = json_array();
    for (size_t i = 0; i < request->n_aliases; i++)
        json_array_append_new(aliases, json_string(request->aliases[i]));
    json_t *asked = json_pack("{s:s, s:o}", "name", request->network, "aliases", aliases);
    if (*request->address)
        json_object_set_new(asked, "address", json_string(request->address));
    if (*request->address6)
        json_object_set_new(asked, "addressV6", json_string(request->address6));
    if (*request->mac)
        json_object_set_new(asked, "mac", json_string(request->mac));
    change(call, asked, true);
}

static void handle_disconnect(waiter *call, const ProtobufCMessage *base) {
    const Holm__Shim__V1__DisconnectRequest *request = (const Holm__Shim__V1__DisconnectRequest *)base;
    change(call, json_pack("{s:s}", "name", request->network), false);
}

void connect_open(rpc_stream *stream, void *data) {
    shim_open_call(stream, data, handle_connect);
}

void disconnect_open(rpc_stream *stream, void *data) {
    shim_open_call(stream, data, handle_disconnect);
}
