#include "core/network/table_watch.h"

#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/base/watch.h"

#define BYTES_MOST 65536

struct table_watch {
    watch *kernel;
    const char *name;
    void (*lost)(void *data);
    void *data;
};

static bool is_ours(const table_watch *self, const struct nlmsghdr *header) {
    const size_t head = NLMSG_ALIGN(sizeof(struct nfgenmsg));
    if (header->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_DELTABLE) ||
        header->nlmsg_len < NLMSG_LENGTH(head))
        return false;
    const uint8_t *at = (const uint8_t *)NLMSG_DATA(header) + head;
    size_t left = header->nlmsg_len - NLMSG_LENGTH(head);
    while (left >= sizeof(struct nlattr)) {
        const struct nlattr *attribute = (const void *)at;
        const size_t length = NLA_ALIGN(attribute->nla_len);
        if (attribute->nla_len < NLA_HDRLEN || attribute->nla_len > left)
            return false;
        if ((attribute->nla_type & NLA_TYPE_MASK) == NFTA_TABLE_NAME)
            return strncmp((const char *)at + NLA_HDRLEN, self->name, attribute->nla_len - NLA_HDRLEN) == 0;
        at += length;
        left -= length < left ? length : left;
    }
    return false;
}

// Whether one of all that has been told is about us.
static bool read_all(const table_watch *self) {
    static _Thread_local _Alignas(struct nlmsghdr) uint8_t bytes[BYTES_MOST];
    bool found = false;
    for (;;) {
        ssize_t got = recv(watch_fd(self->kernel), bytes, sizeof bytes, MSG_DONTWAIT);
        if (got < 0 && errno != ENOBUFS)
            return found;
        found = found || got < 0; // some were dropped: it may have been among them
        unsigned left = got < 0 ? 0 : (unsigned)got;
        for (const struct nlmsghdr *header = (const void *)bytes; NLMSG_OK(header, left);
             header = NLMSG_NEXT(header, left))
            found = found || is_ours(self, header);
    }
}

static void kernel_ready(void *data, int events) {
    const table_watch *self = data;
    (void)events;
    if (read_all(self))
        self->lost(self->data);
}

void table_watch_forget(table_watch *self) {
    if (self)
        read_all(self);
}

table_watch *table_watch_create(uv_loop_t *loop, const char *name, void (*lost)(void *data), void *data,
                                holm_error **error) {
    const struct sockaddr_nl any = {.nl_family = AF_NETLINK};
    const int group = NFNLGRP_NFTABLES;
    cleanup_close int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&any, sizeof any) < 0 ||
        setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) < 0) {
        holm_error_set_errno(error, errno, "listen for changes of nf_tables");
        return NULL;
    }
    table_watch *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    *self = (table_watch){.name = name, .lost = lost, .data = data};
    self->kernel = watch_create(loop, steal_fd(&fd), kernel_ready, self, error);
    if (!self->kernel) {
        free(self);
        return NULL;
    }
    watch_events(self->kernel, UV_READABLE);
    return self;
}

void table_watch_destroy(table_watch *self) {
    if (!self)
        return;
    watch_destroy(self->kernel);
    free(self);
}
