#include "core/network/resolver.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOG_MODULE "resolver"
#include "core/base/file.h"
#include "core/base/log.h"
#include "core/network/dns_cache.h"

#define PENDING_MOST     512  // queries on their way; more are refused
#define SERVERS_MOST     3    // as resolv.conf(5) has it
#define ADDRESSES_MOST   16   // of one name
#define WAIT_MS          2500 // for one server, then the next is asked
#define ROUNDS           2
#define OWN_SECONDS      0 // members come and go: their answers are not kept
#define QUERY_MOST       4096
#define RESOLV_CONF_MOST (64u << 10)
#define KEPT_MOST        1024 // answers
#define KEPT_BYTES       (1u << 20)

typedef struct pending {
    struct pending *next, **link;
    resolver *owner;
    uv_poll_t poll;
    uv_timer_t timer;
    int fd;
    unsigned open_handles;
    unsigned tries;
    ethernet_end client;
    uint16_t id; // towards the server
    dns_question question;
    size_t length;
    uint8_t query[];
} pending;

struct resolver {
    uv_loop_t *loop;
    resolver_options options;
    pending *pending;
    size_t pending_count;
    dns_cache *kept;  // of what the host's resolvers have answered
    struct stat seen; // of resolv.conf
    char servers[SERVERS_MOST][INET6_ADDRSTRLEN];
    size_t server_count;
};

static void take_own_servers(resolver *self, const char *text) {
    for (size_t length; *text && self->server_count < SERVERS_MOST; text += length + (text[length] == ',')) {
        length = strcspn(text, ",");
        if (length && length < sizeof self->servers[0])
            memcpy(self->servers[self->server_count++], text, length); // the rest is zero
    }
}

resolver *resolver_create(uv_loop_t *loop, const resolver_options *options) {
    resolver *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->loop = loop;
    self->options = *options;
    self->kept = dns_cache_create(KEPT_MOST, KEPT_BYTES);
    if (options->own_servers)
        take_own_servers(self, options->own_servers);
    return self;
}

// That there is no such name ends the search of who asks; another network may know it.
static void send_answer(resolver *self, const ethernet_end *client, uint8_t *bytes, size_t length) {
    static _Thread_local uint8_t frame[ETHERNET_MAX];
    if (dns_code(bytes) == DNS_NO_SUCH_NAME && self->options.asks_more(client->ip, self->options.data))
        dns_set_code(bytes, DNS_REFUSED);
    size_t size = ethernet_make_udp(frame, &self->options.own, client, bytes, length, self->options.mtu);
    if (size)
        self->options.frame(frame, size, self->options.data);
}

static void answer_code(resolver *self, const ethernet_end *client, const uint8_t *query,
                        const dns_question *question, unsigned code) {
    dns_answer answer;
    dns_answer_begin(&answer, query, question, code);
    send_answer(self, client, answer.bytes, answer.length);
}

// ---- what it knows itself ----

// The members called NAME and NAME.network.
static size_t find_own(resolver *self, const char *name, ethernet_host *out) {
    size_t found = self->options.find(name, out, ADDRESSES_MOST, self->options.data);
    size_t length = strlen(name), suffix = strlen(self->options.network);
    if (found || length <= suffix + 1 || name[length - suffix - 1] != '.' ||
        strcasecmp(name + length - suffix, self->options.network) != 0)
        return found;
    char first[DNS_NAME_SIZE];
    memcpy(first, name, length - suffix - 1);
    first[length - suffix - 1] = 0;
    return self->options.find(first, out, ADDRESSES_MOST, self->options.data);
}

// Whether a name is the backwards spelling of an address that is the network's own.
static bool is_own_reverse(const resolver *self, const char *name, ethernet_host *out) {
    *out = (ethernet_host){0};
    if (dns_reverse_parse(name, &out->ip))
        return (out->ip & self->options.netmask) == self->options.subnet;
    out->has_ip6 = self->options.has_ip6 && dns_reverse6_parse(name, out->ip6);
    return out->has_ip6 && memcmp(out->ip6, self->options.subnet6, sizeof out->ip6 / 2) == 0;
}

static void answer_reverse(resolver *self, const ethernet_end *client, const uint8_t *query,
                           const dns_question *question, const ethernet_host *host) {
    const char *name = self->options.name_of(host, self->options.data);
    dns_answer answer;
    dns_answer_begin(&answer, query, question, name ? DNS_NO_ERROR : DNS_NO_SUCH_NAME);
    char whole[DNS_NAME_SIZE];
    if (name && (question->type == DNS_TYPE_PTR || question->type == DNS_TYPE_ANY) &&
        snprintf(whole, sizeof whole, "%s.%s", name, self->options.network) < (int)sizeof whole)
        dns_answer_add_name(&answer, whole, OWN_SECONDS);
    send_answer(self, client, answer.bytes, answer.length);
}

// False: it has no room for all that there is of the host.
static bool add_host(dns_answer *answer, const dns_question *question, const ethernet_host *host) {
    bool all = question->type == DNS_TYPE_ANY;
    return ((question->type != DNS_TYPE_A && !all) ||
            dns_answer_add_address(answer, host->ip, OWN_SECONDS)) &&
           (!host->has_ip6 || (question->type != DNS_TYPE_AAAA && !all) ||
            dns_answer_add_address6(answer, host->ip6, OWN_SECONDS));
}

static bool answer_own(resolver *self, const ethernet_end *client, const uint8_t *query,
                       const dns_question *question) {
    ethernet_host hosts[ADDRESSES_MOST], reverse;
    if (question->class != DNS_CLASS_IN)
        return false;
    if (is_own_reverse(self, question->name, &reverse)) {
        answer_reverse(self, client, query, question, &reverse);
        return true;
    }
    size_t count = find_own(self, question->name, hosts);
    if (!count)
        return false;
    // A name of ours has no more than its addresses: of every other type there is nothing.
    dns_answer answer;
    dns_answer_begin(&answer, query, question, DNS_NO_ERROR);
    for (size_t i = 0; i < count && add_host(&answer, question, &hosts[i]); i++)
        continue;
    send_answer(self, client, answer.bytes, answer.length);
    return true;
}

// ---- what the host's resolvers know ----

static void servers_read(resolver *self) {
    struct stat now;
    if (self->options.own_servers || stat(self->options.servers, &now) < 0 ||
        (now.st_ino == self->seen.st_ino && now.st_size == self->seen.st_size &&
         now.st_mtim.tv_sec == self->seen.st_mtim.tv_sec &&
         now.st_mtim.tv_nsec == self->seen.st_mtim.tv_nsec))
        return;
    cleanup_buffer buffer text = BUFFER_INIT;
    if (file_read(self->options.servers, RESOLV_CONF_MOST, &text, NULL) < 0)
        return;
    self->seen = now;
    dns_cache_clear(self->kept); // other resolvers may say other things
    self->server_count = dns_servers_parse(buffer_text(&text), self->servers, SERVERS_MOST);
    log_info("%zu resolvers of the host", self->server_count);
}

static void handle_closed(uv_handle_t *handle) {
    pending *self = handle->data;
    if (--self->open_handles == 0)
        free(self);
}

static void pending_end(pending *self) {
    *self->link = self->next;
    if (self->next)
        self->next->link = self->link;
    self->owner->pending_count--;
    uv_close((uv_handle_t *)&self->poll, handle_closed);
    uv_close((uv_handle_t *)&self->timer, handle_closed);
    close(self->fd);
}

// One socket speaks with all of them: IPv4 addresses are mapped (RFC 4291, 2.5.5.2).
static struct sockaddr_in6 server_address(const resolver *self, size_t index) {
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons(self->options.server_port)};
    char mapped[INET6_ADDRSTRLEN + 8];
    const char *text = self->servers[index];
    snprintf(mapped, sizeof mapped, "%s%s", strchr(text, ':') ? "" : "::ffff:", text);
    inet_pton(AF_INET6, mapped, &address.sin6_addr);
    return address;
}

static void ask_next(pending *self);

static void too_late(uv_timer_t *timer) {
    ask_next(timer->data);
}

static void ask_next(pending *self) {
    resolver *owner = self->owner;
    if (self->tries >= owner->server_count * ROUNDS) {
        self->query[0] = (uint8_t)(self->question.id >> 8);
        self->query[1] = (uint8_t)self->question.id;
        answer_code(owner, &self->client, self->query, &self->question, DNS_SERVER_FAILURE);
        pending_end(self);
        return;
    }
    struct sockaddr_in6 server = server_address(owner, self->tries++ % owner->server_count);
    // What cannot be sent is like what is lost: the next one is asked.
    (void)!sendto(self->fd, self->query, self->length, MSG_DONTWAIT | MSG_NOSIGNAL,
                  (struct sockaddr *)&server, sizeof server);
    uv_timer_start(&self->timer, too_late, WAIT_MS, 0);
}

static bool is_server(const resolver *self, const struct sockaddr_in6 *from) {
    for (size_t i = 0; i < self->server_count; i++) {
        struct sockaddr_in6 server = server_address(self, i);
        if (server.sin6_port == from->sin6_port &&
            memcmp(&server.sin6_addr, &from->sin6_addr, sizeof server.sin6_addr) == 0)
            return true;
    }
    return false;
}

// Many of the same on their way are as many chances to guess one (RFC 5452, 5): what is kept for all was
// asked for once.
static bool is_alone(const pending *self) {
    for (const pending *each = self->owner->pending; each; each = each->next)
        if (each != self && each->question.type == self->question.type &&
            each->question.class == self->question.class &&
            strcmp(each->question.name, self->question.name) == 0)
            return false;
    return true;
}

// An answer must come from where it was asked for, with the id and the question that were sent (RFC 5452).
static void server_answered(uv_poll_t *poll, int status, int events) {
    pending *self = poll->data;
    (void)status, (void)events;
    static _Thread_local uint8_t bytes[DNS_MESSAGE_MOST];
    struct sockaddr_in6 from = {0};
    socklen_t length = sizeof from;
    ssize_t got = recvfrom(self->fd, bytes, sizeof bytes, MSG_DONTWAIT, (struct sockaddr *)&from, &length);
    dns_question question;
    if (got < 0 || !is_server(self->owner, &from) || !dns_question_parse(bytes, (size_t)got, &question) ||
        !question.response || question.id != self->id || question.type != self->question.type ||
        question.class != self->question.class || strcmp(question.name, self->question.name) != 0)
        return;
    bytes[0] = (uint8_t)(self->question.id >> 8);
    bytes[1] = (uint8_t)self->question.id;
    if (is_alone(self))
        dns_cache_put(self->owner->kept, self->query, self->length, &self->question, bytes, (size_t)got,
                      uv_now(self->owner->loop));
    send_answer(self->owner, &self->client, bytes, (size_t)got);
    pending_end(self);
}

static int open_socket(void) {
    int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), off = 0;
    if (fd >= 0)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    return fd;
}

static bool answer_kept(resolver *self, const ethernet_end *client, const uint8_t *query, size_t length,
                        const dns_question *question) {
    static _Thread_local uint8_t bytes[DNS_MESSAGE_MOST];
    size_t got = dns_cache_get(self->kept, query, length, question, uv_now(self->loop), bytes);
    if (got)
        send_answer(self, client, bytes, got);
    return got > 0;
}

static void forward(resolver *self, const ethernet_end *client, const uint8_t *query, size_t length,
                    const dns_question *question) {
    if (!self->options.servers &&
        !self->options.own_servers) { // a network without a way out: there is nobody else who could know
        answer_code(self, client, query, question, DNS_NO_SUCH_NAME);
        return;
    }
    servers_read(self);
    if (answer_kept(self, client, query, length, question))
        return;
    uint16_t id;
    int fd = self->server_count && self->pending_count < PENDING_MOST ? open_socket() : -1;
    if (fd < 0 || getrandom(&id, sizeof id, 0) != sizeof id) {
        if (fd >= 0)
            close(fd);
        answer_code(self, client, query, question, DNS_SERVER_FAILURE);
        return;
    }
    pending *made = malloc(sizeof *made + length);
    if (!made)
        abort();
    *made =
        (pending){.next = self->pending, .link = &self->pending, .owner = self, .fd = fd, .open_handles = 2};
    made->client = *client;
    made->id = id;
    made->question = *question;
    made->length = length;
    memcpy(made->query, query, length);
    made->query[0] = (uint8_t)(id >> 8);
    made->query[1] = (uint8_t)id;
    if (made->next)
        made->next->link = &made->next;
    self->pending = made;
    self->pending_count++;
    uv_poll_init(self->loop, &made->poll, fd);
    uv_timer_init(self->loop, &made->timer);
    made->poll.data = made->timer.data = made;
    uv_poll_start(&made->poll, UV_READABLE, server_answered);
    ask_next(made);
}

// ---- in and out ----

void resolver_input(resolver *self, const ethernet_frame *frame) {
    dns_question question;
    const uint8_t *query = frame->payload;
    size_t length = frame->payload_length;
    if (!frame->is_udp || length > QUERY_MOST || !dns_question_parse(query, length, &question) ||
        question.response)
        return; // there is nothing to answer
    ethernet_end client = {.ip = frame->ipv4_source, .port = frame->source_port};
    memcpy(client.mac, frame->source, ETHERNET_ADDRESS);
    if (question.operation != 0)
        answer_code(self, &client, query, &question, DNS_NOT_SUPPORTED);
    else if (!answer_own(self, &client, query, &question))
        forward(self, &client, query, length, &question);
}

void resolver_destroy(resolver *self) {
    if (!self)
        return;
    while (self->pending)
        pending_end(self->pending);
    dns_cache_destroy(self->kept);
    free(self);
}

bool resolver_server(resolver *self, struct sockaddr_in6 *out) {
    if (!self->options.servers && !self->options.own_servers)
        return false;
    servers_read(self);
    if (self->server_count)
        *out = server_address(self, 0);
    return self->server_count > 0;
}
