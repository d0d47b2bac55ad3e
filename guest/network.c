#include "guest/network.h"

#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#include "core/base/buffer.h"
#include "core/base/netlink.h"
#include "guest/files.h"
#include "guest/uevent.h"

#define CARD_TIMEOUT_MS 10000
#define LOOPBACK_INDEX  1

static int check_name(const char *name, holm_error **error) {
    if (*name && strlen(name) <= NETLINK_NAME_MAX && !strpbrk(name, "/ :") && *name != '.')
        return 0;
    holm_error_set(error, HOLM_ERROR_INVALID, "\"%.20s\" is not a name for a network card", name);
    return -1;
}

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

// The card of a clone is there from the beginning, with its template's address. 0: there is none in that
// slot.
static int adopt_card(unsigned slot, const uint8_t mac[static 6], holm_error **error) {
    char place[24], path[256] = "";
    snprintf(place, sizeof place, "/0000:00:%02x.0/", slot);
    cleanup_directory DIR *all = slot ? opendir("/sys/class/net") : NULL;
    for (const struct dirent *entry; all && (entry = readdir(all));) {
        ssize_t length = readlinkat(dirfd(all), entry->d_name, path, sizeof path - 1);
        path[length > 0 ? length : 0] = 0;
        int index = strstr(path, place) ? (int)if_nametoindex(entry->d_name) : 0;
        if (index > 0)
            return netlink_set_mac(index, mac, error) < 0 ? -1 : index;
    }
    return 0;
}

static int wait_card(const char *text, unsigned slot, int uevents, holm_error **error) {
    uint8_t mac[6];
    if (netlink_mac_parse(text, mac, error) < 0)
        return -1;
    for (int64_t deadline = now_ms() + CARD_TIMEOUT_MS;;) {
        int index = netlink_find_link(mac, error);
        if (index == 0)
            index = adopt_card(slot, mac, error);
        if (index != 0)
            return index;
        int64_t left = deadline - now_ms();
        struct pollfd news = {.fd = uevents, .events = POLLIN};
        if (left <= 0 || (poll(&news, 1, (int)left) < 0 && errno != EINTR)) {
            holm_error_set(error, HOLM_ERROR_UNAVAILABLE, "no network card %s appeared", text);
            return -1;
        }
        uevent_drain(uevents);
    }
}

static int card_by_name(const char *name, holm_error **error) {
    int index = (int)if_nametoindex(name);
    if (index > 0)
        return index;
    holm_error_set(error, HOLM_ERROR_NOT_FOUND, "there is no network card %.20s", name);
    return -1;
}

static int add_address(int index, const char *text, holm_error **error) {
    netlink_address address;
    return netlink_address_parse(text, &address, error) < 0 ? -1
                                                            : netlink_add_address(index, &address, error);
}

int network_link_set(const Holm__Agent__V1__Interface *request, int uevents, holm_error **error) {
    if (check_name(request->name, error) < 0)
        return -1;
    int index = *request->mac ? wait_card(request->mac, request->slot, uevents, error)
                              : card_by_name(request->name, error);
    if (index < 0)
        return -1;
    char current[IF_NAMESIZE] = "";
    bool named = if_indextoname((unsigned)index, current) && strcmp(current, request->name) == 0;
    if ((!named || request->mtu) &&
        netlink_set_link(index, named ? NULL : request->name, request->mtu, error) < 0)
        return -1;
    for (size_t i = 0; i < request->n_addresses; i++)
        if (add_address(index, request->addresses[i], error) < 0)
            return -1;
    return netlink_set_up(LOOPBACK_INDEX, true, error) < 0 ? -1 : netlink_set_up(index, request->up, error);
}

int network_link_reset(const Holm__Agent__V1__Interface *request, holm_error **error) {
    netlink_address address;
    int index = card_by_name(request->name, error);
    if (index < 0)
        return -1;
    for (size_t i = 0; i < request->n_addresses; i++)
        if (netlink_address_parse(request->addresses[i], &address, error) < 0 ||
            netlink_remove_address(index, &address, error) < 0)
            return -1;
    return netlink_set_up(index, false, error);
}

int network_route_add(const Holm__Agent__V1__RouteRequest *request, holm_error **error) {
    netlink_address destination, gateway;
    bool has_destination = *request->destination && strcmp(request->destination, "default") != 0;
    bool has_gateway = *request->gateway;
    int index = *request->interface ? card_by_name(request->interface, error) : 0;
    if (index < 0 ||
        (has_destination && netlink_address_parse(request->destination, &destination, error) < 0) ||
        (has_gateway && netlink_address_parse(request->gateway, &gateway, error) < 0))
        return -1;
    if (has_destination && has_gateway && destination.family != gateway.family) {
        holm_error_set(error, HOLM_ERROR_INVALID, "a route to %s cannot lead through %s",
                       request->destination, request->gateway);
        return -1;
    }
    if (netlink_add_route(index, has_destination ? &destination : NULL, has_gateway ? &gateway : NULL,
                          error) < 0) {
        holm_error_wrap(error, "route to %s", has_destination ? request->destination : "everything");
        return -1;
    }
    if (!*request->gateway6)
        return 0;
    if (netlink_address_parse(request->gateway6, &gateway, error) == 0 &&
        netlink_add_route(index, NULL, &gateway, error) == 0)
        return 0;
    holm_error_wrap(error, "route to everything in IPv6");
    return -1;
}

// One word of a configuration file: no line of someone else's comes in through it.
static int append_words(buffer *out, const char *keyword, char *const *words, size_t count,
                        holm_error **error) {
    if (count)
        buffer_append_text(out, keyword);
    for (size_t i = 0; i < count; i++) {
        if (!*words[i] || strlen(words[i]) > 255 || strpbrk(words[i], " \t\n\r#;")) {
            holm_error_set(error, HOLM_ERROR_INVALID, "\"%.60s\" cannot stand in %s", words[i], keyword);
            return -1;
        }
        buffer_append_format(out, " %s", words[i]);
    }
    if (count)
        buffer_append_text(out, "\n");
    return 0;
}

int network_write_dns(const Holm__Agent__V1__Dns *dns, holm_error **error) {
    cleanup_buffer buffer text = BUFFER_INIT;
    for (size_t i = 0; i < dns->n_nameservers; i++)
        if (append_words(&text, "nameserver", &dns->nameservers[i], 1, error) < 0)
            return -1;
    if ((*dns->domain && append_words(&text, "domain", &dns->domain, 1, error) < 0) ||
        append_words(&text, "search", dns->searches, dns->n_searches, error) < 0 ||
        append_words(&text, "options", dns->options, dns->n_options, error) < 0)
        return -1;
    return files_replace("/etc/resolv.conf", text.data, text.length, 0644, error);
}

int network_write_hosts(const Holm__Agent__V1__Hosts *hosts, holm_error **error) {
    cleanup_buffer buffer text = BUFFER_INIT;
    buffer_append_text(&text, "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n");
    for (size_t i = 0; i < hosts->n_entries; i++) {
        const Holm__Agent__V1__HostEntry *entry = hosts->entries[i];
        if (strlen(entry->address) > 64 || strpbrk(entry->address, " \t\n\r#")) {
            holm_error_set(error, HOLM_ERROR_INVALID, "\"%.60s\" is not an address", entry->address);
            return -1;
        }
        if (append_words(&text, entry->address, entry->names, entry->n_names, error) < 0)
            return -1;
    }
    return files_replace("/etc/hosts", text.data, text.length, 0644, error);
}

ProtobufCMessage *network_call_link_set(agent *self, const ProtobufCMessage *request, holm_error **error) {
    (void)self;
    cleanup_close int uevents = uevent_open(error);
    if (uevents < 0 || network_link_set((const void *)request, uevents, error) < 0)
        return NULL;
    return call_empty();
}

ProtobufCMessage *network_call_address_add(agent *self, const ProtobufCMessage *message, holm_error **error) {
    const Holm__Agent__V1__AddressRequest *request = (const void *)message;
    (void)self;
    int index = card_by_name(request->interface, error);
    return index < 0 || add_address(index, request->address, error) < 0 ? NULL : call_empty();
}

ProtobufCMessage *network_call_route_add(agent *self, const ProtobufCMessage *request, holm_error **error) {
    (void)self;
    return network_route_add((const void *)request, error) < 0 ? NULL : call_empty();
}

ProtobufCMessage *network_call_dns(agent *self, const ProtobufCMessage *request, holm_error **error) {
    (void)self;
    return network_write_dns((const void *)request, error) < 0 ? NULL : call_empty();
}

ProtobufCMessage *network_call_hosts(agent *self, const ProtobufCMessage *request, holm_error **error) {
    (void)self;
    return network_write_hosts((const void *)request, error) < 0 ? NULL : call_empty();
}
