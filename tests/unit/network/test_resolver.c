// The resolver against a server of the test's own: what is asked of it again, and what is not.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "core/base/cleanup.h"
#include "core/network/dns_message.h"
#include "core/network/resolver.h"

#define CLIENT  0x0a580002
#define MEMBER  0x0a580003
#define GATEWAY 0x0a580001

static const ethernet_host member = {
    .ip = MEMBER, .has_ip6 = true, .ip6 = {0xfd, 0x12, 0x34, [14] = 0xab, 0xcd}};

typedef struct fixture {
    uv_loop_t loop;
    uv_poll_t poll;
    int server;
    unsigned asked, answered;
    unsigned code;    // of the last answer
    uint32_t address; // the last four bytes of the last answer
    unsigned records; // in it
    char path[64];
    resolver *resolver;
    bool is_member; // "web"
    bool more;
} fixture;

static void server_ready(uv_poll_t *poll, int status, int events) {
    fixture *self = poll->data;
    struct sockaddr_storage from;
    socklen_t length = sizeof from;
    uint8_t query[512];
    dns_question question;
    dns_answer answer;
    (void)status, (void)events;
    ssize_t got = recvfrom(self->server, query, sizeof query, 0, (struct sockaddr *)&from, &length);
    if (got < 0 || !dns_question_parse(query, (size_t)got, &question))
        fail();
    self->asked++;
    bool missing = strncmp(question.name, "no", 2) == 0;
    dns_answer_begin(&answer, query, &question, missing ? DNS_NO_SUCH_NAME : DNS_NO_ERROR);
    if (!missing)
        dns_answer_add_address(&answer, 0xc0000200 + self->asked, 60);
    if (missing) { // the root's SOA
        static const uint8_t soa[] = {0, 0, 6, 0, 1, 0, 0, 0, 60, 0, 22, [32] = 30};
        memcpy(answer.bytes + answer.length, soa, sizeof soa);
        answer.length += sizeof soa;
        answer.bytes[9] = 1;
    }
    assert_int_equal(sendto(self->server, answer.bytes, answer.length, 0, (struct sockaddr *)&from, length),
                     answer.length);
}

static void answered(const uint8_t *frame, size_t length, void *data) {
    fixture *self = data;
    ethernet_frame parsed;
    assert_true(ethernet_parse(frame, length, &parsed) && parsed.is_udp);
    self->answered++;
    self->code = dns_code(parsed.payload);
    self->records = parsed.payload[7];
    if (parsed.payload_length > 4)
        self->address = dns_read32(parsed.payload + parsed.payload_length - 4);
}

static size_t find(const char *name, ethernet_host *out, size_t most, void *data) {
    const fixture *self = data;
    out[0] = member;
    return most && self->is_member && strcmp(name, "web") == 0;
}

static const char *name_of(const ethernet_host *host, void *data) {
    const fixture *self = data;
    bool is_it = host->has_ip6 ? memcmp(host->ip6, member.ip6, sizeof member.ip6) == 0 : host->ip == MEMBER;
    return self->is_member && is_it ? "web" : NULL;
}

static bool asks_more(uint32_t ip, void *data) {
    (void)ip;
    return ((const fixture *)data)->more;
}

static void write_servers(const fixture *self, const char *comment) {
    FILE *file = fopen(self->path, "w");
    fprintf(file, "%s\nnameserver 127.0.0.1\n", comment);
    fclose(file);
}

static int set_up_with(void **state, const char *own_servers) {
    fixture *self = calloc(1, sizeof *self);
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof own;
    self->server = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(self->server, (struct sockaddr *)&own, length), 0);
    getsockname(self->server, (struct sockaddr *)&own, &length);
    strcpy(self->path, "/tmp/holm-resolver-XXXXXX");
    close(mkstemp(self->path));
    write_servers(self, "# one");
    uv_loop_init(&self->loop);
    uv_poll_init(&self->loop, &self->poll, self->server);
    self->poll.data = self;
    uv_poll_start(&self->poll, UV_READABLE, server_ready);
    const resolver_options options = {.network = "back",
                                      .own = {.mac = {0x52, 0x55, 10, 88, 0, 1}, .ip = GATEWAY, .port = 53},
                                      .subnet = 0x0a580000,
                                      .netmask = 0xffffff00,
                                      .mtu = 1500,
                                      .has_ip6 = true,
                                      .subnet6 = {0xfd, 0x12, 0x34},
                                      .servers = self->path,
                                      .own_servers = own_servers,
                                      .server_port = ntohs(own.sin_port),
                                      .find = find,
                                      .name_of = name_of,
                                      .asks_more = asks_more,
                                      .frame = answered,
                                      .data = self};
    self->resolver = resolver_create(&self->loop, &options);
    *state = self;
    return 0;
}

static int set_up(void **state) {
    return set_up_with(state, NULL);
}

static int set_up_own(void **state) {
    int result = set_up_with(state, "127.0.0.1");
    unlink(((fixture *)*state)->path);
    return result;
}

static int tear_down(void **state) {
    fixture *self = *state;
    resolver_destroy(self->resolver);
    uv_close((uv_handle_t *)&self->poll, NULL);
    uv_run(&self->loop, UV_RUN_DEFAULT);
    int left = uv_loop_close(&self->loop);
    close(self->server);
    unlink(self->path);
    free(self);
    return left;
}

// Asks, and waits for the answer.
static void ask_type(fixture *self, const char *name, uint8_t type) {
    uint8_t frame[256], query[128] = {0x12, 0x34, 1, 0, 0, 1};
    size_t length = DNS_HEADER;
    for (size_t label; *name; name += label + (name[label] == '.')) {
        label = strcspn(name, ".");
        query[length++] = (uint8_t)label;
        memcpy(query + length, name, label);
        length += label;
    }
    length += 2;
    query[length] = type;
    query[length + 2] = DNS_CLASS_IN;
    length += 3;
    const ethernet_end from = {.mac = {0x52, 0x54, 0, 0, 0, 2}, .ip = CLIENT, .port = 4000},
                       to = {.mac = {0x52, 0x55, 10, 88, 0, 1}, .ip = GATEWAY, .port = 53};
    ethernet_frame parsed;
    size_t size = ethernet_make_udp(frame, &from, &to, query, length, 1500);
    assert_true(size && ethernet_parse(frame, size, &parsed));
    unsigned before = self->answered;
    resolver_input(self->resolver, &parsed);
    while (self->answered == before)
        uv_run(&self->loop, UV_RUN_ONCE);
}

static void ask(fixture *self, const char *name) {
    ask_type(self, name, DNS_TYPE_A);
}

static void test_both_families(void **state) {
    fixture *self = *state;
    const char *const reverse[] = {
        "3.0.88.10.in-addr.arpa",
        "d.c.b.a.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.4.3.2.1.d.f.ip6.arpa",
    };
    self->is_member = true;
    ask_type(self, "web", DNS_TYPE_AAAA);
    assert_int_equal(self->address, 0x0000abcd);
    ask_type(self, "WEB.back", DNS_TYPE_AAAA);
    assert_int_equal(self->records, 1);
    ask_type(self, "web", DNS_TYPE_ANY);
    assert_int_equal(self->records, 2);
    ask_type(self, "web", DNS_TYPE_SOA);
    assert_int_equal(self->code, DNS_NO_ERROR);
    assert_int_equal(self->records, 0);
    for (size_t i = 0; i < array_length(reverse); i++) {
        ask_type(self, reverse[i], DNS_TYPE_PTR);
        assert_int_equal(self->code, DNS_NO_ERROR);
        assert_int_equal(self->records, 1);
    }
    self->is_member = false;
    for (size_t i = 0; i < array_length(reverse); i++) {
        ask_type(self, reverse[i], DNS_TYPE_PTR);
        assert_int_equal(self->code, DNS_NO_SUCH_NAME);
    }
    assert_int_equal(self->asked, 0);
    // what is no address of the network is asked elsewhere
    ask_type(self, "d.c.b.a.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.4.3.2.2.d.f.ip6.arpa", DNS_TYPE_PTR);
    ask_type(self, "c.b.a.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.4.3.2.1.d.f.ip6.arpa", DNS_TYPE_PTR);
    assert_int_equal(self->asked, 2);
}

static void test_own_servers(void **state) {
    fixture *self = *state;
    ask(self, "other");
    assert_int_equal(self->address, 0xc0000201);
}

static void test_asked_once(void **state) {
    fixture *self = *state;
    ask(self, "other");
    ask(self, "OTHER");
    assert_int_equal(self->asked, 1);
    assert_int_equal(self->address, 0xc0000201);
    ask(self, "no");
    ask(self, "no");
    assert_int_equal(self->asked, 2);
    assert_int_equal(self->code, DNS_NO_SUCH_NAME);
    self->more = true; // by who asks now another resolver is asked next
    ask(self, "no");
    assert_int_equal(self->code, DNS_REFUSED);
    self->more = false;
    ask(self, "no");
    assert_int_equal(self->code, DNS_NO_SUCH_NAME);
    assert_int_equal(self->asked, 2);
}

static void test_own_names_are_not_kept(void **state) {
    fixture *self = *state;
    ask(self, "web");
    assert_int_equal(self->address, 0xc0000201);
    self->is_member = true; // it goes before what is kept
    ask(self, "web");
    assert_int_equal(self->address, MEMBER);
    self->is_member = false; // and leaves nothing behind
    ask(self, "web");
    assert_int_equal(self->address, 0xc0000201);
    assert_int_equal(self->asked, 1);
}

static void test_other_servers_say_other_things(void **state) {
    fixture *self = *state;
    ask(self, "other");
    write_servers(self, "# another one, now");
    ask(self, "other");
    assert_int_equal(self->asked, 2);
    assert_int_equal(self->address, 0xc0000202);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_asked_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_both_families, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_own_servers, set_up_own, tear_down),
        cmocka_unit_test_setup_teardown(test_own_names_are_not_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_other_servers_say_other_things, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
