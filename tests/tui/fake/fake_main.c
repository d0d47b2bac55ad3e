// The dashboard on the fake backend: for the screen tests, the benchmark, and to look at.
#include <stdio.h>

#include "tests/tui/fake/fake_holm.h"
#include "tui/dashboard.h"

int main(void) {
    uv_loop_t loop;
    holm_error *error = NULL;
    uv_loop_init(&loop);
    holm_client *client = holm_client_create(&loop, &error);
    int code = dashboard_run(client, &loop, getenv("HOLM_FAKE_READ_ONLY") != NULL,
                             getenv("HOLM_FAKE_PLAIN") != NULL, &error);
    holm_client_destroy(client);
    uv_run(&loop, UV_RUN_DEFAULT);
    if (error)
        fprintf(stderr, "holm-fake: %s\n", holm_error_message(error));
    holm_error_free(error);
    return uv_loop_close(&loop) == 0 ? (code < 0 ? 125 : code) : 124;
}
