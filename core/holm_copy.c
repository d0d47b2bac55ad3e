#include "core/holm_copy.h"

#include <string.h>
#include <unistd.h>

// With its request, however that ends.
static void copy_release(void *data) {
    copy *self = data;
    const int fds[] = {self->folder, self->pipe, self->told};
    holm_helper_finish(&self->helper);
    for (size_t i = 0; i < array_length(fds); i++)
        if (fds[i] >= 0)
            close(fds[i]);
    buffer_finish(&self->pending);
    buffer_finish(&self->going);
    free(self->inside);
    free(self->inside_name);
    free(self->outside);
    free(self->name);
    free(self->piece);
    free(self);
}

/// Takes slashes, and "/." once, off the end. The caller frees it; "/" stays.
static char *trim(const char *path, bool *content, bool *slash) {
    char *text = strdup(path);
    size_t length = strlen(text);
    *content = length >= 2 && strcmp(text + length - 2, "/.") == 0;
    *slash = *content || (length && text[length - 1] == '/');
    if (*content)
        text[--length] = 0;
    while (length > 1 && text[length - 1] == '/')
        text[--length] = 0;
    return text;
}

copy *copy_create(holm_client *client, const holm_copy_options *options, bool out, holm_done done,
                  void *data) {
    copy *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    bool inside_content, inside_slash, outside_content = false, outside_slash = false;
    bool streamed = strcmp(options->outside, "-") == 0;
    cleanup_free char *absolute = path_format("%s%s", *options->inside == '/' ? "" : "/", options->inside);
    self->inside = trim(absolute, &inside_content, &inside_slash);
    self->inside_name = strdup(strrchr(self->inside, '/') + 1);
    self->outside = streamed ? NULL : trim(options->outside, &outside_content, &outside_slash);
    self->content = out ? inside_content || !*self->inside_name : outside_content;
    self->into = out ? outside_slash : inside_slash;
    self->owner = options->owner;
    self->follow = options->follow;
    self->folder = self->pipe = self->told = -1;
    self->helper = (holm_helper)HOLM_HELPER_INIT;
    holm__agent__v1__copy_result__init(&self->result);
    self->request = holm_request_create(client, done, data);
    self->request->reference = strdup(options->container);
    self->request->own = self;
    self->request->release = copy_release;
    return self;
}

copy *copy_of(const holm_request *request) {
    return request->own;
}

// ---- the stream ----

void copy_call(copy *self, const char *path, bool in, const rpc_stream_events *events) {
    holm_request *request = self->request;
    if (!request->connection)
        request->connection = holm_container_connect(
            request->handle.client, holm_document_id(request->document), NULL, NULL, &request->error);
    if (!request->connection) {
        copy_check_over(self);
        return;
    }
    Holm__Agent__V1__CopyHeader header = HOLM__AGENT__V1__COPY_HEADER__INIT;
    Holm__Agent__V1__CopyMessage message = HOLM__AGENT__V1__COPY_MESSAGE__INIT;
    header.in = in;
    header.path = (char *)path;
    header.keep_owner = self->owner;
    header.follow = self->follow;
    message.part_case = HOLM__AGENT__V1__COPY_MESSAGE__PART_HEADER;
    message.header = &header;
    self->stream = rpc_call_open(request->connection, &shim_protocol, "Copy", events, self, 0);
    rpc_stream_send(self->stream, &message.base);
}

void copy_check_over(copy *self) {
    if (!self->stream && !self->busy)
        self->over(self);
}

void copy_cancel(copy *self) {
    if (self->stream)
        rpc_stream_cancel(self->stream);
}

void copy_take_result(copy *self, const Holm__Agent__V1__CopyMessage *message) {
    self->complete = true;
    self->result.bytes = message->result->bytes;
    self->result.entries = message->result->entries;
}

void copy_closed(rpc_stream *stream, rpc_code code, const char *text, void *data) {
    copy *self = data;
    (void)code, (void)text;
    self->stream = NULL;
    if (!self->request->error)
        self->request->error = rpc_stream_error(stream);
    if (!self->request->error && !self->complete)
        holm_error_set(&self->request->error, HOLM_ERROR_UNAVAILABLE, "the copy has ended early");
    copy_check_over(self);
}
