#include "core/network/echo_socket.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOG_MODULE "net"
#include "core/base/cleanup.h"
#include "core/base/log.h"
#include "core/base/watch.h"

#define AT_ONCE 64
#define IDLE_MS 60000

struct echo_socket {
    uv_loop_t *loop;
    echo_table *table;
    watch *outside; // NULL: there is none
    int hops;       // that it sends with; 0: not known
    uv_timer_t idle;
    bool told; // that there can be none
    void (*frame)(const uint8_t *frame, size_t length, void *data);
    void *data;
};

static _Thread_local uint8_t received[UINT16_MAX], made[ECHO_FRAME_SIZE];

static void give(const echo_socket *self, size_t length) {
    if (length)
        self->frame(made, length, self->data);
}

// ---- from outside ----

typedef struct arrival {
    ssize_t length;
    struct sockaddr_in6 peer; // of an error where the request went
    int hops;
    struct sock_extended_err error;
    struct sockaddr_in6 teller; // who says the error
} arrival;

static void read_control(const struct cmsghdr *header, arrival *out) {
    if (header->cmsg_level != IPPROTO_IPV6)
        return;
    const size_t length = header->cmsg_len - CMSG_LEN(0);
    const uint8_t *data = CMSG_DATA(header);
    if (header->cmsg_type == IPV6_HOPLIMIT && length >= sizeof out->hops)
        memcpy(&out->hops, data, sizeof out->hops);
    else if (header->cmsg_type == IPV6_RECVERR && length >= sizeof out->error + sizeof out->teller) {
        memcpy(&out->error, data, sizeof out->error);
        memcpy(&out->teller, data + sizeof out->error, sizeof out->teller);
    }
}

// False: there is no more.
static bool receive(const echo_socket *self, int flags, arrival *out) {
    union {
        struct cmsghdr header;
        char space[512];
    } control;
    struct iovec vector = {received, sizeof received};
    struct msghdr message = {.msg_name = &out->peer,
                             .msg_namelen = sizeof out->peer,
                             .msg_iov = &vector,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    *out = (arrival){0};
    out->length = recvmsg(watch_fd(self->outside), &message, flags | MSG_DONTWAIT);
    if (out->length < 0)
        return errno != EAGAIN; // an error that is told here stands in the queue, too
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header))
        read_control(header, out);
    return true;
}

static void take_error(echo_socket *self, const arrival *got) {
    if (got->length < 0 || got->error.ee_origin != SO_EE_ORIGIN_ICMP6 || got->teller.sin6_family != AF_INET6)
        return;
    const echo_received what = {.from = got->teller.sin6_addr.s6_addr,
                                .to = got->peer.sin6_addr.s6_addr,
                                .message = received,
                                .length = (size_t)got->length};
    give(self, echo_make_error(self->table, &what, got->error.ee_type, got->error.ee_code, made));
}

static void take_reply(echo_socket *self, const arrival *got) {
    if (got->length < 0)
        return;
    const echo_received what = {.from = got->peer.sin6_addr.s6_addr,
                                .hops = (uint8_t)got->hops,
                                .message = received,
                                .length = (size_t)got->length};
    give(self, echo_make_reply(self->table, &what, made));
}

static void outside_ready(void *data, int events) {
    echo_socket *self = data;
    arrival got;
    (void)events;
    for (int i = 0; i < AT_ONCE && receive(self, MSG_ERRQUEUE, &got); i++)
        take_error(self, &got);
    for (int i = 0; i < AT_ONCE && receive(self, 0, &got); i++)
        take_reply(self, &got);
}

// ---- to the outside ----

static bool open_outside(echo_socket *self) {
    static const int names[] = {IPV6_RECVERR, IPV6_RECVHOPLIMIT};
    const int on = 1;
    cleanup_close int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ICMPV6);
    bool good = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_SELECT_ERR_QUEUE, &on, sizeof on) == 0;
    for (size_t i = 0; good && i < array_length(names); i++)
        good = setsockopt(fd, IPPROTO_IPV6, names[i], &on, sizeof on) == 0;
    if (!good && !self->told)
        log_info("no echo to the outside in IPv6: %s (net.ipv4.ping_group_range says who may)",
                 strerror(errno));
    self->told = self->told || !good;
    self->outside = good ? watch_create(self->loop, steal_fd(&fd), outside_ready, self, NULL) : NULL;
    self->hops = 0;
    watch_events(self->outside, UV_READABLE | UV_PRIORITIZED); // the second for its errors
    return self->outside != NULL;
}

static void idle_over(uv_timer_t *timer) {
    echo_socket *self = timer->data;
    watch_destroy(self->outside);
    self->outside = NULL;
}

static bool send_message(echo_socket *self, const ethernet_frame *frame, uint16_t number, int hops) {
    uint8_t header[] = {ETHERNET_ECHO_REQUEST, 0, 0, 0, 0, 0, (uint8_t)(number >> 8), (uint8_t)number};
    struct iovec parts[] = {{header, sizeof header},
                            {(void *)(frame->icmp6 + sizeof header), frame->icmp6_length - sizeof header}};
    struct sockaddr_in6 to = {.sin6_family = AF_INET6};
    const struct msghdr message = {
        .msg_name = &to, .msg_namelen = sizeof to, .msg_iov = parts, .msg_iovlen = array_length(parts)};
    memcpy(&to.sin6_addr, frame->ipv6_destination, sizeof to.sin6_addr);
    const int fd = watch_fd(self->outside);
    if (hops != self->hops && setsockopt(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &hops, sizeof hops) == 0)
        self->hops = hops;
    return hops == self->hops && sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

static int code_of(int number) {
    switch (number) {
    case ENETUNREACH:
    case EADDRNOTAVAIL: // there is no address to send from
        return ECHO_NO_ROUTE;
    case EHOSTUNREACH:
        return ECHO_NO_NEIGHBOUR;
    case EACCES:
    case EPERM:
        return ECHO_PROHIBITED;
    default: // full, as anywhere on the way
        return -1;
    }
}

bool echo_socket_input(echo_socket *self, const ethernet_frame *frame) {
    if (!echo_is_request(self->table, frame))
        return false;
    if (!self->outside && !open_outside(self))
        return true;
    uv_timer_start(&self->idle, idle_over, IDLE_MS, 0);
    if (frame->ipv6_hops <= 1) {
        give(self, echo_make_refusal(self->table, frame, ECHO_TIME_EXCEEDED, 0, made));
        return true;
    }
    const uint16_t number = echo_take(self->table, frame);
    const int hops = frame->ipv6_hops - 1;
    // The first call may only tell of an error that an earlier request has met.
    if (send_message(self, frame, number, hops) || send_message(self, frame, number, hops))
        return true;
    const int code = code_of(errno);
    if (code >= 0)
        give(self, echo_make_refusal(self->table, frame, ECHO_UNREACHABLE, (uint8_t)code, made));
    return true;
}

echo_socket *echo_socket_create(uv_loop_t *loop, const ethernet_end6 *gateway, unsigned mtu,
                                void (*frame)(const uint8_t *frame, size_t length, void *data), void *data) {
    echo_socket *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    *self = (echo_socket){.loop = loop, .table = echo_create(gateway, mtu), .frame = frame, .data = data};
    uv_timer_init(loop, &self->idle);
    self->idle.data = self;
    return self;
}

static void timer_closed(uv_handle_t *handle) {
    free(handle->data);
}

void echo_socket_destroy(echo_socket *self) {
    if (!self)
        return;
    watch_destroy(self->outside);
    echo_destroy(self->table);
    uv_close((uv_handle_t *)&self->idle, timer_closed);
}
