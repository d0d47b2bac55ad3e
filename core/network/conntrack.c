#include "core/network/conntrack.h"

#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/cleanup.h"

#define FIRST_SECONDS 60 // until the first packet; then it lasts as others do

typedef struct message {
    struct nlmsghdr header;
    struct nfgenmsg family;
    uint8_t space[512]; // what we say is known, and fits
} message;

typedef struct nlattr attribute;

static attribute *add(message *self, uint16_t type, const void *data, size_t length) {
    attribute *made = (void *)((uint8_t *)self + self->header.nlmsg_len);
    made->nla_type = type;
    made->nla_len = (uint16_t)(NLA_HDRLEN + length);
    if (length)
        memcpy((uint8_t *)made + NLA_HDRLEN, data, length);
    self->header.nlmsg_len += (uint32_t)NLA_ALIGN(made->nla_len);
    return made;
}

// What is added until `end` lies within it.
static attribute *begin(message *self, uint16_t type) {
    return add(self, type | NLA_F_NESTED, NULL, 0);
}

static void end(const message *self, attribute *nest) {
    nest->nla_len = (uint16_t)((const uint8_t *)self + self->header.nlmsg_len - (const uint8_t *)nest);
}

static void add_address(message *self, uint16_t type4, uint16_t type6, const inet_address *address) {
    if (address->any.sa_family == AF_INET6)
        add(self, type6, &address->v6.sin6_addr, sizeof address->v6.sin6_addr);
    else
        add(self, type4, &address->v4.sin_addr, sizeof address->v4.sin_addr);
}

static void add_port(message *self, uint16_t type, const inet_address *address) {
    add(self, type, &address->v4.sin_port, sizeof address->v4.sin_port);
}

static void add_tuple(message *self, uint16_t type, uint8_t protocol, const inet_address *from,
                      const inet_address *to) {
    attribute *tuple = begin(self, type), *part = begin(self, CTA_TUPLE_IP);
    add_address(self, CTA_IP_V4_SRC, CTA_IP_V6_SRC, from);
    add_address(self, CTA_IP_V4_DST, CTA_IP_V6_DST, to);
    end(self, part);
    part = begin(self, CTA_TUPLE_PROTO);
    add(self, CTA_PROTO_NUM, &protocol, sizeof protocol);
    add_port(self, CTA_PROTO_SRC_PORT, from);
    add_port(self, CTA_PROTO_DST_PORT, to);
    end(self, part);
    end(self, tuple);
}

static void start(message *self, uint16_t type, uint16_t flags, const inet_address *address) {
    *self = (message){.header = {.nlmsg_len = NLMSG_LENGTH(sizeof self->family),
                                 .nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | type,
                                 .nlmsg_flags = NLM_F_REQUEST | flags,
                                 .nlmsg_seq = 1},
                      .family = {.nfgen_family = (uint8_t)address->any.sa_family}};
}

// Sends it and waits for the kernel's word, which comes at once. Its length; -1: errno says why not.
static ssize_t exchange(const message *self, void *answer, size_t size) {
    const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    cleanup_close int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&kernel, sizeof kernel) < 0 ||
        send(fd, self, self->header.nlmsg_len, 0) < 0)
        return -1;
    return recv(fd, answer, size, 0);
}

static bool change(const message *self) {
    _Alignas(struct nlmsghdr) uint8_t answer[1024];
    ssize_t got = exchange(self, answer, sizeof answer);
    const struct nlmsghdr *header = (const void *)answer;
    if (got < (ssize_t)NLMSG_LENGTH(sizeof(struct nlmsgerr)) || header->nlmsg_type != NLMSG_ERROR) {
        errno = got < 0 ? errno : EPROTO;
        return false;
    }
    errno = -((const struct nlmsgerr *)NLMSG_DATA(header))->error;
    return errno == 0;
}

static bool add_disguise(uint8_t protocol, const inet_address *own, const inet_address *to,
                         const inet_address *as, bool keep_port) {
    const uint32_t seconds = htonl(FIRST_SECONDS);
    message made;
    start(&made, IPCTNL_MSG_CT_NEW, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, own);
    add_tuple(&made, CTA_TUPLE_ORIG, protocol, own, to);
    add_tuple(&made, CTA_TUPLE_REPLY, protocol, to, own); // NAT makes it another one
    add(&made, CTA_TIMEOUT, &seconds, sizeof seconds);
    attribute *source = begin(&made, CTA_NAT_SRC);
    add_address(&made, CTA_NAT_V4_MINIP, CTA_NAT_V6_MINIP, as);
    add_address(&made, CTA_NAT_V4_MAXIP, CTA_NAT_V6_MAXIP, as);
    if (keep_port) {
        attribute *ports = begin(&made, CTA_NAT_PROTO);
        add_port(&made, CTA_PROTONAT_PORT_MIN, as);
        add_port(&made, CTA_PROTONAT_PORT_MAX, as);
        end(&made, ports);
    }
    end(&made, source);
    return change(&made);
}

bool conntrack_disguise(uint8_t protocol, const inet_address *own, const inet_address *to,
                        const inet_address *as) {
    return add_disguise(protocol, own, to, as, true) ||
           (errno == EEXIST && add_disguise(protocol, own, to, as, false)) || errno == EEXIST;
}

// ---- what is known ----

typedef struct bytes {
    const uint8_t *at; // NULL: not there
    size_t length;
} bytes;

static bytes find(bytes all, uint16_t type) {
    while (all.length >= NLA_HDRLEN) {
        const attribute *each = (const void *)all.at;
        if (each->nla_len < NLA_HDRLEN || each->nla_len > all.length)
            break;
        if ((each->nla_type & NLA_TYPE_MASK) == type)
            return (bytes){all.at + NLA_HDRLEN, each->nla_len - NLA_HDRLEN};
        size_t step = NLA_ALIGN(each->nla_len);
        all.at += step < all.length ? step : all.length;
        all.length -= step < all.length ? step : all.length;
    }
    return (bytes){NULL, 0};
}

static bool take(bytes from, void *out, size_t length) {
    if (from.length != length)
        return false;
    memcpy(out, from.at, length);
    return true;
}

static bool read_destination(bytes tuple, int family, inet_address *out) {
    const bytes ip = find(tuple, CTA_TUPLE_IP), ports = find(tuple, CTA_TUPLE_PROTO);
    *out = (inet_address){0};
    out->any.sa_family = (sa_family_t)family;
    return take(find(ports, CTA_PROTO_DST_PORT), &out->v4.sin_port, sizeof out->v4.sin_port) &&
           (family == AF_INET6 ? take(find(ip, CTA_IP_V6_DST), &out->v6.sin6_addr, sizeof out->v6.sin6_addr)
                               : take(find(ip, CTA_IP_V4_DST), &out->v4.sin_addr, sizeof out->v4.sin_addr));
}

bool conntrack_origin(uint8_t protocol, const inet_address *from, const inet_address *own,
                      inet_address *out) {
    _Alignas(struct nlmsghdr) uint8_t answer[8192];
    const size_t head = NLMSG_SPACE(sizeof(struct nfgenmsg));
    message asked;
    start(&asked, IPCTNL_MSG_CT_GET, 0, own);
    add_tuple(&asked, CTA_TUPLE_REPLY, protocol, own, from);
    ssize_t got = exchange(&asked, answer, sizeof answer);
    const struct nlmsghdr *header = (const void *)answer;
    if (got < (ssize_t)head || header->nlmsg_len > (size_t)got || header->nlmsg_len < head ||
        header->nlmsg_type != (NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW))
        return false;
    const bytes all = {answer + head, header->nlmsg_len - head};
    return read_destination(find(all, CTA_TUPLE_ORIG), own->any.sa_family, out);
}
