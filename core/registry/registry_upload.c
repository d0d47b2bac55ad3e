#include "core/registry/registry_upload.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "core/base/path.h"
#include "core/registry/registry_exchange.h"
#include "core/registry/registry_internal.h"

#define LOG_MODULE "registry"
#include "core/base/log.h"

#define RESTARTS_MAX 3

struct registry_upload {
    registry *owner;
    registry_exchange *exchange;
    registry_upload_options options;
    void *data;
    char *digest, *source, *location;
    uint64_t position, end; // what the registry has; where the chunk under way ends
    uint64_t chunk;         // bytes of one
    void (*aborted)(void *data);
    unsigned tries, breaks, restarts;
    uv_timer_t *timer;
};

char *registry_upload_location(const char *base, const char *location, holm_error **error) {
    char *url = location ? http_url_resolve(base, location) : NULL;
    cleanup_free char *from = NULL, *to = NULL;
    free(http_origin_of(base, &from));
    cleanup_free char *origin = url ? http_origin_of(url, &to) : NULL;
    if (!origin)
        holm_error_set(error, HOLM_ERROR_INTEGRITY, "the registry names no address to send the blob to");
    else if (from && strcasecmp(from, "https") == 0 && strcasecmp(to, "https") != 0)
        holm_error_set(error, HOLM_ERROR_DENIED, "the registry leads from https to unencrypted http");
    else {
        url[strcspn(url, "#")] = 0;
        return url;
    }
    free(url);
    return NULL;
}

int registry_upload_range(const char *text, uint64_t *next, holm_error **error) {
    const char *at = text && strncmp(text, "bytes=", 6) == 0 ? text + 6 : text;
    size_t digits = at && strncmp(at, "0-", 2) == 0 ? strspn(at + 2, "0123456789") : 0;
    if (digits == 0 || digits > 18 || at[2 + digits]) {
        holm_error_set(error, HOLM_ERROR_INTEGRITY, "the registry does not say how much of the blob it has");
        return -1;
    }
    uint64_t last = strtoull(at + 2, NULL, 10);
    *next = last ? last + 1 : 0;
    return 0;
}

static void free_timer(uv_handle_t *handle) {
    free(handle);
}

static void upload_free(registry_upload *self) {
    uv_close((uv_handle_t *)self->timer, free_timer);
    if (self->options.fd >= 0)
        close(self->options.fd);
    free(self->digest);
    free(self->source);
    free(self->location);
    free(self);
}

// The error is taken over.
static void finish(registry_upload *self, bool there, holm_error *error) {
    holm_error_wrap(&error, "push the blob %.19s to %s", self->digest, self->owner->host);
    self->options.done(there, error, self->data);
    holm_error_free(error);
    upload_free(self);
}

// False: the exchange has failed, and the upload has ended with that.
static bool has_answer(registry_upload *self, const holm_error *error) {
    self->exchange = NULL;
    if (error)
        finish(self, false, holm_error_copy(error));
    return !error;
}

static void fail_status(registry_upload *self, const http_request *answer, const char *text) {
    holm_error *error = NULL;
    holm_error_set(&error, HOLM_ERROR_UNAVAILABLE, "it answered %ld%s%s%s", http_request_status(answer),
                   text ? " (" : "", text ? text : "", text ? ")" : "");
    finish(self, false, error);
}

static void look(registry_upload *self);
static void begin(registry_upload *self);
static void go_on(registry_upload *self);
static void ask(registry_upload *self);

static void send_request(registry_upload *self, registry_exchange_options options) {
    self->exchange = registry_exchange_start(self->owner, &options, self);
}

// What is under way there is lost, or not what it should be, or it was stored and only the answer was lost.
static void restart(registry_upload *self, const http_request *answer, const char *text) {
    if (self->restarts++ >= RESTARTS_MAX) {
        fail_status(self, answer, text);
        return;
    }
    log_info("%s: beginning anew: the registry answered %ld", self->digest, http_request_status(answer));
    self->position = 0;
    look(self);
}

// Takes Location from an answer. False: it has ended with an error.
static bool take_location(registry_upload *self, const http_request *answer) {
    holm_error *error = NULL;
    const char *header = http_request_header(answer, "Location", 0);
    if (!header && self->location) // the same as before
        return true;
    char *url = registry_upload_location(http_request_url(answer), header, &error);
    bool down = url && self->owner->secure && strncasecmp(url, "https:", 6) != 0;
    if (down)
        holm_error_set(&error, HOLM_ERROR_DENIED, "the registry leads from https to unencrypted http");
    if (error) {
        free(url);
        finish(self, false, error);
        return false;
    }
    free(self->location);
    self->location = url;
    return true;
}

// ---- the end: PUT ----

static void on_closed(const http_request *answer, const char *text, const holm_error *error, unsigned wait_ms,
                      void *data) {
    registry_upload *self = data;
    (void)wait_ms;
    if (!has_answer(self, error))
        return;
    long status = http_request_status(answer);
    if (status == 201 || status == 204)
        finish(self, false, NULL);
    else
        restart(self, answer, text);
}

static void close_upload(registry_upload *self) {
    static const char *const headers[] = {"Content-Type: application/octet-stream", NULL};
    static const http_content nothing = {.fd = -1};
    cleanup_free char *url =
        path_format("%s%sdigest=%s", self->location, strchr(self->location, '?') ? "&" : "?", self->digest);
    send_request(
        self,
        (registry_exchange_options){
            .method = HTTP_PUT, .url = url, .headers = headers, .content = &nothing, .done = on_closed});
}

// ---- how much has arrived: GET ----

static void take_position(registry_upload *self, const http_request *answer, uint64_t otherwise) {
    holm_error *error = NULL;
    uint64_t next = otherwise;
    const char *range = http_request_header(answer, "Range", 0);
    if ((range || otherwise == UINT64_MAX) && registry_upload_range(range, &next, &error) < 0) {
        finish(self, false, error);
        return;
    }
    if (next == 0 && self->end == 1 && otherwise == 1)
        next = 1; // "0-0": the one byte
    if (next > self->end) {
        holm_error_set(&error, HOLM_ERROR_INTEGRITY, "the registry says it has more than was sent");
        finish(self, false, error);
        return;
    }
    if (next > self->position) {
        self->tries = 0;
    } else if (next < self->position && self->restarts++ >= RESTARTS_MAX) {
        holm_error_set(&error, HOLM_ERROR_INTEGRITY, "the registry loses what it had");
        finish(self, false, error);
        return;
    }
    if (next <= self->position && otherwise != UINT64_MAX && ++self->tries >= REGISTRY_TRIES_MAX) {
        holm_error_set(&error, HOLM_ERROR_UNAVAILABLE, "the registry keeps nothing of what is sent");
        finish(self, false, error);
        return;
    }
    self->position = next;
    go_on(self);
}

static void on_asked(const http_request *answer, const char *text, const holm_error *error, unsigned wait_ms,
                     void *data) {
    registry_upload *self = data;
    (void)wait_ms;
    if (!has_answer(self, error))
        return;
    if (http_request_status(answer) / 100 != 2)
        restart(self, answer, text);
    else if (take_location(self, answer))
        take_position(self, answer, UINT64_MAX);
}

static void ask(registry_upload *self) {
    send_request(self,
                 (registry_exchange_options){.method = HTTP_GET, .url = self->location, .done = on_asked});
}

// ---- chunks: PATCH ----

static void on_wait_over(uv_timer_t *timer) {
    ask(timer->data);
}

static void on_chunk(const http_request *answer, const char *text, const holm_error *error, unsigned wait_ms,
                     void *data) {
    registry_upload *self = data;
    self->exchange = NULL;
    bool passing = error && holm_error_code_of(error) == HOLM_ERROR_UNAVAILABLE;
    if (passing && ++self->tries < REGISTRY_TRIES_MAX && ++self->breaks < REGISTRY_RETRIES_MAX &&
        wait_ms <= REGISTRY_WAIT_MAX_MS) {
        unsigned wait = wait_ms ? wait_ms : self->owner->backoff_ms << (self->tries - 1);
        log_info("%s: %s; asking in %u ms what has arrived", self->digest, holm_error_message(error), wait);
        uv_timer_start(self->timer, on_wait_over, wait, 0);
    } else if (error) {
        finish(self, false, holm_error_copy(error));
    } else if (http_request_status(answer) == 416 && ++self->tries < REGISTRY_TRIES_MAX) {
        ask(self);
    } else if (http_request_status(answer) == 404) {
        restart(self, answer, text);
    } else if (http_request_status(answer) / 100 != 2) {
        fail_status(self, answer, text);
    } else if (take_location(self, answer)) {
        take_position(self, answer, self->end);
    }
}

static void on_sent(uint64_t count, void *data) {
    registry_upload *self = data;
    if (self->options.moved)
        self->options.moved(self->position + count, self->data);
}

static void go_on(registry_upload *self) {
    uint64_t left = self->options.size - self->position;
    if (left == 0) {
        close_upload(self);
        return;
    }
    uint64_t length = left < self->chunk ? left : self->chunk;
    self->end = self->position + length;
    cleanup_free char *range =
        path_format("Content-Range: %" PRIu64 "-%" PRIu64, self->position, self->end - 1);
    const char *const headers[] = {"Content-Type: application/octet-stream", range, NULL};
    const http_content chunk = {.fd = self->options.fd, .offset = self->position, .size = length};
    send_request(self, (registry_exchange_options){.method = HTTP_PATCH,
                                                   .url = self->location,
                                                   .headers = headers,
                                                   .content = &chunk,
                                                   .once = true,
                                                   .sent = on_sent,
                                                   .done = on_chunk});
}

// ---- the beginning: HEAD, then POST ----

// A registry may want larger chunks than ours, up to the blob as a whole.
static void take_chunk_size(registry_upload *self, const char *least) {
    size_t digits = least ? strspn(least, "0123456789") : 0;
    uint64_t size = digits > 0 && digits <= 18 && !least[digits] ? strtoull(least, NULL, 10) : 0;
    self->chunk = size > REGISTRY_CHUNK ? size : REGISTRY_CHUNK;
}

static void on_begun(const http_request *answer, const char *text, const holm_error *error, unsigned wait_ms,
                     void *data) {
    registry_upload *self = data;
    (void)wait_ms;
    self->exchange = NULL;
    bool refused =
        error ? holm_error_code_of(error) == HOLM_ERROR_DENIED : http_request_status(answer) / 100 != 2;
    if (refused && self->source) {
        free(steal_pointer(&self->source)); // not to be mounted by us
        begin(self);
    } else if (!has_answer(self, error)) {
        return;
    } else if (http_request_status(answer) == 201) {
        finish(self, true, NULL);
    } else if (http_request_status(answer) != 202) {
        fail_status(self, answer, text);
    } else if (self->options.fd < 0) {
        holm_error *missing = NULL;
        holm_error_set(&missing, HOLM_ERROR_NOT_FOUND, "its bytes are not here");
        holm_error_hint(&missing,
                        "holm image verify --repair fetches them again, where they came from a registry");
        finish(self, false, missing);
    } else if (take_location(self, answer)) {
        take_chunk_size(self, http_request_header(answer, "OCI-Chunk-Min-Length", 0));
        go_on(self);
    }
}

static void begin(registry_upload *self) {
    static const http_content nothing = {.fd = -1};
    const registry *owner = self->owner;
    cleanup_free char *url = self->source
                                 ? path_format("%s/v2/%s/blobs/uploads/?mount=%s&from=%s", owner->base_url,
                                               owner->repository, self->digest, self->source)
                                 : path_format("%s/v2/%s/blobs/uploads/", owner->base_url, owner->repository);
    free(steal_pointer(&self->location));
    send_request(self, (registry_exchange_options){
                           .method = HTTP_POST, .url = url, .content = &nothing, .done = on_begun});
}

static void on_looked(const http_request *answer, const char *text, const holm_error *error, unsigned wait_ms,
                      void *data) {
    registry_upload *self = data;
    (void)wait_ms;
    if (!has_answer(self, error))
        return;
    long status = http_request_status(answer);
    if (status == 200)
        finish(self, true, NULL);
    else if (status == 404)
        begin(self);
    else
        fail_status(self, answer, text);
}

static void look(registry_upload *self) {
    cleanup_free char *url =
        path_format("%s/v2/%s/blobs/%s", self->owner->base_url, self->owner->repository, self->digest);
    send_request(self, (registry_exchange_options){.method = HTTP_HEAD, .url = url, .done = on_looked});
}

registry_upload *registry_upload_start(registry *owner, const registry_upload_options *options, void *data) {
    registry_upload *self = calloc(1, sizeof *self);
    self->owner = owner;
    self->options = *options;
    self->data = data;
    self->digest = strdup(options->digest);
    self->source = options->source ? strdup(options->source) : NULL;
    if (options->fd >= 0)
        self->options.fd = fcntl(options->fd, F_DUPFD_CLOEXEC, 0);
    self->timer = calloc(1, sizeof *self->timer);
    uv_timer_init(owner->loop, self->timer);
    self->timer->data = self;
    look(self);
    return self;
}

static void on_aborted(const http_request *answer, const char *text, const holm_error *error,
                       unsigned wait_ms, void *data) {
    registry_upload *self = data;
    (void)answer, (void)text, (void)error, (void)wait_ms; // it forgets by itself too, in time
    self->exchange = NULL;
    self->aborted(self->data);
    upload_free(self);
}

bool registry_upload_abort(registry_upload *self, void (*ended)(void *data)) {
    registry_exchange_cancel(steal_pointer(&self->exchange));
    uv_timer_stop(self->timer);
    if (!self->location) {
        upload_free(self);
        return false;
    }
    self->aborted = ended;
    send_request(self, (registry_exchange_options){
                           .method = HTTP_DELETE, .url = self->location, .once = true, .done = on_aborted});
    return true;
}

void registry_upload_cancel(registry_upload *self) {
    if (!self)
        return;
    registry_exchange_cancel(self->exchange);
    upload_free(self);
}
