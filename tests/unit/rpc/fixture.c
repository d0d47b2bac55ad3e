#include "tests/unit/rpc/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <cmocka.h>

static const rpc_service *const services[] = {&echo_service};

static void on_lost(rpc_connection *connection, void *data) {
    (void)connection;
    ((fixture *)data)->lost++;
}

int fixture_setup(void **state) {
    fixture *self = calloc(1, sizeof *self);
    int pair[2];
    *state = self;
    assert_int_equal(uv_loop_init(&self->loop), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    self->service_data[0] = &self->echo;
    self->server = rpc_server_create(&self->loop, services, self->service_data, 1);
    assert_int_equal(rpc_server_adopt(self->server, pair[0], NULL), 0);
    self->client = rpc_connection_create(&self->loop, pair[1], on_lost, self, NULL);
    assert_non_null(self->client);
    return 0;
}

int fixture_teardown(void **state) {
    fixture *self = *state;
    rpc_connection_destroy(self->client);
    rpc_server_destroy(self->server);
    uv_run(&self->loop, UV_RUN_DEFAULT);
    assert_int_equal(self->echo.opened, self->echo.closed);
    assert_int_equal(uv_loop_close(&self->loop), 0);
    free(self);
    return 0;
}

static void on_unary(const ProtobufCMessage *response, const holm_error *error, void *data) {
    unary *self = data;
    self->done++;
    assert_true(!response != !error);
    if (response)
        self->number = ((const blob *)response)->number;
    self->error = holm_error_copy(error);
    uv_stop(&self->fixture->loop);
}

void fixture_call(unary *self, const char *method, const char *text) {
    blob request = HOLM__TEST__V1__BLOB__INIT;
    request.number = 42;
    request.text = (char *)(uintptr_t)text;
    rpc_call_unary(self->fixture->client, &echo_service, method, &request.base, on_unary, self, 0);
    assert_int_equal(self->done, 0); // never from within the call
    while (!self->done)
        uv_run(&self->fixture->loop, UV_RUN_DEFAULT);
    assert_int_equal(self->done, 1);
}
