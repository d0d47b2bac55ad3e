#include "core/base/netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// One message with room for the attributes we use.
typedef struct request {
    struct nlmsghdr header;
    union {
        struct ifinfomsg link;
        struct ifaddrmsg address;
        struct rtmsg route;
        uint8_t space[256];
    } body;
} request;

int netlink_address_parse(const char *text, netlink_address *out, holm_error **error) {
    char address[INET6_ADDRSTRLEN], digits[4];
    size_t length = strcspn(text, "/");
    unsigned prefix = 0;
    int end = 0;
    *out = (netlink_address){0};
    if (length == 0 || length >= sizeof address)
        goto invalid;
    memcpy(address, text, length);
    address[length] = 0;
    if (inet_pton(AF_INET, address, out->bytes) == 1)
        out->family = AF_INET, out->length = 4;
    else if (inet_pton(AF_INET6, address, out->bytes) == 1)
        out->family = AF_INET6, out->length = 16;
    else
        goto invalid;
    out->prefix = (unsigned)out->length * 8;
    if (text[length] && (sscanf(text + length, "/%3[0-9]%n", digits, &end) != 1 ||
                         text[length + (size_t)end] || (prefix = (unsigned)atoi(digits)) > out->prefix))
        goto invalid;
    if (text[length])
        out->prefix = prefix;
    return 0;
invalid:
    holm_error_set(error, HOLM_ERROR_INVALID, "\"%.60s\" is not an address", text);
    return -1;
}

int netlink_mac_parse(const char *text, uint8_t mac[static 6], holm_error **error) {
    unsigned parts[6];
    char rest;
    if (strlen(text) == 17 && sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%c", &parts[0], &parts[1], &parts[2],
                                     &parts[3], &parts[4], &parts[5], &rest) == 6) {
        for (size_t i = 0; i < 6; i++)
            mac[i] = (uint8_t)parts[i];
        return 0;
    }
    holm_error_set(error, HOLM_ERROR_INVALID, "\"%.20s\" is not a hardware address", text);
    return -1;
}

static void begin(request *self, uint16_t type, uint16_t flags, size_t body) {
    memset(self, 0, sizeof *self);
    self->header.nlmsg_len = (uint32_t)NLMSG_LENGTH(body);
    self->header.nlmsg_type = type;
    self->header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
    self->header.nlmsg_seq = 1;
}

// Callers add a handful of small attributes, which fit.
static void add(request *self, uint16_t type, const void *data, size_t length) {
    struct rtattr *attribute = (void *)((uint8_t *)self + NLMSG_ALIGN(self->header.nlmsg_len));
    attribute->rta_type = type;
    attribute->rta_len = (uint16_t)RTA_LENGTH(length);
    if (length)
        memcpy(RTA_DATA(attribute), data, length);
    self->header.nlmsg_len = (uint32_t)(NLMSG_ALIGN(self->header.nlmsg_len) + RTA_ALIGN(attribute->rta_len));
}

// What is added until nest_end lies within it.
static struct rtattr *nest_begin(request *self, uint16_t type) {
    struct rtattr *nest = (void *)((uint8_t *)self + NLMSG_ALIGN(self->header.nlmsg_len));
    add(self, type, NULL, 0);
    return nest;
}

static void nest_end(const request *self, struct rtattr *nest) {
    nest->rta_len = (uint16_t)((const uint8_t *)self + self->header.nlmsg_len - (const uint8_t *)nest);
}

static int open_socket(void) {
    cleanup_close int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    if (fd < 0 || connect(fd, (struct sockaddr *)&kernel, sizeof kernel) < 0)
        return -1;
    return steal_fd(&fd);
}

// Sends one request and waits for the kernel's word: 0, or -1 with errno.
static int exchange(const request *self) {
    _Alignas(struct nlmsghdr) char answer[8192];
    cleanup_close int fd = open_socket();
    if (fd < 0 || send(fd, self, self->header.nlmsg_len, 0) < 0)
        return -1;
    ssize_t got = recv(fd, answer, sizeof answer, 0);
    const struct nlmsghdr *header = (const void *)answer;
    if (got < (ssize_t)NLMSG_LENGTH(sizeof(struct nlmsgerr)) || header->nlmsg_type != NLMSG_ERROR) {
        errno = got < 0 ? errno : EPROTO;
        return -1;
    }
    const struct nlmsgerr *result = NLMSG_DATA(header);
    errno = -result->error;
    return result->error ? -1 : 0;
}

static bool has_mac(const struct nlmsghdr *header, const uint8_t mac[static 6]) {
    const struct ifinfomsg *link = NLMSG_DATA(header);
    int left = (int)IFLA_PAYLOAD(header);
    for (const struct rtattr *attribute = IFLA_RTA(link); RTA_OK(attribute, left);
         attribute = RTA_NEXT(attribute, left))
        if (attribute->rta_type == IFLA_ADDRESS && RTA_PAYLOAD(attribute) == 6)
            return link->ifi_type == ARPHRD_ETHER && memcmp(RTA_DATA(attribute), mac, 6) == 0;
    return false;
}

int netlink_find_link(const uint8_t mac[static 6], holm_error **error) {
    _Alignas(struct nlmsghdr) char answer[32768];
    request list;
    int found = 0;
    begin(&list, RTM_GETLINK, NLM_F_DUMP, sizeof list.body.link);
    cleanup_close int fd = open_socket();
    if (fd < 0 || send(fd, &list, list.header.nlmsg_len, 0) < 0)
        goto failed;
    for (;;) {
        ssize_t got = recv(fd, answer, sizeof answer, 0);
        if (got < 0)
            goto failed;
        unsigned left = (unsigned)got;
        for (const struct nlmsghdr *header = (void *)answer; NLMSG_OK(header, left);
             header = NLMSG_NEXT(header, left)) {
            if (header->nlmsg_type == NLMSG_DONE || header->nlmsg_type == NLMSG_ERROR)
                return found;
            if (header->nlmsg_type == RTM_NEWLINK && has_mac(header, mac))
                found = ((const struct ifinfomsg *)NLMSG_DATA(header))->ifi_index;
        }
    }
failed:
    holm_error_set_errno(error, errno, "list the network cards");
    return -1;
}

static bool read_counters(const struct nlmsghdr *header, netlink_counters *out) {
    struct rtnl_link_stats64 all;
    int left = (int)IFLA_PAYLOAD(header);
    for (const struct rtattr *attribute = IFLA_RTA(NLMSG_DATA(header)); RTA_OK(attribute, left);
         attribute = RTA_NEXT(attribute, left)) {
        // Newer kernels have more behind these.
        if (attribute->rta_type != IFLA_STATS64 ||
            RTA_PAYLOAD(attribute) < offsetof(struct rtnl_link_stats64, rx_errors))
            continue;
        memcpy(&all, RTA_DATA(attribute), offsetof(struct rtnl_link_stats64, rx_errors));
        *out = (netlink_counters){all.rx_bytes, all.rx_packets, all.tx_bytes, all.tx_packets};
        return true;
    }
    return false;
}

int netlink_count(int index, netlink_counters *out, holm_error **error) {
    _Alignas(struct nlmsghdr) char answer[32768];
    request asked;
    begin(&asked, RTM_GETLINK, 0, sizeof asked.body.link);
    asked.header.nlmsg_flags &= (uint16_t)~NLM_F_ACK;
    asked.body.link.ifi_index = index;
    cleanup_close int fd = open_socket();
    ssize_t got =
        fd < 0 || send(fd, &asked, asked.header.nlmsg_len, 0) < 0 ? -1 : recv(fd, answer, sizeof answer, 0);
    const struct nlmsghdr *header = (const void *)answer;
    if (got >= 0 && NLMSG_OK(header, (unsigned)got) && header->nlmsg_type == RTM_NEWLINK &&
        read_counters(header, out))
        return 0;
    holm_error_set_errno(error, got < 0 ? errno : ENODEV, "count what came by the network card %d", index);
    return -1;
}

int netlink_set_link(int index, const char *name, unsigned mtu, holm_error **error) {
    request change;
    begin(&change, RTM_NEWLINK, 0, sizeof change.body.link);
    change.body.link.ifi_index = index;
    if (name)
        add(&change, IFLA_IFNAME, name, strlen(name) + 1);
    if (mtu)
        add(&change, IFLA_MTU, &mtu, sizeof mtu);
    if (exchange(&change) == 0)
        return 0;
    holm_error_set_errno(error, errno, "set up the network card %s", name ? name : "");
    return -1;
}

int netlink_set_mac(int index, const uint8_t mac[static 6], holm_error **error) {
    request change;
    begin(&change, RTM_NEWLINK, 0, sizeof change.body.link);
    change.body.link.ifi_index = index;
    add(&change, IFLA_ADDRESS, mac, 6);
    if (exchange(&change) == 0)
        return 0;
    holm_error_set_errno(error, errno, "give network card %d its address", index);
    return -1;
}

int netlink_set_up(int index, bool up, holm_error **error) {
    request change;
    begin(&change, RTM_NEWLINK, 0, sizeof change.body.link);
    change.body.link.ifi_index = index;
    change.body.link.ifi_flags = up ? IFF_UP : 0;
    change.body.link.ifi_change = IFF_UP;
    if (exchange(&change) == 0)
        return 0;
    holm_error_set_errno(error, errno, "turn network card %d %s", index, up ? "on" : "off");
    return -1;
}

int netlink_add_address(int index, const netlink_address *address, holm_error **error) {
    request change;
    begin(&change, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, sizeof change.body.address);
    change.body.address.ifa_family = (uint8_t)address->family;
    change.body.address.ifa_prefixlen = (uint8_t)address->prefix;
    change.body.address.ifa_index = (unsigned)index;
    // the address was given by us and is nobody else's: no half second of asking around (IPv6)
    change.body.address.ifa_flags = address->family == AF_INET6 ? IFA_F_NODAD : 0;
    add(&change, IFA_LOCAL, address->bytes, address->length);
    add(&change, IFA_ADDRESS, address->bytes, address->length);
    if (address->family == AF_INET && address->prefix < 31) {
        uint32_t broadcast;
        memcpy(&broadcast, address->bytes, sizeof broadcast);
        broadcast |= htonl(address->prefix ? UINT32_MAX >> address->prefix : UINT32_MAX);
        add(&change, IFA_BROADCAST, &broadcast, sizeof broadcast);
    }
    if (exchange(&change) == 0)
        return 0;
    holm_error_set_errno(error, errno, "add an address to network card %d", index);
    return -1;
}

int netlink_remove_address(int index, const netlink_address *address, holm_error **error) {
    request change;
    begin(&change, RTM_DELADDR, 0, sizeof change.body.address);
    change.body.address.ifa_family = (uint8_t)address->family;
    change.body.address.ifa_prefixlen = (uint8_t)address->prefix;
    change.body.address.ifa_index = (unsigned)index;
    add(&change, IFA_LOCAL, address->bytes, address->length);
    if (exchange(&change) == 0)
        return 0;
    holm_error_set_errno(error, errno, "take an address off network card %d", index);
    return -1;
}

int netlink_add_route(int index, const netlink_address *destination, const netlink_address *gateway,
                      holm_error **error) {
    request change;
    begin(&change, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, sizeof change.body.route);
    struct rtmsg *route = &change.body.route;
    route->rtm_family = (uint8_t)(gateway ? gateway->family : destination ? destination->family : AF_INET);
    route->rtm_table = RT_TABLE_MAIN;
    route->rtm_protocol = RTPROT_STATIC;
    route->rtm_scope = gateway ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
    route->rtm_type = RTN_UNICAST;
    if (destination) {
        route->rtm_dst_len = (uint8_t)destination->prefix;
        add(&change, RTA_DST, destination->bytes, destination->length);
    }
    if (gateway)
        add(&change, RTA_GATEWAY, gateway->bytes, gateway->length);
    if (index)
        add(&change, RTA_OIF, &index, sizeof index);
    if (exchange(&change) == 0)
        return 0;
    holm_error_set_errno(error, errno, "add a route");
    return -1;
}

// ---- of a host ----

int netlink_add_bridge(const char *name, const uint8_t mac[static 6], holm_error **error) {
    request made;
    begin(&made, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof made.body.link);
    add(&made, IFLA_IFNAME, name, strlen(name) + 1);
    add(&made, IFLA_ADDRESS, mac, 6);
    struct rtattr *kind = nest_begin(&made, IFLA_LINKINFO);
    add(&made, IFLA_INFO_KIND, "bridge", sizeof "bridge");
    nest_end(&made, kind);
    if (exchange(&made) == 0)
        return 0;
    holm_error_set_errno(error, errno, "make the bridge %s", name);
    return -1;
}

int netlink_remove_link(const char *name, holm_error **error) {
    request gone;
    begin(&gone, RTM_DELLINK, 0, sizeof gone.body.link);
    add(&gone, IFLA_IFNAME, name, strlen(name) + 1);
    if (exchange(&gone) == 0 || errno == ENODEV)
        return 0;
    holm_error_set_errno(error, errno, "remove the network card %s", name);
    return -1;
}

int netlink_join_bridge(int index, int bridge, holm_error **error) {
    request change;
    begin(&change, RTM_NEWLINK, 0, sizeof change.body.link);
    change.body.link.ifi_index = index;
    add(&change, IFLA_MASTER, &bridge, sizeof bridge);
    // The host has its address on the bridge, and none on the ports of it.
    const uint8_t none = IN6_ADDR_GEN_MODE_NONE;
    struct rtattr *all = nest_begin(&change, IFLA_AF_SPEC), *one = nest_begin(&change, AF_INET6);
    add(&change, IFLA_INET6_ADDR_GEN_MODE, &none, sizeof none);
    nest_end(&change, one);
    nest_end(&change, all);
    if (exchange(&change) == 0)
        return 0;
    holm_error_set_errno(error, errno, "put network card %d on its bridge", index);
    return -1;
}
