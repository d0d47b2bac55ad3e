// holm-net: the process of one network. It switches frames between its members, is their gateway, and ends by
// itself when the last member has gone.
//
//   holm-net NAME SUBNET GATEWAY [bridge] [internal] [mtu=BYTES] [dns=ADDRESS[,ADDRESS]...]
//   [ip6=SUBNET,GATEWAY]
//
// for example: holm-net default 10.88.0.0/24 10.88.0.1 ip6=fd12:3456:789a::/64,fd12:3456:789a::1
//
// An internal network has no way to the outside: frames go between the members, and the gateway's address
// answers for their names only.
//
// Started by core/network/port.c with a pipe as descriptor 3, which gets "ready" once it listens, or the
// reason why not.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <uv.h>

#define LOG_MODULE "net"
#include "core/base/confine.h"
#include "core/base/file.h"
#include "core/base/log.h"
#include "core/base/path.h"
#include "core/network/net_process.h"
#include "core/network/port.h"

#define READY_FD 3
#define IDLE_MS  10000 // how long a network without members waits for the next one

static void net_end(net_process *self) {
    if (self->ending)
        return;
    self->ending = true;
    self->left_members = member_list_count(self->members) > 0;
    member_list_destroy(self->members);
    publisher_destroy(self->publisher);
    resolver_destroy(self->resolver);
    name_socket_destroy(self->name_socket);
    host_door_destroy(self->door);
    bridge_subnets_destroy(self->bridges);
    bridge_close(self->bridge);
    gateway_destroy(self->gateway);
    gateway_destroy(self->host);
    echo_socket_destroy(self->echo);
    rpc_server_destroy(self->server);
    uv_close((uv_handle_t *)&self->idle, NULL);
    uv_close((uv_handle_t *)&self->terminate, NULL);
}

// ---- the life of the process ----

static void idle_over(uv_timer_t *timer) {
    net_process *self = timer->data;
    cleanup_error holm_error *error = NULL;
    int lock = file_lock(self->lock_path, true, false, &error);
    if (lock < 0 && holm_error_code_of(error) == HOLM_ERROR_IN_USE) { // someone is on the way in
        uv_timer_start(timer, idle_over, IDLE_MS, 0);
        return;
    }
    log_info("no members for %d s: ending", IDLE_MS / 1000);
    net_end(self); // the lock goes with the process, after the sockets
}

static void members_changed(void *data) {
    net_process *self = data;
    if (member_list_count(self->members) == 0)
        uv_timer_start(&self->idle, idle_over, IDLE_MS, 0);
    else
        uv_timer_stop(&self->idle);
}

static void terminated(uv_signal_t *handle, int number) {
    log_info("signal %d: ending", number);
    net_end(handle->data);
}

// ---- what it answers ----

static void status_asked(rpc_stream *stream, const ProtobufCMessage *message, void *data) {
    net_process *self = data;
    (void)message;
    switch_counters counters = self->fabric ? switch_count(self->fabric) : (switch_counters){0};
    Holm__Network__V1__StatusResponse response = HOLM__NETWORK__V1__STATUS_RESPONSE__INIT;
    response.name = (char *)self->name;
    response.version = (char *)HOLM_VERSION;
    response.members = (uint32_t)member_list_count(self->members);
    response.frames = counters.frames;
    response.dropped = counters.refused;
    rpc_stream_reply(stream, &response.base);
}

typedef struct member_answer {
    Holm__Network__V1__Member members[SWITCH_PORTS_MAX], *pointers[SWITCH_PORTS_MAX];
    size_t count;
} member_answer;

static void add_member(const Holm__Network__V1__Member *member, void *data) {
    member_answer *self = data;
    self->members[self->count] = *member;
    self->pointers[self->count] = &self->members[self->count];
    self->count++;
}

static void members_asked(rpc_stream *stream, const ProtobufCMessage *message, void *data) {
    net_process *self = data;
    (void)message;
    member_answer answer = {.count = 0};
    member_list_visit(self->members, add_member, &answer);
    Holm__Network__V1__MembersResponse response = HOLM__NETWORK__V1__MEMBERS_RESPONSE__INIT;
    response.members = answer.pointers;
    response.n_members = answer.count;
    rpc_stream_reply(stream, &response.base);
}

static void shutdown_asked(rpc_stream *stream, const ProtobufCMessage *message, void *data) {
    (void)message;
    Holm__Network__V1__Empty response = HOLM__NETWORK__V1__EMPTY__INIT;
    rpc_stream_reply(stream, &response.base);
    net_end(data);
}

static const rpc_stream_events status_events = {.message = status_asked};
static const rpc_stream_events members_events = {.message = members_asked};
static const rpc_stream_events shutdown_events = {.message = shutdown_asked};

static void status_open(rpc_stream *stream, void *data) {
    rpc_stream_set_events(stream, &status_events, data);
}

static void members_open(rpc_stream *stream, void *data) {
    rpc_stream_set_events(stream, &members_events, data);
}

static void shutdown_open(rpc_stream *stream, void *data) {
    rpc_stream_set_events(stream, &shutdown_events, data);
}

static const rpc_method methods[] = {
    {"Status", &holm__network__v1__empty__descriptor, &holm__network__v1__status_response__descriptor,
     status_open},
    {"Members", &holm__network__v1__empty__descriptor, &holm__network__v1__members_response__descriptor,
     members_open},
    {"Shutdown", &holm__network__v1__empty__descriptor, &holm__network__v1__empty__descriptor, shutdown_open},
};
static const rpc_service service = {"holm.network.v1.Network", methods, array_length(methods)};
static const rpc_service *const services[] = {&service};

// ---- starting ----

static size_t find_name(const char *name, ethernet_host *out, size_t most, void *data) {
    const net_process *self = data;
    return member_list_find(self->members, name, out, most);
}

static const char *name_of(const ethernet_host *host, void *data) {
    const net_process *self = data;
    return member_list_name(self->members, host);
}

static bool asks_more(uint32_t ip, void *data) {
    const net_process *self = data;
    return member_list_asks_more(self->members, ip);
}

resolver *net_resolver_create(net_process *self, const net_options *asked,
                              void (*frame)(const uint8_t *frame, size_t length, void *data)) {
    const gateway_options *options = &asked->gateway;
    resolver_options names = {.network = self->name,
                              .own = self->own,
                              .subnet = options->network,
                              .netmask = options->netmask,
                              .has_ip6 = options->has_ip6,
                              .mtu = options->mtu,
                              .servers = asked->internal || asked->servers ? NULL : "/etc/resolv.conf",
                              .own_servers = asked->servers,
                              .server_port = NET_PORT_DNS,
                              .find = find_name,
                              .name_of = name_of,
                              .asks_more = asks_more,
                              .frame = frame,
                              .data = self};
    memcpy(names.subnet6, options->network6, sizeof names.subnet6);
    return resolver_create(&self->loop, &names);
}

static int net_open(net_process *self, const char *folder, const net_options *asked, holm_error **error) {
    const gateway_options *options = &asked->gateway;
    cleanup_free char *port_socket = path_join(folder, "port.sock", NULL);
    cleanup_free char *own_socket = path_join(folder, "net.sock", NULL);
    const uint32_t ip = htonl(options->address);
    self->own = (ethernet_end){.mac = {0x52, 0x55}, .ip = options->address, .port = NET_PORT_DNS};
    memcpy(self->own.mac + 2, &ip, sizeof ip);
    if ((asked->bridge ? net_bridge_open(self, folder, asked, error) : net_frames_open(self, asked, error)) <
        0)
        return -1;
    const member_fabric fabric = {self->fabric, self->bridge, self->door,
                                  options->has_ip6 ? options->network6 : NULL};
    self->service_data[0] = self;
    self->server = rpc_server_create(&self->loop, services, self->service_data, array_length(services));
    if (rpc_server_listen(self->server, own_socket, 16, error) < 0)
        return -1;
    self->members =
        member_list_create(&self->loop, port_socket, &fabric, self->publisher, members_changed, self, error);
    if (!self->members)
        return -1;
    uv_timer_init(&self->loop, &self->idle);
    uv_signal_init(&self->loop, &self->terminate);
    self->idle.data = self->terminate.data = self;
    uv_signal_start(&self->terminate, terminated, SIGTERM);
    uv_timer_start(&self->idle, idle_over, IDLE_MS, 0);
    return 0;
}

// What a guest that breaks the switch or libslirp can reach: the outside, as it could anyway, the host's list
// of resolvers (a new file whenever it changes, hence the folders), and this network's own folder. With a
// bridge of the host also nft and what that is made of, for the rules of each member.
static int net_confine(const net_process *self, const char *folder, holm_error **error) {
    const char *const read_only[] = {"/etc", "/run/systemd/resolve", "/run/NetworkManager", "/run/resolvconf",
                                     NULL};
    const char *const read_write[] = {folder, self->bridge ? "/dev/null" : NULL, NULL};
    const char *const execute[] = {self->bridge ? bridge_program(self->bridge) : NULL, "/lib", "/lib64",
                                   "/usr/lib", NULL};
    confine *rules = confine_create(&(confine_rules){.read_only = read_only,
                                                     .read_write = read_write,
                                                     .execute = execute,
                                                     .network = true,
                                                     .start_programs = self->bridge != NULL});
    int number = confine_enter(rules);
    confine_destroy(rules);
    if (number)
        holm_error_set_errno(error, number, "confine holm-net");
    return number ? -1 : 0;
}

static void tell(const char *text) {
    if (file_write_all(READY_FD, text, strlen(text)) < 0)
        log_warning("nobody waits for this network any more");
    close(READY_FD);
}

static int net_run(int argc, char **argv, holm_error **error) {
    net_options options;
    if (argc < 4 || !network_name_valid(argv[1])) {
        holm_error_set(
            error, HOLM_ERROR_INVALID,
            "usage: holm-net NAME SUBNET GATEWAY [bridge] [internal] [mtu=BYTES] [dns=ADDRESS[,ADDRESS]...] "
            "[ip6=SUBNET,GATEWAY]");
        return -1;
    }
    paths where;
    if (net_options_parse(argv + 1, &options, error) < 0 || paths_init(&where, error) < 0)
        return -1;
    net_process self = {.name = argv[1], .own_servers = options.servers != NULL};
    cleanup_free char *folder = network_runtime_folder(&where, (const char *const *)(argv + 1));
    cleanup_free char *life = path_join(folder, "lock", NULL);
    cleanup_free char *start = path_join(folder, "start.lock", NULL);
    cleanup_free char *log_path = path_join(folder, "net.log", NULL);
    paths_finish(&where);
    self.lock_path = start;
    cleanup_close int log = open(log_path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    log_init(log, LOG_LEVEL_INFO);
    cleanup_close int alive = file_lock(life, true, true, error); // one that is just ending lets go of it
    if (alive < 0)
        return -1;
    uv_loop_init(&self.loop);
    int result = net_open(&self, folder, &options, error);
    if (result == 0)
        result = net_confine(&self, folder, error);
    if (result == 0) {
        log_info("network %s: %s, gateway %s", argv[1], argv[2], argv[3]);
        tell("ready");
        uv_run(&self.loop, UV_RUN_DEFAULT);
        net_frames_close(&self);
        uv_loop_close(&self.loop);
    }
    bridge_destroy(self.bridge, self.left_members);
    log_init(-1, LOG_LEVEL_ERROR);
    return result;
}

int main(int argc, char **argv) {
    signal(SIGPIPE, SIG_IGN);
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max; // one for each connection
        setrlimit(RLIMIT_NOFILE, &files);
    }
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    pid_t child = fork(); // whoever started us waits for this one only
    if (child != 0)
        _exit(child < 0 ? 125 : 0);
    cleanup_error holm_error *error = NULL;
    if (net_run(argc, argv, &error) < 0) {
        tell(holm_error_message(error));
        return 125;
    }
    return 0;
}
