// Questions to a registry that are no image work: whether it accepts a login, and which tags there are.
#include <string.h>

#include "core/image/reference.h"
#include "core/image/worker_internal.h"
#include "core/registry/registry_tags.h"

typedef struct question {
    worker *owner;
    rpc_stream *stream;
    registry *registry; // NULL: not asked yet
    registry_fetch *fetch;
    registry_tags *tags;
} question;

static void finish(question *self) {
    registry_fetch_cancel(self->fetch);
    registry_tags_cancel(self->tags);
    registry_destroy(self->registry);
    if (self->registry)
        worker_job_end(self->owner);
    free(self);
}

// Who has asked is gone.
static void on_closed(rpc_stream *stream, rpc_code code, const char *text, void *data) {
    (void)stream;
    (void)code;
    (void)text;
    finish(data);
}

static void answer(question *self, const ProtobufCMessage *reply, const holm_error *error) {
    rpc_stream *stream = self->stream;
    rpc_stream_set_events(stream, &(rpc_stream_events){0}, NULL);
    if (error)
        rpc_stream_fail(stream, error);
    else
        rpc_stream_reply(stream, reply);
    finish(self);
}

static bool begin(question *self, const char *host, const char *repository, const char *scheme,
                  const credentials *login) {
    cleanup_error holm_error *error = NULL;
    self->registry =
        pull_engine_registry(worker_engine(self->owner), host, repository, scheme, login, &error);
    if (self->registry) {
        worker_job_begin(self->owner);
        return true;
    }
    answer(self, NULL, error);
    return false;
}

static void expect(rpc_stream *stream, void *data, const rpc_stream_events *events) {
    question *self = calloc(1, sizeof *self);
    self->owner = data;
    self->stream = stream;
    rpc_stream_set_events(stream, events, self);
}

// ---- Login ----

static void on_login_body(registry_fetch *fetch, const void *bytes, size_t length, void *data) {
    (void)fetch, (void)bytes, (void)length, (void)data;
}

static void on_login_done(registry_fetch *fetch, const char *type, const holm_error *error, void *data) {
    (void)fetch;
    (void)type;
    question *self = data;
    self->fetch = NULL;
    cleanup_error holm_error *problem = holm_error_copy(error);
    if (!problem && !registry_is_authorized(self->registry)) {
        holm_error_set(&problem, HOLM_ERROR_UNSUPPORTED,
                       "the registry asks nobody who they are, so there is nothing to log in to");
    }
    Holm__Image__V1__Empty reply = HOLM__IMAGE__V1__EMPTY__INIT;
    answer(self, &reply.base, problem);
}

static void on_login(rpc_stream *stream, const ProtobufCMessage *message, void *data) {
    static const registry_events events = {.body = on_login_body, .done = on_login_done};
    (void)stream;
    question *self = data;
    const Holm__Image__V1__LoginRequest *request = (const Holm__Image__V1__LoginRequest *)message;
    if (self->registry)
        return; // one is enough
    const credentials login = {.username = request->username, .password = request->password};
    bool begun = begin(self, request->registry, "", request->scheme, &login);
    explicit_bzero(request->password, strlen(request->password)); // it has its copy
    if (!begun)
        return;
    const registry_request page = {.kind = REGISTRY_PAGE, .object = "/v2/", .most = 64 << 10};
    self->fetch = registry_fetch_start(self->registry, &page, &events, self);
}

void worker_open_login(rpc_stream *stream, void *data) {
    static const rpc_stream_events events = {.message = on_login, .close = on_closed};
    expect(stream, data, &events);
}

// ---- Tags ----

static void on_tags_done(const json_t *tags, bool more, const holm_error *error, void *data) {
    question *self = data;
    Holm__Image__V1__TagsResponse reply = HOLM__IMAGE__V1__TAGS_RESPONSE__INIT;
    reply.more = more;
    reply.n_tags = json_array_size(tags);
    cleanup_free char **names = calloc(reply.n_tags + 1, sizeof *names);
    for (size_t i = 0; i < reply.n_tags; i++)
        names[i] = (char *)json_string_value(json_array_get(tags, i));
    reply.tags = names;
    self->tags = NULL; // it goes by itself, after this
    answer(self, &reply.base, error);
}

static void on_tags(rpc_stream *stream, const ProtobufCMessage *message, void *data) {
    (void)stream;
    question *self = data;
    const Holm__Image__V1__TagsRequest *request = (const Holm__Image__V1__TagsRequest *)message;
    if (self->registry)
        return;
    cleanup_error holm_error *error = NULL;
    cleanup_image_reference image_reference reference = {0};
    if (image_reference_parse(request->reference, NULL, &reference, &error) < 0)
        answer(self, NULL, error);
    else if (begin(self, reference.registry, reference.repository, request->scheme, NULL))
        self->tags = registry_tags_start(self->registry, request->most, on_tags_done, self);
}

void worker_open_tags(rpc_stream *stream, void *data) {
    static const rpc_stream_events events = {.message = on_tags, .close = on_closed};
    expect(stream, data, &events);
}
