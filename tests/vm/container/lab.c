// lab: what core/container does, as a program, for tests below the command line. The folders are the XDG
// ones.
//
//   lab create [-i] [-t] [-r] [-n] [-m MIB] LAYER EMPTY COMMAND…   makes a container of one layer; prints its
//   id lab launch [-s] ID    starts its shim (and init); without -s keeps the lifeline until standard input
//   ends lab attach [-i] ID    starts init and is its streams; output and exit code are its own lab reconcile
//   | lab list | lab remove ID
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <uv.h>

#include "core/base/file.h"
#include "core/container/container.h"
#include "core/container/shim_protocol.h"

typedef struct run {
    uv_loop_t loop;
    rpc_connection *connection;
    rpc_stream *stream;
    uv_poll_t input;
    bool reads;
    int lifeline;
    int exit_code;
    struct timespec begin;
    bool first;
} run;

static double elapsed(const run *self) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - self->begin.tv_sec) * 1e3 +
           (double)(now.tv_nsec - self->begin.tv_nsec) / 1e6;
}

static void trace(const run *self, const char *what) {
    if (getenv("TRACE"))
        fprintf(stderr, "[%.1f ms] %s\n", elapsed(self), what);
}

static int fail(holm_error *error) {
    const char *hint = holm_error_hint_of(error);
    fprintf(stderr, "lab: %s%s%s\n", holm_error_message(error), hint ? ": " : "", hint ? hint : "");
    holm_error_free(error);
    return 125;
}

static void input_ready(uv_poll_t *poll, int status, int events) {
    run *self = poll->data;
    (void)status, (void)events;
    uint8_t bytes[65536];
    Holm__Shim__V1__AttachInput input;
    holm__shim__v1__attach_input__init(&input);
    ssize_t got = read(0, bytes, sizeof bytes);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0) {
        input.part_case = HOLM__SHIM__V1__ATTACH_INPUT__PART_CLOSE_STDIN;
        input.close_stdin = true;
        uv_poll_stop(poll);
    } else {
        input.part_case = HOLM__SHIM__V1__ATTACH_INPUT__PART_STDIN;
        input.stdin = (ProtobufCBinaryData){.data = bytes, .len = (size_t)got};
    }
    rpc_stream_send(self->stream, &input.base);
    if (rpc_stream_congested(self->stream))
        uv_poll_stop(poll);
}

static void drained(rpc_stream *stream, void *data) {
    run *self = data;
    (void)stream;
    if (self->reads)
        uv_poll_start(&self->input, UV_READABLE, input_ready);
}

static void message(rpc_stream *stream, const ProtobufCMessage *base, void *data) {
    run *self = data;
    (void)stream;
    const Holm__Shim__V1__AttachOutput *output = (const Holm__Shim__V1__AttachOutput *)base;
    switch (output->part_case) {
    case HOLM__SHIM__V1__ATTACH_OUTPUT__PART_ATTACHED:
        trace(self, "attached");
        close(self->lifeline);
        if (self->reads)
            uv_poll_start(&self->input, UV_READABLE, input_ready);
        break;
    case HOLM__SHIM__V1__ATTACH_OUTPUT__PART_STDOUT:
        if (!self->first)
            trace(self, "first output");
        self->first = true;
        file_write_all(1, output->stdout.data, output->stdout.len);
        break;
    case HOLM__SHIM__V1__ATTACH_OUTPUT__PART_STDERR:
        file_write_all(2, output->stderr.data, output->stderr.len);
        break;
    case HOLM__SHIM__V1__ATTACH_OUTPUT__PART_EXIT:
        trace(self, output->exit->reason);
        self->exit_code = output->exit->exit_code;
        break;
    default:
        break;
    }
}

static void closed(rpc_stream *stream, rpc_code code, const char *text, void *data) {
    run *self = data;
    (void)code, (void)text;
    holm_error *error = rpc_stream_error(stream);
    if (error)
        self->exit_code = fail(error);
    trace(self, "closed");
    uv_stop(&self->loop);
}

static int attach(run *self, const paths *where, const char *id, bool input) {
    static const rpc_stream_events events = {.message = message, .drained = drained, .close = closed};
    cleanup_free char *socket = container_socket(where, id);
    holm_error *error = NULL;
    uv_loop_init(&self->loop);
    self->connection = rpc_connection_open(&self->loop, socket, NULL, NULL, &error);
    if (!self->connection)
        return fail(error);
    Holm__Shim__V1__AttachHeader header = HOLM__SHIM__V1__ATTACH_HEADER__INIT;
    Holm__Shim__V1__AttachInput first;
    holm__shim__v1__attach_input__init(&first);
    header.process = (char *)"init";
    header.start = true;
    header.stdin = input;
    header.columns = 80;
    header.rows = 24;
    first.part_case = HOLM__SHIM__V1__ATTACH_INPUT__PART_HEADER;
    first.header = &header;
    self->reads = input;
    if (input)
        uv_poll_init(&self->loop, &self->input, 0);
    self->input.data = self;
    self->stream = rpc_call_open(self->connection, &shim_protocol, "Attach", &events, self, 0);
    rpc_stream_send(self->stream, &first.base);
    self->exit_code = 125;
    uv_run(&self->loop, UV_RUN_DEFAULT);
    return self->exit_code;
}

// Finds the image in state.db, or puts it there with its layer.
static json_t *image_of(const paths *where, state *db, const char *layer, holm_error **error) {
    cleanup_free char *layers = path_join(where->data, "layers", NULL);
    cleanup_free char *file = path_join(layers, "test", NULL);
    path_make_directories(layers, NULL);
    if (access(file, R_OK) < 0 && file_copy_sparse(layer, file, error) < 0)
        return NULL;
    json_t *image = json_pack("{s:s, s:{s:[], s:{}}, s:{s:[{s:s}]}}", "id", "sha256:00", "configuration",
                              "references", "process", "status", "layers", "file", "test");
    if (state_image_put(db, "docker.io/library/test:latest", image, error) == 0)
        return image;
    json_decref(image);
    return NULL;
}

static int create(const paths *where, state *db, int count, char **arguments, holm_error **error) {
    bool input = false, terminal = false, removed = false;
    int memory = 256, option;
    json_t *networks = json_array();
    while ((option = getopt(count, arguments, "+itrnm:")) > 0) {
        input |= option == 'i';
        terminal |= option == 't';
        removed |= option == 'r';
        if (option == 'n')
            json_array_append_new(networks, json_pack("{s:s}", "name", "default"));
        memory = option == 'm' ? atoi(optarg) : memory;
    }
    if (count - optind < 3)
        return 2;
    json_t *image = image_of(where, db, arguments[optind], error);
    if (!image)
        return 1;
    json_t *command = json_array();
    for (int i = optind + 2; i < count; i++)
        json_array_append_new(command, json_string(arguments[i]));
    json_t *request =
        json_pack("{s:s, s:o, s:b, s:{s:o, s:b, s:b}, s:{s:I, s:f}}", "image", "test", "networks", networks,
                  "removeOnExit", removed, "process", "arguments", command, "stdinOpen", input, "terminal",
                  terminal, "resources", "memoryBytes", (json_int_t)memory << 20, "cpus", 1.0);
    json_t *document = container_create(where, db, request, image, arguments[optind + 1], NULL, error);
    if (document)
        puts(json_string_value(json_object_get(document, "id")));
    json_decref(image);
    json_decref(request);
    json_decref(document);
    return document ? 0 : 1;
}

static int launch(const paths *where, state *db, int count, char **arguments, holm_error **error) {
    bool start = count > 2 && strcmp(arguments[1], "-s") == 0;
    const container_launch_options options = {.start = start};
    int lifeline = container_launch(where, db, arguments[count - 1], &options, error);
    if (lifeline < 0)
        return 1;
    puts("ready");
    fflush(stdout);
    char byte;
    while (!start && read(0, &byte, 1) > 0)
        ;
    close(lifeline);
    return 0;
}

static int start_attached(const paths *where, state *db, int count, char **arguments, holm_error **error) {
    run self = {0};
    clock_gettime(CLOCK_MONOTONIC, &self.begin);
    const container_launch_options options = {0};
    self.lifeline = container_launch(where, db, arguments[count - 1], &options, error);
    trace(&self, "launched");
    return self.lifeline < 0 ? 1 : attach(&self, where, arguments[count - 1], count > 2);
}

static int list(state *db, holm_error **error) {
    json_t *rows = state_container_list(db, true, error);
    if (!rows)
        return 1;
    json_dumpf(rows, stdout, JSON_COMPACT);
    json_decref(rows);
    return 0;
}

int main(int count, char **arguments) {
    holm_error *error = NULL;
    paths where;
    const char *verb = count > 1 ? arguments[1] : "";
    int result = 2;
    if (paths_init(&where, &error) < 0)
        return fail(error);
    state *db = state_open(where.data, &error);
    if (!db)
        return fail(error);
    count--;
    arguments++;
    if (strcmp(verb, "create") == 0)
        result = create(&where, db, count, arguments, &error);
    else if (strcmp(verb, "launch") == 0 && count > 1)
        result = launch(&where, db, count, arguments, &error);
    else if (strcmp(verb, "attach") == 0 && count > 1)
        result = start_attached(&where, db, count, arguments, &error);
    else if (strcmp(verb, "reconcile") == 0)
        result = container_reconcile_all(&where, db, &error) < 0;
    else if (strcmp(verb, "list") == 0)
        result = list(db, &error);
    else if (strcmp(verb, "remove") == 0 && count > 1)
        result = container_remove(&where, db, arguments[1], false, &error) < 0;
    state_close(db);
    paths_finish(&where);
    return error ? fail(error) : result;
}
