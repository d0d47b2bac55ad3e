// Archives through the image worker, as a front end sends and receives them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <archive.h>
#include <archive_entry.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "core/base/buffer.h"
#include "core/image/image_client.h"

static char folder[] = "/tmp/holm-worker-XXXXXX";
static paths where;

static int set_up(void **state) {
    static const char *const variables[] = {"XDG_DATA_HOME", "XDG_RUNTIME_DIR", "XDG_CACHE_HOME",
                                            "XDG_CONFIG_HOME"};
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    for (size_t i = 0; i < array_length(variables); i++)
        setenv(variables[i], folder, 1);
    if (paths_init(&where, NULL) < 0)
        return -1;
    free(where.libexec);
    where.libexec = strdup(LIBEXEC);
    return 0;
}

/// Ends the worker and waits until it has closed its end.
static void worker_end(void) {
    struct ucred peer = {0};
    socklen_t length = sizeof peer;
    char byte;
    cleanup_close int fd = image_client_connect(&where, false, NULL);
    if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0 || kill(peer.pid, SIGTERM) < 0)
        return;
    while (read(fd, &byte, 1) > 0)
        ;
}

static int tear_down(void **state) {
    (void)state;
    worker_end();
    paths_finish(&where);
    return path_remove_tree(folder, NULL);
}

/// One call, from its first message to its end.
typedef struct exchange {
    uv_loop_t loop;
    rpc_connection *connection;
    rpc_stream *stream;
    const buffer *input; ///< sent in pieces behind the header; NULL: nothing
    size_t sent, piece;
    buffer output;
    bool done, closed;
    char *digest, *reference, *error_code;
    rpc_code code;
    size_t stop_after; ///< breaks the call off when this much was sent
} exchange;

static void take_progress(exchange *self, const Holm__Image__V1__Progress *progress) {
    if (!progress->done)
        return;
    self->done = true;
    self->digest = strdup(progress->digest);
    self->error_code = strdup(progress->error_code);
    self->reference = strdup(progress->n_references ? progress->references[0] : "");
}

static void send_more(exchange *self) {
    while (self->input && self->sent < self->input->length && !rpc_stream_congested(self->stream)) {
        size_t rest = self->input->length - self->sent;
        Holm__Image__V1__LoadInput input;
        holm__image__v1__load_input__init(&input);
        input.part_case = HOLM__IMAGE__V1__LOAD_INPUT__PART_DATA;
        input.data.data = self->input->data + self->sent;
        input.data.len = rest < self->piece ? rest : self->piece;
        self->sent += input.data.len;
        rpc_stream_send(self->stream, &input.base);
        if (self->stop_after && self->sent >= self->stop_after) {
            self->input = NULL;
            rpc_stream_cancel(self->stream);
            return;
        }
    }
    if (!self->input || self->sent == self->input->length) {
        self->input = NULL;
        rpc_stream_half_close(self->stream);
    }
}

static void on_drained(rpc_stream *stream, void *data) {
    exchange *self = data;
    (void)stream;
    if (self->input)
        send_more(self);
}

static void on_progress(rpc_stream *stream, const ProtobufCMessage *message, void *data) {
    (void)stream;
    take_progress(data, (const Holm__Image__V1__Progress *)message);
}

static void on_output(rpc_stream *stream, const ProtobufCMessage *message, void *data) {
    exchange *self = data;
    const Holm__Image__V1__SaveOutput *output = (const Holm__Image__V1__SaveOutput *)message;
    (void)stream;
    if (output->part_case == HOLM__IMAGE__V1__SAVE_OUTPUT__PART_DATA)
        buffer_append(&self->output, output->data.data, output->data.len);
    else
        take_progress(self, output->progress);
}

static void on_close(rpc_stream *stream, rpc_code code, const char *text, void *data) {
    exchange *self = data;
    (void)stream;
    (void)text;
    self->code = code;
    self->closed = true;
    rpc_connection_destroy(self->connection);
}

static void exchange_open(exchange *self, const char *method, const rpc_stream_events *events) {
    cleanup_error holm_error *error = NULL;
    uv_loop_init(&self->loop);
    int fd = image_client_connect(&where, true, &error);
    assert_true(fd >= 0);
    self->connection = rpc_connection_create(&self->loop, fd, NULL, NULL, &error);
    assert_non_null(self->connection);
    self->stream = rpc_call_open(self->connection, &image_protocol, method, events, self, 0);
}

static void exchange_run(exchange *self) {
    uv_run(&self->loop, UV_RUN_DEFAULT);
    assert_true(self->closed);
    assert_int_equal(uv_loop_close(&self->loop), 0);
}

static void exchange_finish(exchange *self) {
    buffer_finish(&self->output);
    free(self->digest);
    free(self->reference);
    free(self->error_code);
}

/// Load or Import with bytes that come as messages, or from a file.
static void send_archive(exchange *self, const char *method, const char *path, const char *reference,
                         const buffer *input) {
    static const rpc_stream_events events = {
        .message = on_progress, .drained = on_drained, .close = on_close};
    Holm__Image__V1__LoadHeader header;
    Holm__Image__V1__LoadInput first;
    holm__image__v1__load_header__init(&header);
    holm__image__v1__load_input__init(&first);
    header.path = (char *)path;
    header.reference = (char *)reference;
    first.part_case = HOLM__IMAGE__V1__LOAD_INPUT__PART_HEADER;
    first.header = &header;
    self->input = input;
    self->piece = 30001;
    exchange_open(self, method, &events);
    rpc_stream_send(self->stream, &first.base);
    send_more(self);
    exchange_run(self);
}

static void receive_archive(exchange *self, char *reference, const char *path) {
    static const rpc_stream_events events = {.message = on_output, .close = on_close};
    Holm__Image__V1__SaveRequest request;
    holm__image__v1__save_request__init(&request);
    request.references = &reference;
    request.n_references = 1;
    request.path = (char *)path;
    exchange_open(self, "Save", &events);
    rpc_stream_send(self->stream, &request.base);
    rpc_stream_half_close(self->stream);
    exchange_run(self);
}

static la_ssize_t buffer_write(struct archive *archive, void *data, const void *bytes, size_t length) {
    (void)archive;
    buffer_append(data, bytes, length);
    return (la_ssize_t)length;
}

/// A root file system larger than what any socket or window holds.
static void root_make(buffer *out) {
    enum { SIZE = 8 << 20 };
    struct archive *archive = archive_write_new();
    struct archive_entry *entry = archive_entry_new();
    uint8_t *content = malloc(SIZE);
    assert_non_null(content);
    for (uint32_t i = 0, random = 1; i < SIZE; i++)
        content[i] = (uint8_t)((random = random * 1103515245 + 12345) >> 16);
    archive_write_set_format_ustar(archive);
    assert_int_equal(archive_write_open(archive, out, NULL, buffer_write, NULL), ARCHIVE_OK);
    archive_entry_set_pathname(entry, "file");
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, SIZE);
    assert_int_equal(archive_write_header(archive, entry), ARCHIVE_OK);
    assert_int_equal(archive_write_data(archive, content, SIZE), SIZE);
    archive_entry_free(entry);
    archive_write_free(archive);
    free(content);
}

static void test_there_and_back(void **state) {
    (void)state;
    char name[] = "example.org/a:1";
    cleanup_buffer buffer root = BUFFER_INIT;
    cleanup(exchange_finish) exchange imported = {0}, saved = {0}, loaded = {0}, filed = {0}, again = {0};
    cleanup_free char *path = path_join(where.data, "saved.tar", NULL);
    root_make(&root);
    send_archive(&imported, "Import", "", name, &root);
    assert_true(imported.done);
    assert_string_equal(imported.error_code, "");
    assert_string_equal(imported.reference, name);
    receive_archive(&saved, name, "");
    assert_true(saved.done && saved.output.length > root.length);
    send_archive(&loaded, "Load", "", "", &saved.output);
    assert_string_equal(loaded.digest, imported.digest);
    assert_string_equal(loaded.reference, name);
    receive_archive(&filed, name, path);
    struct stat status;
    assert_true(filed.done && stat(path, &status) == 0 && (size_t)status.st_size == saved.output.length);
    send_archive(&again, "Load", path, "example.org/b:2", NULL);
    assert_string_equal(again.digest, imported.digest);
    assert_string_equal(again.reference, "example.org/b:2");
}

static void test_failures(void **state) {
    (void)state;
    char none[] = "example.org/none:1";
    cleanup_buffer buffer garbage = BUFFER_INIT;
    cleanup(exchange_finish) exchange damaged = {0}, nowhere = {0}, bad = {0}, missing = {0}, broken = {0};
    buffer_append_text(&garbage, "this is no archive");
    while (garbage.length < 4 << 20)
        buffer_append(&garbage, "0123456789abcdef0123456789abcdef", 32);
    send_archive(&damaged, "Load", "", "", &garbage);
    assert_string_equal(damaged.error_code, "integrity");
    send_archive(&nowhere, "Load", "/nowhere/at/all", "", NULL);
    assert_string_equal(nowhere.error_code, "not-found");
    send_archive(&bad, "Load", "/nowhere", "Not A Name", NULL);
    assert_int_not_equal(bad.code, RPC_OK);
    receive_archive(&missing, none, "");
    assert_int_not_equal(missing.code, RPC_OK);
    broken.stop_after = 1 << 20;
    send_archive(&broken, "Import", "", "", &garbage);
    assert_false(broken.done);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_failures),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
