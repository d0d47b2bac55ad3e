// Client and server on one loop, over a socket pair.
#pragma once

#include "tests/unit/rpc/echo.h"

typedef Holm__Test__V1__Blob blob;

typedef struct fixture {
    uv_loop_t loop;
    rpc_server *server;
    rpc_connection *client;
    echo_state echo;
    void *service_data[1];
    unsigned lost;
} fixture;

typedef struct unary {
    fixture *fixture;
    unsigned done;
    uint64_t number;
    holm_error *error;
} unary;

int fixture_setup(void **state);
int fixture_teardown(void **state);
/// One call on the client, run to its end.
void fixture_call(unary *call, const char *method, const char *text);
