// Who connects while no descriptor is left is refused, and the loop rests afterwards.

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <poll.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/acceptor.h"

enum { CLIENTS = 3 };

typedef struct fixture {
    uv_loop_t loop;
    acceptor *acceptor;
    struct sockaddr_un address;
    socklen_t length;
    int taken[CLIENTS];
    int count;
} fixture;

static void keep(void *data, int fd, const struct sockaddr_storage *peer) {
    fixture *self = data;
    assert_int_equal(peer->ss_family, AF_UNIX);
    assert_true(self->count < CLIENTS);
    self->taken[self->count++] = fd;
}

static int set_up(void **test) {
    static fixture self;
    self = (fixture){.address = {.sun_family = AF_UNIX}, .length = sizeof self.address};
    const socklen_t unnamed = sizeof(sa_family_t); // the kernel chooses an abstract name, unix(7)
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&self.address, unnamed), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&self.address, &self.length), 0);
    assert_int_equal(listen(fd, CLIENTS), 0);
    uv_loop_init(&self.loop);
    self.acceptor = acceptor_create(&self.loop, fd, keep, &self, NULL);
    assert_non_null(self.acceptor);
    *test = &self;
    return 0;
}

static int tear_down(void **test) {
    fixture *self = *test;
    acceptor_destroy(self->acceptor);
    uv_run(&self->loop, UV_RUN_DEFAULT);
    for (int i = 0; i < self->count; i++)
        close(self->taken[i]);
    return uv_loop_close(&self->loop);
}

static int make_client(void) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    return fd;
}

static void dial(const fixture *self, int fd) {
    assert_int_equal(connect(fd, (const struct sockaddr *)&self->address, self->length), 0);
}

static bool is_open(int fd) {
    char byte;
    return recv(fd, &byte, 1, MSG_DONTWAIT) < 0;
}

// No more descriptors than those that are in use.
static struct rlimit use_up(void) {
    struct rlimit before, none;
    int next = dup(0);
    assert_true(next >= 0);
    close(next);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){(rlim_t)next, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    return before;
}

static void test_refused_and_rests(void **test) {
    fixture *self = *test;
    int first = make_client(), second = make_client(), third = make_client();
    dial(self, first);
    uv_run(&self->loop, UV_RUN_ONCE);
    assert_int_equal(self->count, 1);

    struct rlimit before = use_up();
    dial(self, second);
    uv_run(&self->loop, UV_RUN_ONCE);
    assert_int_equal(self->count, 1);
    assert_false(is_open(second));
    struct pollfd waits = {.fd = uv_backend_fd(&self->loop), .events = POLLIN};
    assert_int_equal(poll(&waits, 1, 0), 0); // nothing wakes it any more
    assert_true(is_open(first));

    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    dial(self, third);
    uv_run(&self->loop, UV_RUN_ONCE);
    assert_int_equal(self->count, 2);
    assert_true(is_open(third));
    close(first);
    close(second);
    close(third);
}

static void test_paused(void **test) {
    fixture *self = *test;
    int client = make_client();
    acceptor_pause(self->acceptor, true);
    dial(self, client);
    uv_run(&self->loop, UV_RUN_NOWAIT);
    assert_int_equal(self->count, 0);
    acceptor_pause(self->acceptor, false);
    uv_run(&self->loop, UV_RUN_ONCE);
    assert_int_equal(self->count, 1);
    close(client);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_refused_and_rests, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_paused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
