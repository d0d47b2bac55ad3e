#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define LOG_MODULE "member"
#include "core/base/buffer.h"
#include "core/base/log.h"
#include "core/network/member_internal.h"
#include "core/network/port.h"

#define REQUEST_MAX 65536
#define UPDATE_MAX  256
#define NAMES_MAX   32
#define PORTS_MAX   NETWORK_PORTS_MOST

static void list_release(member_list *self) {
    if (--self->open_handles == 0)
        free(self);
}

static void member_free(member *self) {
    member_card_finish(self);
    if (self->request)
        holm__network__v1__port_request__free_unpacked(self->request, NULL);
    close(self->control_fd);
    if (self->card_fd >= 0)
        close(self->card_fd);
    list_release(self->list);
    free(self);
}

static void member_handle_closed(uv_handle_t *handle) {
    member *self = handle->data;
    if (--self->open_handles == 0)
        member_free(self);
}

static void member_end(member *self) {
    if (self->ended)
        return;
    self->ended = true;
    member_list *list = self->list;
    for (member **link = &list->members; *link; link = &(*link)->next)
        if (*link == self) {
            *link = self->next;
            break;
        }
    if (self->port)
        switch_port_remove(list->fabric, steal_pointer(&self->port));
    if (self->plugged)
        bridge_port_remove(steal_pointer(&self->plugged));
    host_door_dismiss(steal_pointer(&self->guest));
    published_close(steal_pointer(&self->ports));
    bool joined = self->joined;
    self->joined = false;
    uv_close((uv_handle_t *)&self->control, member_handle_closed);
    if (self->open_handles == 2)
        uv_close((uv_handle_t *)&self->card, member_handle_closed);
    if (joined && !list->destroyed)
        list->changed(list->data);
}

// ---- joining ----

static void answer(member *self, const Holm__Network__V1__PortAnswer *message) {
    size_t size = holm__network__v1__port_answer__get_packed_size(message);
    cleanup_free uint8_t *bytes = malloc(size ? size : 1);
    if (!bytes)
        abort();
    holm__network__v1__port_answer__pack(message, bytes);
    if (send(self->control_fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        log_warning("answer a member: %s", strerror(errno));
}

static int refuse(holm_error **error, holm_error_code code, const char *why) {
    holm_error_set(error, code, "%s", why);
    return -1;
}

// Its ports of the host; the request keeps what was chosen.
static int member_publish(member *self, Holm__Network__V1__PortRequest *request,
                          Holm__Network__V1__PortAnswer *message, holm_error **error) {
    publish_guest own = {.is = self->is};
    if (!ethernet_address_parse(request->mac, own.mac))
        return refuse(error, HOLM_ERROR_INVALID, "that is no address for a card");
    if (!request->n_ports) {
        published_close(steal_pointer(&self->ports));
        return 0;
    }
    if (!self->list->publisher)
        return refuse(error, HOLM_ERROR_INVALID, "it is internal, and nothing on it can be published");
    message->host_ports = calloc(request->n_ports, sizeof *message->host_ports);
    if (!message->host_ports)
        abort();
    size_t failed = 0;
    published *opened = publisher_open(self->list->publisher, self->ports, &own, request->ports,
                                       request->n_ports, message->host_ports, &failed, error);
    if (!opened) {
        message->failed_port = (uint32_t)failed + 1;
        return -1;
    }
    self->ports = opened;
    message->n_host_ports = request->n_ports;
    for (size_t i = 0; i < request->n_ports; i++)
        request->ports[i]->host_port = message->host_ports[i];
    return 0;
}

// What it is on the network.
static int read_addresses(member *self, holm_error **error) {
    const Holm__Network__V1__PortRequest *request = self->request;
    const member_list *list = self->list;
    struct in_addr address;
    if (inet_pton(AF_INET, request->addresses[0], &address) != 1)
        return refuse(error, HOLM_ERROR_INVALID, "that is no address for a card");
    self->is.ip = ntohl(address.s_addr);
    self->is.has_ip6 = *request->address6 != 0;
    if (self->is.has_ip6 && (!list->has_ip6 || inet_pton(AF_INET6, request->address6, self->is.ip6) != 1 ||
                             memcmp(self->is.ip6, list->subnet6, sizeof list->subnet6 / 2) != 0))
        return refuse(error, HOLM_ERROR_INVALID, "that is no address of IPv6 for a card");
    return 0;
}

static int join_switch(member *self, const uint8_t *mac, holm_error **error) {
    if (self->card_fd < 0 || !member_card_is_socket(self->card_fd))
        return refuse(error, HOLM_ERROR_INVALID, "there came no card with it");
    self->port = switch_port_add(self->list->fabric, mac, &self->is, self);
    if (!self->port)
        return refuse(error, HOLM_ERROR_IN_USE, "its address is taken, or the network is full");
    if (self->request->host)
        switch_port_allow_host(self->list->fabric, self->port);
    return 0;
}

static void bridge_joined(const holm_error *error, void *data);

static int join_bridge(member *self, const uint8_t *mac, holm_error **error) {
    if (self->card_fd < 0)
        return refuse(error, HOLM_ERROR_INVALID, "there came no card with it");
    self->plugged = bridge_port_add(self->list->bridge, steal_fd(&self->card_fd), mac, &self->is,
                                    self->request->host, bridge_joined, self, error);
    if (self->plugged && self->request->host && self->list->door)
        self->guest = host_door_admit(self->list->door, &self->is);
    return self->plugged ? 0 : -1;
}

static int member_join(member *self, holm_error **error) {
    uint8_t mac[ETHERNET_ADDRESS];
    const Holm__Network__V1__PortRequest *request = self->request;
    if (!request || request->n_addresses != 1 || request->n_names > NAMES_MAX || request->n_ports > PORTS_MAX)
        return refuse(error, HOLM_ERROR_INVALID, "the request makes no sense");
    if (!ethernet_address_parse(request->mac, mac))
        return refuse(error, HOLM_ERROR_INVALID, "that is no address for a card");
    if (read_addresses(self, error) < 0)
        return -1;
    return self->list->bridge ? join_bridge(self, mac, error) : join_switch(self, mac, error);
}

static member *find_joined(const member_list *self, const Holm__Network__V1__PortRequest *request) {
    member *each = self->members;
    while (each && !(each->joined && strcmp(each->request->container, request->container) == 0 &&
                     strcasecmp(each->request->mac, request->mac) == 0))
        each = each->next;
    return each;
}

// Other ports for a member that is there.
static int member_change(member *self, Holm__Network__V1__PortAnswer *message, holm_error **error) {
    Holm__Network__V1__PortRequest *request = self->request;
    member *found = find_joined(self->list, request);
    if (!found)
        return refuse(error, HOLM_ERROR_STATE, "the container has no place there right now");
    if (request->n_ports > PORTS_MAX)
        return refuse(error, HOLM_ERROR_INVALID, "the request makes no sense");
    if (member_publish(found, request, message, error) < 0)
        return -1;
    Holm__Network__V1__PublishedPort **ports = found->request->ports;
    size_t count = found->request->n_ports;
    found->request->ports = request->ports;
    found->request->n_ports = request->n_ports;
    request->ports = ports;
    request->n_ports = count;
    return 0;
}

// The request with its descriptor; more descriptors than one are closed.
static ssize_t receive_request(member *self, uint8_t *bytes, size_t size) {
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(4 * sizeof(int))];
    } ancillary;
    struct iovec vector = {bytes, size};
    struct msghdr message = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = &ancillary, .msg_controllen = sizeof ancillary};
    ssize_t got = recvmsg(self->control_fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (got < 0)
        return -1;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
            if (self->card_fd < 0)
                self->card_fd = fd;
            else
                close(fd);
        }
    }
    return message.msg_flags & MSG_TRUNC ? 0 : got;
}

// False: it is the end, or makes no sense.
static bool take_update(member *self) {
    uint8_t bytes[UPDATE_MAX];
    ssize_t got = recv(self->control_fd, bytes, sizeof bytes, MSG_DONTWAIT | MSG_TRUNC);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    Holm__Network__V1__PortUpdate *update =
        got > 0 && got <= UPDATE_MAX ? holm__network__v1__port_update__unpack(NULL, (size_t)got, bytes)
                                     : NULL;
    if (!update)
        return false;
    if (update->change_case == HOLM__NETWORK__V1__PORT_UPDATE__CHANGE_MORE)
        self->request->more = update->more;
    holm__network__v1__port_update__free_unpacked(update, NULL);
    return true;
}

// It has its place, or has not: its ports are the last step. A request that changes some is done with that.
static void member_answer(member *self, const holm_error *problem) {
    Holm__Network__V1__PortAnswer message = HOLM__NETWORK__V1__PORT_ANSWER__INIT;
    cleanup_error holm_error *own = NULL;
    bool changes = self->request && self->request->change;
    if (!problem && (changes ? member_change(self, &message, &own)
                             : member_publish(self, self->request, &message, &own)) < 0)
        problem = own;
    message.joined = !problem;
    if (problem) {
        message.error = (char *)holm_error_message(problem);
        message.code = (char *)holm_error_code_name(holm_error_code_of(problem));
        log_warning("refused a member: %s", holm_error_message(problem));
    }
    if (!problem && self->port)
        member_card_start(self);
    answer(self, &message);
    free(message.host_ports);
    if (problem || changes) {
        member_end(self);
        return;
    }
    self->joined = true;
    self->addresses[0] = self->request->addresses[0];
    self->addresses[1] = self->request->address6;
    log_info("joined: %s, %s, %s %s", self->request->container, self->request->mac,
             self->request->addresses[0], self->request->address6);
    self->list->changed(self->list->data);
}

static void bridge_joined(const holm_error *error, void *data) {
    member_answer(data, error);
}

static void control_ready(uv_poll_t *poll, int status, int events) {
    member *self = poll->data;
    (void)events;
    static _Thread_local uint8_t bytes[REQUEST_MAX];
    if (self->request && status == 0 && take_update(self))
        return;
    if (status < 0 || self->request) {
        member_end(self);
        return;
    }
    ssize_t got = receive_request(self, bytes, sizeof bytes);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got > 0)
        self->request = holm__network__v1__port_request__unpack(NULL, (size_t)got, bytes);
    cleanup_error holm_error *error = NULL;
    bool changes = self->request && self->request->change;
    if ((!changes && member_join(self, &error) < 0) || !self->plugged)
        member_answer(self, error);
}

static void client_taken(void *data, int fd, const struct sockaddr_storage *peer) {
    member_list *self = data;
    (void)peer;
    member *made = calloc(1, sizeof *made);
    if (!made)
        abort();
    *made = (member){.list = self, .control_fd = fd, .card_fd = -1, .open_handles = 1, .next = self->members};
    made->last = &made->first;
    uv_poll_init(self->loop, &made->control, fd);
    made->control.data = made;
    uv_poll_start(&made->control, UV_READABLE | UV_DISCONNECT, control_ready);
    self->members = made;
    self->open_handles++;
}

member_list *member_list_create(uv_loop_t *loop, const char *path, const member_fabric *fabric,
                                port_publisher *publisher, void (*changed)(void *data), void *data,
                                holm_error **error) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        holm_error_set(error, HOLM_ERROR_LIMIT, "the socket path %s is longer than 107 bytes", path);
        return NULL;
    }
    strcpy(address.sun_path, path);
    cleanup_close int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    unlink(path);
    if (fd < 0 || fchmod(fd, 0600) < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
        listen(fd, 128) < 0) {
        holm_error_set_errno(error, errno, "listen on %s", path);
        return NULL;
    }
    member_list *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    *self = (member_list){.loop = loop,
                          .fabric = fabric->own,
                          .bridge = fabric->bridge,
                          .door = fabric->door,
                          .has_ip6 = fabric->subnet6 != NULL,
                          .publisher = publisher,
                          .changed = changed,
                          .data = data,
                          .open_handles = 1};
    if (fabric->subnet6)
        memcpy(self->subnet6, fabric->subnet6, sizeof self->subnet6);
    self->listener = acceptor_create(loop, steal_fd(&fd), client_taken, self, error);
    if (self->listener)
        return self;
    free(self);
    return NULL;
}

void member_list_destroy(member_list *self) {
    if (!self || self->destroyed)
        return;
    self->destroyed = true;
    while (self->members)
        member_end(self->members);
    acceptor_destroy(steal_pointer(&self->listener));
    list_release(self);
}

size_t member_list_count(const member_list *self) {
    size_t count = 0;
    for (const member *each = self->members; each; each = each->next)
        count += each->joined;
    return count;
}

static bool has_name(const member *self, const char *name) {
    for (size_t i = 0; i < self->request->n_names; i++)
        if (strcasecmp(self->request->names[i], name) == 0)
            return true;
    return false;
}

size_t member_list_find(const member_list *self, const char *name, ethernet_host *out, size_t most) {
    size_t count = 0;
    for (const member *each = self->members; each && count < most; each = each->next)
        if (each->joined && has_name(each, name))
            out[count++] = each->is;
    return count;
}

static bool is_at(const member *self, const ethernet_host *host) {
    if (!host->has_ip6)
        return self->is.ip == host->ip;
    return self->is.has_ip6 && memcmp(self->is.ip6, host->ip6, sizeof host->ip6) == 0;
}

const char *member_list_name(const member_list *self, const ethernet_host *host) {
    for (const member *each = self->members; each; each = each->next)
        if (each->joined && is_at(each, host) && each->request->n_names)
            return each->request->names[0];
    return NULL;
}

bool member_list_asks_more(const member_list *self, uint32_t ip) {
    for (const member *each = self->members; each; each = each->next)
        if (each->joined && each->is.ip == ip)
            return each->request->more;
    return false;
}

void member_list_visit(const member_list *self,
                       void (*each)(const Holm__Network__V1__Member *member, void *data), void *data) {
    for (const member *found = self->members; found; found = found->next) {
        if (!found->joined)
            continue;
        switch_port_counters counters =
            found->port ? switch_port_count(found->port) : bridge_port_count(found->plugged);
        Holm__Network__V1__Member message = HOLM__NETWORK__V1__MEMBER__INIT;
        message.container = found->request->container;
        message.mac = found->request->mac;
        message.addresses = (char **)found->addresses;
        message.n_addresses = found->is.has_ip6 ? 2 : 1;
        message.names = found->request->names;
        message.n_names = found->request->n_names;
        message.ports = found->request->ports;
        message.n_ports = found->request->n_ports;
        message.rx_bytes = counters.to_bytes;
        message.tx_bytes = counters.from_bytes;
        each(&message, data);
    }
}
