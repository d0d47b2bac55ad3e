// What is sent: methods, contents from memory and from files, what happens when it is redirected or broken
// off.
#include <arpa/inet.h>
#include <curl/curl.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "core/base/buffer.h"
#include "core/base/path.h"
#include "core/registry/http.h"

#define FILE_SIZE (3u << 20)

// One connection after another, one answer for each; a NULL answer cuts the connection in the middle of a
// content.
typedef struct server {
    pthread_t thread;
    int listener, port;
    const char *const *answers;
    char heads[8][4096];
    buffer contents[8];
    unsigned count;
} server;

static bool read_head(int fd, char head[4096]) {
    size_t used = 0;
    head[0] = 0;
    while (used < 4095 && !strstr(head, "\r\n\r\n")) {
        if (read(fd, head + used, 1) != 1)
            return false;
        head[++used] = 0;
    }
    return true;
}

static void read_content(int fd, const char *head, buffer *out, bool half) {
    const char *length = strstr(head, "Content-Length: ");
    size_t left = length ? strtoul(length + 16, NULL, 10) / (half ? 2 : 1) : 0;
    char piece[65536];
    for (ssize_t count; left > 0; left -= (size_t)count) {
        count = read(fd, piece, left < sizeof piece ? left : sizeof piece);
        if (count <= 0)
            return;
        buffer_append(out, piece, (size_t)count);
    }
}

static void *serve(void *data) {
    server *self = data;
    for (; self->answers[self->count]; self->count++) {
        cleanup_close int fd = accept(self->listener, NULL, NULL);
        bool cut = strcmp(self->answers[self->count], "cut") == 0;
        if (!read_head(fd, self->heads[self->count]))
            continue;
        read_content(fd, self->heads[self->count], &self->contents[self->count], cut);
        if (!cut && write(fd, self->answers[self->count], strlen(self->answers[self->count])) < 0)
            break;
    }
    return NULL;
}

static void server_start(server *self, const char *const *answers) {
    memset(self, 0, sizeof *self);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    self->answers = answers;
    self->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(self->listener, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(self->listener, 8), 0);
    assert_int_equal(getsockname(self->listener, (struct sockaddr *)&address, &length), 0);
    self->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&self->thread, NULL, serve, self), 0);
}

static void server_stop(server *self) {
    pthread_join(self->thread, NULL);
    close(self->listener);
    for (size_t i = 0; i < array_length(self->contents); i++)
        buffer_finish(&self->contents[i]);
}

typedef struct outcome {
    long status;
    bool ended;
    holm_error_code code;
    uint64_t sent, cancel_at;
    char location[128];
} outcome;

static void on_sent(http_request *request, uint64_t count, void *data) {
    outcome *self = data;
    self->sent = count;
    if (self->cancel_at && count >= self->cancel_at)
        http_request_cancel(request);
}

static void on_done(http_request *request, const holm_error *error, void *data) {
    outcome *self = data;
    self->ended = true;
    self->status = http_request_status(request);
    self->code = error ? holm_error_code_of(error) : 0;
    const char *location = http_request_header(request, "Location", 0);
    snprintf(self->location, sizeof self->location, "%s", location ? location : "");
}

static outcome ask(const server *to, http_options options, uint64_t cancel_at) {
    static const http_events events = {.sent = on_sent, .done = on_done};
    outcome result = {.cancel_at = cancel_at};
    uv_loop_t loop;
    uv_loop_init(&loop);
    http_client *client = http_client_create(&loop);
    cleanup_free char *url = path_format("http://127.0.0.1:%d/v2/", to->port);
    options.url = url;
    http_request_start(client, &options, &events, &result);
    while (!result.ended && !(cancel_at && result.sent >= cancel_at))
        uv_run(&loop, UV_RUN_ONCE);
    http_client_destroy(client);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    return result;
}

static int make_file(void) {
    char path[] = "/tmp/holm-http-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    unlink(path);
    cleanup_free char *bytes = malloc(FILE_SIZE);
    for (size_t i = 0; i < FILE_SIZE; i++)
        bytes[i] = (char)(i * 2654435761u >> 13);
    assert_int_equal(pwrite(fd, bytes, FILE_SIZE, 0), FILE_SIZE);
    return fd;
}

static void assert_file_part(const buffer *found, int fd, size_t offset, size_t size) {
    cleanup_free char *bytes = malloc(size);
    assert_int_equal(found->length, size);
    assert_int_equal(pread(fd, bytes, size, (off_t)offset), size);
    assert_memory_equal(found->data, bytes, size);
}

#define ANSWER(line) "HTTP/1.1 " line "\r\nContent-Length: 0\r\nConnection: close\r\n"

static void test_methods(void **state) {
    (void)state;
    static const struct {
        http_method method;
        const char *line;
        bool length;
    } cases[] = {
        {HTTP_GET, "GET /v2/ ", false},    {HTTP_HEAD, "HEAD /v2/ ", false},
        {HTTP_POST, "POST /v2/ ", true},   {HTTP_PUT, "PUT /v2/ ", true},
        {HTTP_PATCH, "PATCH /v2/ ", true}, {HTTP_DELETE, "DELETE /v2/ ", false},
    };
    for (size_t i = 0; i < array_length(cases); i++) {
        static const char *const answers[] = {ANSWER("202 x") "Location: /there\r\n\r\n", NULL};
        server there;
        server_start(&there, answers);
        outcome result = ask(&there, (http_options){.method = cases[i].method}, 0);
        assert_int_equal(result.code, 0);
        assert_int_equal(result.status, 202);
        assert_string_equal(result.location, "/there");
        assert_memory_equal(there.heads[0], cases[i].line, strlen(cases[i].line));
        assert_int_equal(strstr(there.heads[0], "Content-Length: 0\r\n") != NULL, cases[i].length);
        assert_null(strstr(there.heads[0], "Content-Type"));
        server_stop(&there);
    }
}

static void test_content_from_memory(void **state) {
    (void)state;
    server there;
    static const char *const answers[] = {ANSWER("201 x") "\r\n", NULL};
    static const char *const headers[] = {"Content-Type: application/x-test", NULL};
    server_start(&there, answers);
    const http_content content = {.bytes = "a\0b", .size = 3};
    outcome result =
        ask(&there, (http_options){.method = HTTP_PUT, .content = &content, .headers = headers}, 0);
    assert_int_equal(result.status, 201);
    assert_int_equal(there.contents[0].length, 3);
    assert_memory_equal(there.contents[0].data, "a\0b", 3);
    assert_non_null(strstr(there.heads[0], "Content-Type: application/x-test\r\n"));
    server_stop(&there);
}

static void test_content_from_a_file(void **state) {
    (void)state;
    cleanup_close int fd = make_file();
    static const size_t offsets[] = {0, 100000, FILE_SIZE - 1};
    for (size_t i = 0; i < array_length(offsets); i++) {
        server there;
        static const char *const answers[] = {ANSWER("201 x") "\r\n", NULL};
        server_start(&there, answers);
        const http_content content = {.fd = fd, .offset = offsets[i], .size = FILE_SIZE - offsets[i]};
        outcome result = ask(&there, (http_options){.method = HTTP_PATCH, .content = &content}, 0);
        assert_int_equal(result.code, 0);
        assert_int_equal(result.status, 201);
        assert_int_equal(result.sent, content.size);
        assert_file_part(&there.contents[0], fd, offsets[i], content.size);
        assert_memory_equal(there.heads[0], "PATCH ", 6);
        assert_null(strstr(there.heads[0], "Expect"));
        server_stop(&there);
    }
}

static void test_a_file_that_is_too_short(void **state) {
    (void)state;
    cleanup_close int fd = make_file();
    server there;
    static const char *const answers[] = {"cut", NULL};
    server_start(&there, answers);
    const http_content content = {.fd = fd, .offset = 1, .size = FILE_SIZE};
    outcome result = ask(&there, (http_options){.method = HTTP_PUT, .content = &content}, 0);
    assert_true(result.code == HOLM_ERROR_INTERNAL || result.code == HOLM_ERROR_UNAVAILABLE);
    server_stop(&there);
}

static void test_connection_broken_off(void **state) {
    (void)state;
    cleanup_close int fd = make_file();
    server there;
    static const char *const answers[] = {"cut", NULL};
    server_start(&there, answers);
    const http_content content = {.fd = fd, .size = FILE_SIZE};
    outcome result = ask(&there, (http_options){.method = HTTP_PUT, .content = &content}, 0);
    assert_int_equal(result.code, HOLM_ERROR_UNAVAILABLE);
    server_stop(&there);
}

static void test_cancelled_while_it_is_sent(void **state) {
    (void)state;
    cleanup_close int fd = make_file();
    server there;
    static const char *const answers[] = {ANSWER("201 x") "\r\n", NULL};
    server_start(&there, answers);
    const http_content content = {.fd = fd, .size = FILE_SIZE};
    outcome result = ask(&there, (http_options){.method = HTTP_PUT, .content = &content}, 1000000);
    assert_false(result.ended);
    server_stop(&there);
    assert_true(there.contents[0].length < FILE_SIZE);
}

static void test_redirects(void **state) {
    (void)state;
    cleanup_close int fd = make_file();
    const http_content content = {.fd = fd, .size = FILE_SIZE};
    static const char *const kept[] = {ANSWER("307 x") "Location: /other\r\n\r\n", ANSWER("201 x") "\r\n",
                                       NULL};
    server there;
    server_start(&there, kept);
    outcome result = ask(&there, (http_options){.method = HTTP_PUT, .content = &content}, 0);
    assert_int_equal(result.status, 201);
    assert_memory_equal(there.heads[1], "PUT /other ", 11);
    assert_file_part(&there.contents[1], fd, 0, FILE_SIZE);
    server_stop(&there);
    // What would become a GET is no upload any more: its status is told.
    static const char *const turned[] = {ANSWER("302 x") "Location: /other\r\n\r\n", NULL};
    server_start(&there, turned);
    result = ask(&there, (http_options){.method = HTTP_PUT, .content = &content}, 0);
    assert_int_equal(result.status, 302);
    server_stop(&there);
}

int main(void) {
    curl_global_init(CURL_GLOBAL_DEFAULT);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_methods),
        cmocka_unit_test(test_content_from_memory),
        cmocka_unit_test(test_content_from_a_file),
        cmocka_unit_test(test_a_file_that_is_too_short),
        cmocka_unit_test(test_connection_broken_off),
        cmocka_unit_test(test_cancelled_while_it_is_sent),
        cmocka_unit_test(test_redirects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
