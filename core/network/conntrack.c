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

socklen_t inet_address_length(const inet_address *self) {
    return self->any.sa_family == AF_INET6 ? sizeof self->v6 : sizeof self->v4;
}

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

// sin_port and sin6_port are at the same place.
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
                                 .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags,
                                 .nlmsg_seq = 1},
                      .family = {.nfgen_family = (uint8_t)address->any.sa_family}};
}

// Sends it and waits for the kernel's word, which comes at once.
static bool exchange(const message *self) {
    _Alignas(struct nlmsghdr) char answer[1024];
    const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    cleanup_close int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&kernel, sizeof kernel) < 0 ||
        send(fd, self, self->header.nlmsg_len, 0) < 0)
        return false;
    ssize_t got = recv(fd, answer, sizeof answer, 0);
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
    start(&made, IPCTNL_MSG_CT_NEW, NLM_F_CREATE | NLM_F_EXCL, own);
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
    return exchange(&made);
}

bool conntrack_disguise(uint8_t protocol, const inet_address *own, const inet_address *to,
                        const inet_address *as) {
    return add_disguise(protocol, own, to, as, true) ||
           (errno == EEXIST && add_disguise(protocol, own, to, as, false)) || errno == EEXIST;
}
