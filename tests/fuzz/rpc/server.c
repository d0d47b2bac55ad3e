// Bytes from a hostile client. The connection preface is put before them.
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/rpc/peer.h"
#include "tests/unit/rpc/echo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    static const rpc_service *const services[] = {&echo_service};
    static const size_t pieces[] = {1 << 20, 4096, 700, 61};
    if (size < 1)
        return 0;
    uv_loop_t loop;
    echo_state state = {0};
    void *service_data[] = {&state};
    int other;
    int fd = peer_open(&other);
    cleanup_free uint8_t *bytes = malloc(sizeof preface + size);
    memcpy(bytes, preface, sizeof preface - 1);
    memcpy(bytes + sizeof preface - 1, data + 1, size - 1);
    uv_loop_init(&loop);
    rpc_server *server = rpc_server_create(&loop, services, service_data, 1);
    if (rpc_server_adopt(server, other, NULL) < 0)
        abort();
    peer_play(&loop, fd, bytes, sizeof preface - 1 + size - 1, pieces[data[0] & 3]);
    rpc_server_destroy(server);
    uv_run(&loop, UV_RUN_DEFAULT);
    if (state.opened != state.closed || uv_loop_close(&loop))
        abort();
    return 0;
}
