#include "core/network/port.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "core/base/file.h"
#include "core/base/hash.h"
#include "core/base/process.h"
#include "core/network/network.pb-c.h"
#include "core/network/tap.h"

#define NAME_MAX_LENGTH 32
#define ANSWER_MAX      16384

bool network_name_valid(const char *name) {
    size_t length = strlen(name);
    if (length == 0 || length > NAME_MAX_LENGTH || !isalnum((unsigned char)name[0]))
        return false;
    for (const char *each = name; *each; each++)
        if (!isalnum((unsigned char)*each) && !strchr("-_.", *each))
            return false;
    return true;
}

char *network_runtime_folder(const paths *where, const char *const *words) {
    if (strcmp(words[0], NETWORK_DEFAULT) == 0)
        return path_join(where->runtime, "n", words[0], NULL);
    uint32_t sum = HASH_INIT;
    for (const char *const *word = words + 1; *word; word++)
        sum = hash_add(sum, *word, strlen(*word));
    return path_format("%s/n/%s-%08" PRIx32, where->runtime, words[0], sum);
}

// ---- what the network is, as holm-net is told it ----

static void words_add(network_words *self, char *word) {
    self->list[self->count++] = word;
}

void network_words_finish(network_words *self) {
    for (size_t i = 0; i < self->count; i++)
        free(self->list[i]);
}

void network_words_init(network_words *self, const network_member *member) {
    const char *const *servers = member->servers;
    *self = (network_words){0};
    words_add(self, path_format("%s", member->network));
    words_add(self, path_format("%s", member->subnet));
    words_add(self, path_format("%s", member->gateway));
    if (member->bridge)
        words_add(self, path_format("%s", NETWORK_BRIDGE));
    if (member->internal)
        words_add(self, path_format("%s", NETWORK_INTERNAL));
    if (member->mtu)
        words_add(self, path_format(NETWORK_WITH_MTU "%u", member->mtu));
    if (servers[0])
        words_add(self, path_format(NETWORK_WITH_DNS "%s%s%s%s%s", servers[0], servers[1] ? "," : "",
                                    servers[1] ? servers[1] : "", servers[1] && servers[2] ? "," : "",
                                    servers[1] && servers[2] ? servers[2] : ""));
    if (member->subnet6)
        words_add(self, path_format(NETWORK_WITH_IP6 "%s,%s", member->subnet6, member->gateway6));
}

static char *folder_of(const paths *where, const network_words *told) {
    return network_runtime_folder(where, (const char *const *)told->list);
}

static int init_tap(network_port *self, holm_error **error) {
    self->far = tap_open(error);
    if (self->far < 0)
        return -1;
    self->card = fcntl(self->far, F_DUPFD_CLOEXEC, 0);
    if (self->card >= 0)
        return 0;
    holm_error_set_errno(error, errno, "copy the descriptor of a tap");
    close(steal_fd(&self->far));
    return -1;
}

int network_port_init(network_port *self, bool bridge, holm_error **error) {
    int pair[2];
    *self = (network_port){.card = -1, .far = -1, .control = -1};
    if (bridge)
        return init_tap(self, error);
    if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0) {
        holm_error_set_errno(error, errno, "make the socket pair of a network card");
        return -1;
    }
    self->card = pair[0];
    self->far = pair[1];
    const int room = 1 << 20; // as much of it as the system allows
    for (int i = 0; i < 2; i++)
        setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    return 0;
}

void network_port_finish(network_port *self) {
    int *all[] = {&self->card, &self->far, &self->control};
    for (size_t i = 0; i < array_length(all); i++)
        if (*all[i] >= 0)
            close(steal_fd(all[i]));
}

// Starts holm-net and returns when it listens. What it writes to its pipe is "", or the reason why it does
// not run.
static int start_network(const paths *where, const network_words *told, holm_error **error) {
    int ready[2];
    if (pipe2(ready, O_CLOEXEC) < 0) {
        holm_error_set_errno(error, errno, "make a pipe");
        return -1;
    }
    cleanup_close int in = ready[0], out = ready[1];
    cleanup_free char *program = path_join(where->libexec, "holm-net", NULL);
    const char *argv[NETWORK_WORDS_MOST + 2] = {program};
    memcpy(argv + 1, told->list, sizeof told->list);
    process_fd fds[] = {{out, 3}};
    process_options options = {.argv = argv, .fds = fds, .fd_count = 1, .new_session = true};
    int pidfd = -1;
    if (process_spawn(&options, NULL, &pidfd, error) < 0)
        return -1;
    close(steal_fd(&out));
    char said[ANSWER_MAX + 1];
    size_t length = 0;
    for (ssize_t got; length < ANSWER_MAX && (got = read(in, said + length, ANSWER_MAX - length)) != 0;) {
        if (got < 0 && errno != EINTR)
            break;
        length += got > 0 ? (size_t)got : 0;
    }
    said[length] = 0;
    process_wait(pidfd); // the one we started has gone to the background, or has failed
    close(pidfd);
    if (strcmp(said, "ready") == 0)
        return 0;
    holm_error_set(error, HOLM_ERROR_UNAVAILABLE, "holm-net did not start: %s",
                   length ? said : "it ended without a word");
    return -1;
}

static int dial(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(address.sun_path, path);
    cleanup_close int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        return -1;
    return steal_fd(&fd);
}

// far -1: of a card that has joined, other ports.
static int send_request(int control, int far, const network_member *member) {
    size_t names = 0;
    while (member->names && member->names[names])
        names++;
    char *address = (char *)member->address;
    Holm__Network__V1__PortRequest request = HOLM__NETWORK__V1__PORT_REQUEST__INIT;
    request.container = (char *)member->container;
    request.mac = (char *)member->mac;
    request.addresses = &address;
    request.n_addresses = 1;
    request.names = (char **)member->names;
    request.n_names = names;
    request.more = member->more;
    request.host = member->host;
    request.address6 = (char *)(member->address6 ? member->address6 : "");
    request.change = far < 0;
    cleanup_free Holm__Network__V1__PublishedPort *ports = calloc(member->port_count + 1, sizeof *ports);
    cleanup_free Holm__Network__V1__PublishedPort **list = calloc(member->port_count + 1, sizeof *list);
    if (!ports || !list)
        abort();
    for (size_t i = 0; i < member->port_count; i++) {
        const network_publish *each = &member->ports[i];
        holm__network__v1__published_port__init(&ports[i]);
        ports[i].host_address = (char *)each->address;
        ports[i].host_port = each->host;
        ports[i].container_port = each->container;
        ports[i].udp = each->udp;
        ports[i].preferred_port = each->preferred;
        list[i] = &ports[i];
    }
    request.ports = list;
    request.n_ports = member->port_count;
    size_t size = holm__network__v1__port_request__get_packed_size(&request);
    cleanup_free uint8_t *bytes = malloc(size);
    if (!bytes)
        abort();
    holm__network__v1__port_request__pack(&request, bytes);
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } ancillary = {0};
    struct iovec vector = {bytes, size};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
    if (far < 0)
        return sendmsg(control, &message, MSG_NOSIGNAL) < 0 ? -1 : 0;
    message.msg_control = &ancillary;
    message.msg_controllen = sizeof ancillary;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &far, sizeof far);
    return sendmsg(control, &message, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

void network_port_tell(const network_port *self, bool more) {
    Holm__Network__V1__PortUpdate update = HOLM__NETWORK__V1__PORT_UPDATE__INIT;
    uint8_t bytes[16];
    update.change_case = HOLM__NETWORK__V1__PORT_UPDATE__CHANGE_MORE;
    update.more = more;
    size_t length = holm__network__v1__port_update__pack(&update, bytes);
    // Where holm-net is gone, the next one is told when its place is taken.
    (void)!send(self->control, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
}

// *gone: it has ended without an answer.
static int read_answer(int control, const network_member *member, uint16_t *host_ports, size_t *failed_port,
                       bool *gone, holm_error **error) {
    uint8_t bytes[ANSWER_MAX];
    ssize_t got;
    do
        got = recv(control, bytes, sizeof bytes, 0);
    while (got < 0 && errno == EINTR);
    Holm__Network__V1__PortAnswer *answer =
        got > 0 ? holm__network__v1__port_answer__unpack(NULL, (size_t)got, bytes) : NULL;
    *gone = got <= 0;
    if (!answer) {
        holm_error_set(error, HOLM_ERROR_UNAVAILABLE, "network %s: holm-net ended while it was asked",
                       member->network);
        return -1;
    }
    int result = 0;
    if (!answer->joined || answer->n_host_ports != member->port_count) {
        holm_error_set(error, holm_error_code_parse(answer->code), "network %s: %s", member->network,
                       answer->error);
        result = -1;
    }
    if (failed_port)
        *failed_port = answer->failed_port;
    for (size_t i = 0; result == 0 && i < member->port_count; i++)
        host_ports[i] = (uint16_t)answer->host_ports[i];
    holm__network__v1__port_answer__free_unpacked(answer, NULL);
    return result;
}

static int ask(int control, int far, const network_member *member, uint16_t *host_ports, size_t *failed_port,
               bool *gone, holm_error **error) {
    if (control >= 0 && send_request(control, far, member) == 0)
        return read_answer(control, member, host_ports, failed_port, gone, error);
    *gone = control < 0 || errno == EPIPE || errno == ECONNRESET;
    holm_error_set_errno(error, errno, "network %s: reach holm-net", member->network);
    return -1;
}

int network_port_publish(const paths *where, const network_member *member, uint16_t *host_ports,
                         size_t *failed_port, holm_error **error) {
    cleanup(network_words_finish) network_words told;
    network_words_init(&told, member);
    cleanup_free char *folder = folder_of(where, &told);
    cleanup_free char *socket_path = path_join(folder, "port.sock", NULL);
    cleanup_close int control = dial(socket_path);
    bool gone;
    return ask(control, -1, member, host_ports, failed_port, &gone, error);
}

int network_port_join(network_port *self, const paths *where, const network_member *member,
                      uint16_t *host_ports, size_t *failed_port, holm_error **error) {
    if (!network_name_valid(member->network)) {
        holm_error_set(error, HOLM_ERROR_INVALID, "\"%s\" is no name for a network", member->network);
        return -1;
    }
    if (self->control >= 0)
        close(steal_fd(&self->control));
    cleanup(network_words_finish) network_words told;
    network_words_init(&told, member);
    cleanup_free char *folder = folder_of(where, &told);
    cleanup_free char *socket_path = path_join(folder, "port.sock", NULL);
    cleanup_free char *lock_path = path_join(folder, "start.lock", NULL);
    if (path_make_directories(folder, error) < 0)
        return -1;
    // Whoever holds this lock may start holm-net, and holm-net ends only while it holds it: nobody dials in
    // vain.
    cleanup_close int lock = file_lock(lock_path, true, true, error);
    if (lock < 0)
        return -1;
    cleanup_error holm_error *cause = NULL;
    cleanup_close int control = dial(socket_path);
    bool gone;
    int result = ask(control, self->far, member, host_ports, failed_port, &gone, &cause);
    if (result < 0 && gone) {
        // There is none, or it has just been killed, and can be reached for a moment yet: the next one waits
        // for its end, and has a socket of its own there.
        if (control >= 0)
            close(steal_fd(&control));
        if (start_network(where, &told, error) < 0)
            return -1;
        control = dial(socket_path);
        result = ask(control, self->far, member, host_ports, failed_port, &gone, error);
    } else if (result < 0) {
        holm_error_propagate(error, steal_pointer(&cause));
    }
    if (result < 0)
        return -1;
    self->control = steal_fd(&control);
    return 0;
}
