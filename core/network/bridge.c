#include "core/network/bridge.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define LOG_MODULE "bridge"
#include "core/base/log.h"
#include "core/base/netlink.h"
#include "core/network/bridge_forward.h"
#include "core/network/neighbour.h"
#include "core/network/nft.h"
#include "core/network/table_watch.h"
#include "core/network/tap.h"

static const uint8_t all_nodes[ETHERNET_ADDRESS] = {0x33, 0x33, 0, 0, 0, 1}; // ff02::1

struct bridge {
    uv_loop_t *loop;
    char name[IFNAMSIZ];
    int index;
    uint32_t ip;
    unsigned mtu;
    char *program; // nft
    struct stat namespace;
    bridge_port *ports;
    bridge_port *first, **last; // whose rules are to be written, one after the other
    bridge_network network;     // of the rules
    table_watch *tables;        // NULL: there are none yet
    bool lost;                  // all rules are to be written, before those
    uv_work_t work;
    bool working;
    bridge_port *current; // whose rules the worker is writing; NULL: all
    char *rules;
    holm_error *error;
};

struct bridge_port {
    bridge *owner;
    bridge_port *next, *next_waiting;
    int fd; // keeps the card's name its own as long as it has rules
    char card[IFNAMSIZ];
    uint8_t mac[ETHERNET_ADDRESS];
    ethernet_host is;
    bool loopback;
    void (*done)(const holm_error *error, void *data);
    void *data;
    bool removed;
    bool waits;     // for the worker, or for its end
    bool has_rules; // or has tried to have them
};

// ---- making it ----

static int add_address(int index, int family, const void *bytes, unsigned prefix, holm_error **error) {
    netlink_address address = {.family = family, .length = family == AF_INET ? 4 : 16, .prefix = prefix};
    memcpy(address.bytes, bytes, address.length);
    return netlink_add_address(index, &address, error);
}

static int make_link(bridge *self, const bridge_network *network, const uint8_t *mac, holm_error **error) {
    const uint32_t ip = htonl(network->ip);
    if (netlink_remove_link(self->name, error) < 0 || netlink_add_bridge(self->name, mac, error) < 0)
        return -1;
    self->index = (int)if_nametoindex(self->name);
    // Set by itself it stays; else it would be the least of the ports'.
    if (netlink_set_link(self->index, NULL, self->mtu, error) < 0 ||
        bridge_forward_link(self->name, network->has_ip6, error) < 0 ||
        netlink_set_up(self->index, true, error) < 0 ||
        add_address(self->index, AF_INET, &ip, (unsigned)__builtin_popcount(network->netmask), error) < 0)
        return -1;
    return network->has_ip6 ? add_address(self->index, AF_INET6, network->ip6, 64, error) : 0;
}

bridge *bridge_create(uv_loop_t *loop, const bridge_network *network, const uint8_t mac[ETHERNET_ADDRESS],
                      unsigned mtu, holm_error **error) {
    bridge *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    *self = (bridge){.loop = loop, .ip = network->ip, .mtu = mtu, .program = nft_find()};
    self->last = &self->first;
    snprintf(self->name, sizeof self->name, "%s", network->name);
    if (!self->program)
        holm_error_set(error, HOLM_ERROR_UNAVAILABLE, "there is no program nft (install nftables)");
    else if (stat("/proc/self/ns/net", &self->namespace) < 0)
        holm_error_set_errno(error, errno, "look at the network namespace");
    else if (make_link(self, network, mac, error) == 0 &&
             (network->internal || bridge_forward_outside(network->has_ip6, error) == 0))
        return self;
    bridge_destroy(self, false);
    return NULL;
}

static void tables_lost(void *data);

int bridge_guard(bridge *self, const bridge_network *network, holm_error **error) {
    cleanup_buffer buffer rules = BUFFER_INIT;
    self->network = *network;
    self->network.name = self->name;
    bridge_rules_begin(&rules, network);
    if (nft_run(self->program, buffer_text(&rules), false, error) < 0)
        return -1;
    self->tables = table_watch_create(self->loop, self->name, tables_lost, self, error);
    return self->tables ? 0 : -1;
}

void bridge_close(bridge *self) {
    if (self)
        table_watch_destroy(steal_pointer(&self->tables));
}

const char *bridge_program(const bridge *self) {
    return self->program;
}

static void port_free(bridge_port *self) {
    close(self->fd);
    free(self);
}

void bridge_destroy(bridge *self, bool leaves) {
    if (!self)
        return;
    cleanup_error holm_error *error = NULL, *other = NULL;
    cleanup_buffer buffer rules = BUFFER_INIT;
    bridge_rules_end(&rules, self->name);
    if (!leaves && netlink_remove_link(self->name, &error) < 0)
        log_warning("%s", holm_error_message(error));
    if (!leaves && self->program && nft_run(self->program, buffer_text(&rules), false, &other) < 0)
        log_warning("%s", holm_error_message(other));
    while (self->ports) {
        bridge_port *port = self->ports;
        self->ports = port->next;
        port_free(port);
    }
    free(self->program);
    free(self);
}

// ---- its ports ----

// To all others, as if it said so itself: who had this address before may be remembered. (The host, too.)
static void announce(const bridge_port *self) {
    uint8_t told[ETHERNET_ARP_LENGTH], told6[NEIGHBOUR_ADVERTISEMENT_LENGTH];
    ethernet_make_arp_reply(told, self->mac, self->is.ip, self->mac, self->is.ip);
    memset(told, 0xff, ETHERNET_ADDRESS);
    bool done = write(self->fd, told, sizeof told) == sizeof told;
    if (done && self->is.has_ip6) {
        neighbour_make_advertisement(told6, self->mac, self->is.ip6, false,
                                     &(neighbour_asker){all_nodes, NULL});
        done = write(self->fd, told6, sizeof told6) == sizeof told6;
    }
    if (!done)
        log_warning("%s was not announced: %s", self->card, strerror(errno));
}

static int plug(const bridge_port *self, holm_error **error) {
    int index = (int)if_nametoindex(self->card);
    if (netlink_set_link(index, NULL, self->owner->mtu, error) < 0 ||
        netlink_join_bridge(index, self->owner->index, error) < 0 || netlink_set_up(index, true, error) < 0)
        return -1;
    announce(self);
    return 0;
}

static void write_next(bridge *self);

static void port_let_go(bridge_port *self) {
    for (bridge_port **link = &self->owner->ports; *link; link = &(*link)->next)
        if (*link == self) {
            *link = self->next;
            break;
        }
    port_free(self);
}

static void port_wait(bridge_port *self) {
    bridge *owner = self->owner;
    self->waits = true;
    self->next_waiting = NULL;
    *owner->last = self;
    owner->last = &self->next_waiting;
    if (!owner->working)
        write_next(owner);
}

static void write_work(uv_work_t *work) {
    bridge *self = work->data;
    nft_run(self->program, self->rules, false, &self->error);
}

static void port_written(bridge_port *self, holm_error **error) {
    bridge *owner = self->owner;
    owner->first = self->next_waiting;
    if (!owner->first)
        owner->last = &owner->first;
    self->waits = false;
    if (self->removed && self->has_rules) {
        self->has_rules = false;
        port_wait(self);
    } else if (self->removed) {
        port_let_go(self);
    } else {
        if (!*error)
            plug(self, error);
        self->done(*error, self->data); // it may be removed there
    }
}

static void written(uv_work_t *work, int status) {
    bridge *self = work->data;
    bridge_port *port = steal_pointer(&self->current);
    cleanup_error holm_error *error = steal_pointer(&self->error);
    (void)status;
    self->working = false;
    free(steal_pointer(&self->rules));
    if (port) {
        port_written(port, &error);
    } else {
        if (error)
            log_error("the rules are lost: %s", holm_error_message(error));
        table_watch_forget(self->tables);
    }
    if (!self->working)
        write_next(self);
}

static bridge_card card_of(const bridge_port *self) {
    return (bridge_card){.name = self->card, .mac = self->mac, .is = self->is, .loopback = self->loopback};
}

// In the place of what there is, which may be a part.
static void write_all(bridge *self, buffer *rules) {
    self->lost = false;
    bridge_rules_begin(rules, &self->network);
    for (const bridge_port *port = self->ports; port; port = port->next) {
        const bridge_card card = card_of(port);
        if (port->has_rules && !port->removed)
            bridge_rules_add(rules, self->name, &card);
    }
}

static void write_port(const bridge *self, bridge_port *port, buffer *rules) {
    const bridge_card card = card_of(port);
    if (port->removed)
        bridge_rules_remove(rules, self->name, &card);
    else
        bridge_rules_add(rules, self->name, &card);
    port->has_rules = !port->removed;
}

static void write_next(bridge *self) {
    cleanup_buffer buffer rules = BUFFER_INIT;
    if (!self->lost && !self->first)
        return;
    self->current = self->lost ? NULL : self->first;
    if (self->current)
        write_port(self, self->current, &rules);
    else
        write_all(self, &rules);
    self->rules = buffer_steal_text(&rules);
    self->working = true;
    self->work.data = self;
    uv_queue_work(self->loop, &self->work, write_work, written);
}

// A firewall that sets its own rules may begin with none at all. To write all of ours begins with that, too.
static void tables_lost(void *data) {
    bridge *self = data;
    if (self->working && !self->current)
        return;
    log_warning("someone has removed the rules of %s: they are set again", self->name);
    self->lost = true;
    if (!self->working)
        write_next(self);
}

static bool is_taken(const bridge *self, const uint8_t *mac, const ethernet_host *host) {
    size_t count = 0;
    for (const bridge_port *each = self->ports; each; each = each->next) {
        if (!each->removed &&
            (memcmp(each->mac, mac, ETHERNET_ADDRESS) == 0 || each->is.ip == host->ip ||
             (host->has_ip6 && each->is.has_ip6 && memcmp(each->is.ip6, host->ip6, ETHERNET_IP6) == 0)))
            return true;
        count++;
    }
    return count >= SWITCH_PORTS_MAX || host->ip == self->ip || ethernet_is_group(mac);
}

bridge_port *bridge_port_add(bridge *self, int fd, const uint8_t mac[ETHERNET_ADDRESS],
                             const ethernet_host *host, bool loopback,
                             void (*done)(const holm_error *error, void *data), void *data,
                             holm_error **error) {
    bridge_port made = {.owner = self,
                        .next = self->ports,
                        .fd = fd,
                        .is = *host,
                        .loopback = loopback && self->network.door.tcp,
                        .done = done,
                        .data = data};
    memcpy(made.mac, mac, sizeof made.mac);
    if (!tap_card(fd, &self->namespace, made.card))
        holm_error_set(error, HOLM_ERROR_INVALID, "its card is no tap of this network namespace");
    else if (is_taken(self, mac, host))
        holm_error_set(error, HOLM_ERROR_IN_USE, "its address is taken, or the network is full");
    else {
        bridge_port *port = self->ports = malloc(sizeof *port);
        if (!port)
            abort();
        *port = made;
        port_wait(port);
        return port;
    }
    close(fd);
    return NULL;
}

// The machine may have its card for a while yet: off the bridge with it, before it has no guards.
void bridge_port_remove(bridge_port *self) {
    cleanup_error holm_error *error = NULL;
    self->removed = true;
    if (netlink_join_bridge((int)if_nametoindex(self->card), 0, &error) < 0)
        log_warning("%s: %s", self->card, holm_error_message(error));
    if (!self->waits)
        port_wait(self);
}

switch_port_counters bridge_port_count(const bridge_port *self) {
    cleanup_error holm_error *error = NULL;
    netlink_counters card = {0};
    if (netlink_count((int)if_nametoindex(self->card), &card, &error) < 0)
        log_warning("%s", holm_error_message(error));
    // What comes in by the tap the machine has sent.
    return (switch_port_counters){.from_bytes = card.rx_bytes,
                                  .from_frames = card.rx_packets,
                                  .to_bytes = card.tx_bytes,
                                  .to_frames = card.tx_packets};
}
