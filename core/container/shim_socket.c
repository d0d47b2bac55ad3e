// Unix sockets across the border of the machine, over vsock: those of the host that lead to one of the
// container
// (--publish-socket), and the one of the container that leads to the user's SSH agent (--ssh). The host's
// sockets are opened before the shim confines itself; the way to the SSH agent is its helper's to find.
#define LOG_MODULE "socket"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/acceptor.h"
#include "core/base/log.h"
#include "core/base/relay_pair.h"
#include "core/container/published_socket.h"
#include "core/container/shim_devices.h"

#define PORT_SSH        2047 // of the host, for the guest's agent
#define PORT_PUBLISHED  2048 // of the guest, and on
#define JOINTS_MOST     256
#define CALL_TIMEOUT_MS 10000
#define SSH_SOCKET_MODE 0666 // whoever runs in the container; outside nobody sees it

// One connection, on its way or there.
typedef struct joint {
    struct joint *next;
    shim_sockets *of;
    int fd;           ///< the end that waits for the other; -1: none
    relay_pair *pair; ///< when it is there
    uv_work_t work;
    helper_answer answer;
} joint;

typedef struct published {
    shim_sockets *of;
    acceptor *listener;
    uint32_t port;
} published;

struct shim_sockets {
    shim *shim;
    published each[PUBLISHED_SOCKETS_MOST];
    size_t count;
    bool ssh;
    joint *joints;
    unsigned joint_count;
    bool closed;
    unsigned calls; ///< to the agent that are under way
    void (*ready)(shim *self);
};

// ---- connections ----

static void listen_again(shim_sockets *self) {
    for (size_t i = 0; i < self->count && !self->closed; i++)
        acceptor_pause(self->each[i].listener, self->joint_count >= JOINTS_MOST);
}

static joint *joint_create(shim_sockets *of, int fd) {
    joint *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    *self = (joint){.next = of->joints, .of = of, .fd = fd, .answer = {.fd = -1, .card = -1}};
    of->joints = self;
    of->joint_count++;
    return self;
}

static void joint_destroy(joint *self) {
    shim_sockets *of = self->of;
    joint **link = &of->joints;
    while (*link != self)
        link = &(*link)->next;
    *link = self->next;
    of->joint_count--;
    relay_pair_destroy(self->pair);
    if (self->fd >= 0)
        close(self->fd);
    free(self);
    listen_again(of);
}

static void pair_ended(relay_pair *pair, void *data) {
    joint *self = data;
    (void)pair;
    self->pair = NULL; // it frees itself
    joint_destroy(self);
}

// Takes `other`.
static void join(joint *self, int other) {
    cleanup_error holm_error *error = NULL;
    self->pair =
        relay_pair_create(self->of->shim->loop, steal_fd(&self->fd), other, false, pair_ended, self, &error);
    if (self->pair)
        return;
    log_warning("%s", holm_error_message(error));
    joint_destroy(self);
}

static void guest_dialled(int fd, const holm_error *error, void *data) {
    joint *self = data;
    if (fd >= 0 && !self->of->closed) {
        join(self, fd);
        return;
    }
    if (fd >= 0)
        close(fd);
    log_debug("the guest takes no connection: %s", error ? holm_error_message(error) : "it ends");
    joint_destroy(self);
}

static void on_client(void *data, int fd, const struct sockaddr_storage *peer) {
    const published *self = data;
    shim *owner = self->of->shim;
    (void)peer;
    owner->driver->connect(owner->machine, self->port, guest_dialled, joint_create(self->of, fd));
    listen_again(self->of);
}

static void ask_for_ssh(uv_work_t *work) {
    joint *self = work->data;
    cleanup_error holm_error *error = NULL;
    if (shim_helper_ask(self->of->shim, HELPER_SSH, NULL, &self->answer, &error) < 0)
        log_warning("%s", holm_error_message(error));
}

static void ssh_answered(uv_work_t *work, int status) {
    joint *self = work->data;
    (void)status;
    free(self->answer.text);
    if (self->answer.fd >= 0 && !self->of->closed) {
        join(self, steal_fd(&self->answer.fd));
        return;
    }
    if (self->answer.fd >= 0)
        close(self->answer.fd);
    joint_destroy(self);
}

static void guest_wants_ssh(int fd, uint32_t port, void *data) {
    shim_sockets *self = data;
    (void)port;
    if (self->closed || self->joint_count >= JOINTS_MOST) {
        close(fd);
        return;
    }
    joint *made = joint_create(self, fd);
    made->work.data = made;
    uv_queue_work(self->shim->loop, &made->work, ask_for_ssh, ssh_answered);
}

// ---- beginning and end ----

static int listen_at(shim_sockets *self, const char *path, holm_error **error) {
    published *added = &self->each[self->count];
    int fd = published_socket_listen(path, error);
    if (fd < 0)
        return -1;
    *added = (published){.of = self, .port = PORT_PUBLISHED + (uint32_t)self->count};
    added->listener = acceptor_create(self->shim->loop, fd, on_client, added, error);
    self->count += added->listener != NULL;
    return added->listener ? 0 : -1;
}

int shim_socket_add(shim *self, holm_error **error) {
    const json_t *list = json_object_get(self->configuration, "sockets");
    bool ssh = json_is_true(json_object_get(self->configuration, "ssh"));
    size_t index;
    json_t *item;
    if (json_array_size(list) == 0 && !ssh)
        return 0;
    self->sockets = calloc(1, sizeof *self->sockets);
    if (!self->sockets)
        abort();
    self->sockets->shim = self;
    self->sockets->ssh = ssh;
    json_array_foreach (list, index, item) {
        if (listen_at(self->sockets, json_string_value(json_object_get(item, "source")), error) < 0)
            return -1;
    }
    return 0;
}

static void one_is_there(const ProtobufCMessage *response, const holm_error *error, void *data) {
    shim_sockets *self = data;
    (void)response;
    self->calls--;
    if (self->closed || self->shim->phase != SHIM_BOOTING)
        return;
    if (error) {
        holm_error *cause = holm_error_copy(error);
        holm_error_wrap(&cause, "join the container's sockets");
        shim_start_failed(self->shim, cause);
        holm_error_free(cause);
    } else if (self->calls == 0) {
        listen_again(self);
        self->ready(self->shim);
    }
}

static void ask_for_relay(shim_sockets *self, Holm__Agent__V1__RelaySocketRequest *request) {
    self->calls++;
    rpc_call_unary(self->shim->agent, shim_agent_protocol(), "RelaySocket", &request->base, one_is_there,
                   self, CALL_TIMEOUT_MS);
}

void shim_socket_join(shim *self, void (*ready)(shim *self)) {
    shim_sockets *sockets = self->sockets;
    if (!sockets) {
        ready(self);
        return;
    }
    sockets->ready = ready;
    Holm__Agent__V1__RelaySocketRequest request = HOLM__AGENT__V1__RELAY_SOCKET_REQUEST__INIT;
    const json_t *list = json_object_get(self->configuration, "sockets");
    for (size_t i = 0; i < sockets->count; i++) {
        request.path = (char *)json_string_value(json_object_get(json_array_get(list, i), "destination"));
        request.port = sockets->each[i].port;
        ask_for_relay(sockets, &request);
    }
    if (!sockets->ssh)
        return;
    cleanup_error holm_error *error = NULL;
    if (self->driver->listen(self->machine, PORT_SSH, guest_wants_ssh, sockets, &error) < 0)
        log_warning("%s", holm_error_message(error));
    request.path = (char *)CONFIGURATION_SSH_SOCKET;
    request.port = PORT_SSH;
    request.in = true;
    request.mode = SSH_SOCKET_MODE;
    ask_for_relay(sockets, &request);
}

void shim_socket_drop(shim *self) {
    shim_sockets *sockets = self->sockets;
    if (!sockets || sockets->closed)
        return;
    sockets->closed = true;
    for (size_t i = 0; i < sockets->count; i++)
        acceptor_destroy(sockets->each[i].listener);
    for (joint *each = sockets->joints, *next; each; each = next) {
        next = each->next;
        if (each->pair) // the others are told when what they wait for has ended
            joint_destroy(each);
    }
}

// ---- the helper's part ----

int shim_socket_reach_ssh(holm_error **error) {
    const char *path = getenv("SSH_AUTH_SOCK");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!path || !*path || strlen(path) >= sizeof address.sun_path) {
        holm_error_set(error, HOLM_ERROR_NOT_FOUND, "the container was started without an SSH agent");
        return -1;
    }
    strcpy(address.sun_path, path);
    cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return steal_fd(&fd);
    holm_error_set_errno(error, errno, "reach the SSH agent at %s", path);
    return -1;
}
