// Questions to a registry that are no image work: whether it accepts a login, which tags there are, what
// refers to an image; and that it let something go.
#include <string.h>

#include "core/image/manifest.h"
#include "core/image/reference.h"
#include "core/image/remote_remove.h"
#include "core/image/worker_internal.h"
#include "core/registry/registry_read.h"
#include "core/registry/registry_referrers.h"
#include "core/registry/registry_tags.h"

#define REFERRERS_BYTES_MAX (RPC_MESSAGE_MAX - (64u << 10)) ///< of one answer

typedef struct question {
    worker *owner;
    rpc_stream *stream;
    registry *registry; // NULL: not asked yet
    registry_fetch *fetch;
    registry_list *tags;
    registry_read *manifest; // whose digest is not known yet
    registry_referrers *referrers;
    remote_remove *removal;
    char *artifact_type; // or NULL
    char digest[DIGEST_SIZE];
} question;

static void finish(question *self) {
    registry_fetch_cancel(self->fetch);
    registry_list_cancel(self->tags);
    registry_read_cancel(self->manifest);
    registry_referrers_cancel(self->referrers);
    remote_remove_cancel(self->removal);
    free(self->artifact_type);
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

// False: it has been answered.
static bool begin_reference(question *self, const char *text, const char *scheme, image_reference *out) {
    cleanup_error holm_error *error = NULL;
    if (image_reference_parse(text, NULL, out, &error) == 0)
        return begin(self, out->registry, out->repository, scheme, NULL);
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
    cleanup_image_reference image_reference reference = {0};
    if (begin_reference(self, request->reference, request->scheme, &reference))
        self->tags = registry_tags_start(self->registry, request->most, on_tags_done, self);
}

void worker_open_tags(rpc_stream *stream, void *data) {
    static const rpc_stream_events events = {.message = on_tags, .close = on_closed};
    expect(stream, data, &events);
}

// ---- Referrers ----

static void take_annotations(Holm__Image__V1__Referrer *out, const json_t *annotations) {
    const char *name;
    json_t *value;
    size_t count = json_object_size(annotations);
    out->annotations = count ? calloc(count, sizeof *out->annotations) : NULL;
    json_object_foreach ((json_t *)annotations, name, value) {
        Holm__Image__V1__Annotation *one = malloc(sizeof *one);
        holm__image__v1__annotation__init(one);
        one->name = strdup(name);
        one->value = strdup(json_string_value(value));
        out->annotations[out->n_annotations++] = one;
    }
}

static Holm__Image__V1__Referrer *make_referrer(const json_t *entry) {
    Holm__Image__V1__Referrer *out = malloc(sizeof *out);
    holm__image__v1__referrer__init(out);
    out->digest = strdup(json_string_value(json_object_get(entry, "digest")));
    out->media_type = strdup(json_string_value(json_object_get(entry, "mediaType")));
    out->artifact_type = strdup(json_string_value(json_object_get(entry, "artifactType")));
    out->size = (uint64_t)json_integer_value(json_object_get(entry, "size"));
    take_annotations(out, json_object_get(entry, "annotations"));
    return out;
}

static void on_referrers_done(const json_t *list, bool more, const holm_error *error, void *data) {
    question *self = data;
    Holm__Image__V1__ReferrersResponse *reply = malloc(sizeof *reply);
    size_t index, bytes = 0;
    json_t *entry;
    self->referrers = NULL; // it goes by itself, after this
    holm__image__v1__referrers_response__init(reply);
    reply->digest = strdup(self->digest);
    reply->more = more;
    reply->referrers = calloc(json_array_size(list) + 1, sizeof(Holm__Image__V1__Referrer *));
    json_array_foreach (list, index, entry) {
        Holm__Image__V1__Referrer *one = make_referrer(entry);
        reply->referrers[reply->n_referrers++] = one;
        bytes += holm__image__v1__referrer__get_packed_size(one) + 16;
        if (bytes <= REFERRERS_BYTES_MAX)
            continue;
        holm__image__v1__referrer__free_unpacked(reply->referrers[--reply->n_referrers], NULL);
        reply->more = true;
        break;
    }
    answer(self, &reply->base, error);
    holm__image__v1__referrers_response__free_unpacked(reply, NULL);
}

static void list_referrers(question *self) {
    self->referrers =
        registry_referrers_start(self->registry, self->digest, self->artifact_type, on_referrers_done, self);
}

static void on_subject(registry_fetch *fetch, const buffer *text, const holm_error *error, void *data) {
    question *self = data;
    (void)fetch;
    self->manifest = NULL;
    if (error) {
        answer(self, NULL, error);
        return;
    }
    digest_of(buffer_text(text), text->length, self->digest);
    list_referrers(self);
}

static void on_referrers(rpc_stream *stream, const ProtobufCMessage *message, void *data) {
    (void)stream;
    question *self = data;
    const Holm__Image__V1__ReferrersRequest *request = (const Holm__Image__V1__ReferrersRequest *)message;
    cleanup_image_reference image_reference reference = {0};
    if (self->registry || !begin_reference(self, request->reference, request->scheme, &reference))
        return;
    self->artifact_type = *request->artifact_type ? strdup(request->artifact_type) : NULL;
    if (reference.digest) {
        memcpy(self->digest, reference.digest, DIGEST_SIZE);
        list_referrers(self);
        return;
    }
    const registry_request subject = {.kind = REGISTRY_MANIFEST,
                                      .object = reference.tag,
                                      .accept = MANIFEST_ACCEPT,
                                      .most = MANIFEST_SIZE_MAX};
    self->manifest = registry_read_start(self->registry, &subject, on_subject, self);
}

void worker_open_referrers(rpc_stream *stream, void *data) {
    static const rpc_stream_events events = {.message = on_referrers, .close = on_closed};
    expect(stream, data, &events);
}

// ---- RemoveRemote ----

static void on_removed(const char *digest, const holm_error *error, void *data) {
    question *self = data;
    Holm__Image__V1__RemoveRemoteResponse reply = HOLM__IMAGE__V1__REMOVE_REMOTE_RESPONSE__INIT;
    self->removal = NULL; // it goes by itself, after this
    reply.digest = (char *)digest;
    answer(self, &reply.base, error);
}

static void on_remove_remote(rpc_stream *stream, const ProtobufCMessage *message, void *data) {
    (void)stream;
    question *self = data;
    const Holm__Image__V1__RemoveRemoteRequest *request =
        (const Holm__Image__V1__RemoveRemoteRequest *)message;
    cleanup_image_reference image_reference reference = {0};
    if (!self->registry && begin_reference(self, request->reference, request->scheme, &reference))
        self->removal =
            remote_remove_start(self->registry, image_reference_object(&reference), on_removed, self);
}

void worker_open_remove_remote(rpc_stream *stream, void *data) {
    static const rpc_stream_events events = {.message = on_remove_remote, .close = on_closed};
    expect(stream, data, &events);
}
