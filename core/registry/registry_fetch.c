// One object on its way here, over as many requests as it takes.
#include <string.h>
#include <strings.h>

#include "core/base/path.h"
#include "core/registry/header.h"
#include "core/registry/registry_internal.h"

#define LOG_MODULE "registry"
#include "core/base/log.h"

struct registry_fetch {
    registry *owner;
    registry_fetch *next, **link;
    registry_kind kind;
    char *object, *accept, *content_type, *next_page;
    uint64_t position, size, most; // position: the next byte we want
    uint64_t skip;                 // bytes to pass over: the server began at 0 though asked for more
    registry_events events;
    void *data;
    http_request *request;
    uv_timer_t *timer; // waits to try again, or to tell an error from the loop
    unsigned tries, retries, logins, generation;
    bool paused, reading; // reading: the body is what was asked for
    buffer answer;        // the beginning of an error's text
    holm_error *failure;  // why the body was refused, or what the timer tells
};

static void start_request(registry_fetch *self);

static void free_timer(uv_handle_t *handle) {
    free(handle);
}

// Nothing of the registry's knows it any more.
static void detach(registry_fetch *self) {
    *self->link = self->next;
    if (self->next)
        self->next->link = self->link;
    if (self->timer)
        uv_close((uv_handle_t *)self->timer, free_timer);
    registry_auth_forget(self->owner, self);
    http_request_cancel(self->request);
}

static void fetch_free(registry_fetch *self) {
    holm_error_free(self->failure);
    buffer_finish(&self->answer);
    free(self->object);
    free(self->accept);
    free(self->content_type);
    free(self->next_page);
    free(self);
}

static void finish(registry_fetch *self, holm_error *error) {
    if (error && self->kind == REGISTRY_BLOB)
        holm_error_wrap(&error, "fetch the blob %.19s from %s", self->object, self->owner->host);
    detach(self); // `done` may destroy the registry
    self->events.done(self, self->content_type, error, self->data);
    holm_error_free(error);
    fetch_free(self);
}

// ---- trying again ----

static void on_timer(uv_timer_t *timer) {
    registry_fetch *self = timer->data;
    if (self->failure)
        finish(self, steal_pointer(&self->failure));
    else
        start_request(self);
}

static void set_timer(registry_fetch *self, unsigned wait_ms) {
    if (!self->timer) {
        self->timer = calloc(1, sizeof *self->timer);
        uv_timer_init(self->owner->loop, self->timer);
        self->timer->data = self;
    }
    uv_timer_start(self->timer, on_timer, wait_ms, 0);
}

// A registry that was never there is told at once, not after a minute.
static bool can_retry(const registry_fetch *self, unsigned wait_ms) {
    return self->owner->reached && self->tries + 1 < REGISTRY_TRIES_MAX &&
           self->retries < REGISTRY_RETRIES_MAX && wait_ms <= REGISTRY_WAIT_MAX_MS;
}

// The error is taken over. wait_ms 0: as long as the number of tries says.
static void retry(registry_fetch *self, holm_error *why, unsigned wait_ms) {
    if (wait_ms == 0)
        wait_ms = self->owner->backoff_ms << self->tries;
    self->tries++;
    self->retries++;
    log_info("%s: %s; trying again in %u ms", self->object, holm_error_message(why), wait_ms);
    if (self->events.retry)
        self->events.retry(self, why, wait_ms, self->data);
    holm_error_free(why);
    set_timer(self, wait_ms);
}

static void retry_or_fail(registry_fetch *self, holm_error *why, unsigned wait_ms) {
    if (can_retry(self, wait_ms))
        retry(self, why, wait_ms);
    else
        finish(self, why);
}

// ---- the response ----

static bool range_begins_at(const char *text, uint64_t first, uint64_t size) {
    unsigned long long begin, end, total;
    if (!text || sscanf(text, "bytes %llu-%llu/%llu", &begin, &end, &total) != 3)
        return text && sscanf(text, "bytes %llu-%llu/*", &begin, &end) == 2 && begin == first;
    return begin == first && (size == 0 || total == size);
}

static void on_head(http_request *request, long status, void *data) {
    registry_fetch *self = data;
    self->owner->reached = true;
    self->skip = 0;
    self->reading = status == 200 || (status == 206 && self->position > 0);
    if (!self->reading)
        return;
    free(self->content_type);
    const char *type = http_request_header(request, "Content-Type", 0);
    self->content_type = type ? strndup(type, strcspn(type, "; ")) : NULL;
    free(self->next_page);
    self->next_page = header_link_next(http_request_header(request, "Link", 0));
    if (status == 200)
        self->skip = self->position;
    else if (!range_begins_at(http_request_header(request, "Content-Range", 0), self->position, self->size))
        holm_error_set(&self->failure, HOLM_ERROR_INTEGRITY,
                       "the registry sent another part than it was asked for");
}

static void deliver(registry_fetch *self, const char *bytes, size_t length) {
    uint64_t bound = self->size ? self->size : self->most;
    if (length > bound - self->position) {
        holm_error_set(&self->failure, self->size ? HOLM_ERROR_INTEGRITY : HOLM_ERROR_LIMIT,
                       "the registry sent more than %llu bytes", (unsigned long long)bound);
        return;
    }
    self->position += length;
    self->tries = 0;
    self->events.body(self, bytes, length, self->data);
}

// The request that we are called from is ended by us: what follows comes from the loop.
static void break_off(registry_fetch *self) {
    http_request_cancel(steal_pointer(&self->request));
    set_timer(self, 0);
}

static void on_body(http_request *request, const void *bytes, size_t length, void *data) {
    (void)request;
    registry_fetch *self = data;
    if (!self->reading) {
        if (self->answer.length + length <= REGISTRY_ANSWER_MAX)
            buffer_append(&self->answer, bytes, length);
        return;
    }
    size_t passed = length > self->skip ? (size_t)self->skip : length;
    self->skip -= passed;
    if (!self->failure && length > passed)
        deliver(self, (const char *)bytes + passed, length - passed);
    if (self->failure)
        break_off(self);
}

static void on_renewed(const holm_error *error, void *data) {
    registry_fetch *self = data;
    if (!error) {
        start_request(self);
    } else if (holm_error_code_of(error) == HOLM_ERROR_UNAVAILABLE && can_retry(self, 0)) {
        self->logins = 0; // it has not been answered
        retry(self, holm_error_copy(error), 0);
    } else {
        self->failure = holm_error_copy(error);
        set_timer(self, 0);
    }
}

static void handle_unauthorized(registry_fetch *self, const http_request *request, const char *text) {
    // Another fetch has logged in meanwhile: that may be all it takes.
    if (self->generation != self->owner->generation && self->logins < 2) {
        self->logins++;
        start_request(self);
        return;
    }
    if (self->logins++ == 0 && registry_auth_answer(self->owner, request, on_renewed, self))
        return;
    holm_error *error = NULL;
    registry_set_denied(self->owner, text, &error);
    finish(self, error);
}

static void handle_status(registry_fetch *self, const http_request *request, long status) {
    cleanup_free char *text = registry_error_text(buffer_text(&self->answer), self->answer.length);
    const char *host = self->owner->host;
    const char *open = text ? " (" : "", *inner = text ? text : "", *close = text ? ")" : "";
    holm_error *error = NULL;
    if (status == 401) {
        handle_unauthorized(self, request, text);
    } else if (status == 404) {
        const char *kind = self->kind == REGISTRY_BLOB ? " blob " : self->kind == REGISTRY_PAGE ? "" : " ";
        holm_error_set(&error, HOLM_ERROR_NOT_FOUND, "%s has no %s%s%s%s%s%s", host, self->owner->repository,
                       kind, self->kind == REGISTRY_PAGE ? "" : self->object, open, inner, close);
        finish(self, error);
    } else if (status == 403) {
        holm_error_set(&error, HOLM_ERROR_DENIED, "%s denies access to %s%s%s%s", host,
                       self->owner->repository, open, inner, close);
        finish(self, error);
    } else if (status == 429 || status == 408 || status >= 500) {
        holm_error_set(&error, HOLM_ERROR_UNAVAILABLE, "%s answered %ld%s%s%s", host, status, open, inner,
                       close);
        if (status == 429)
            holm_error_hint(&error, "the registry limits how often it may be asked: wait, or log in");
        retry_or_fail(self, error,
                      header_retry_after_ms(http_request_header(request, "Retry-After", 0), time(NULL)));
    } else {
        holm_error_set(&error, HOLM_ERROR_UNAVAILABLE, "%s answered %ld where %s was asked for%s%s%s", host,
                       status, self->object, open, inner, close);
        finish(self, error);
    }
}

static void on_done(http_request *request, const holm_error *error, void *data) {
    registry_fetch *self = data;
    self->request = NULL;
    long status = http_request_status(request);
    registry_take_warnings(self->owner, request);
    if (self->failure) {
        finish(self, steal_pointer(&self->failure));
    } else if (error && holm_error_code_of(error) == HOLM_ERROR_UNAVAILABLE) {
        retry_or_fail(self, holm_error_copy(error), 0);
    } else if (error) {
        finish(self, holm_error_copy(error));
    } else if (!self->reading) {
        handle_status(self, request, status);
    } else if (self->skip || (self->size && self->position < self->size)) {
        holm_error *early = NULL;
        holm_error_set(&early, HOLM_ERROR_UNAVAILABLE, "the registry stopped after %llu of %llu bytes",
                       (unsigned long long)self->position, (unsigned long long)self->size);
        retry_or_fail(self, early, 0);
    } else {
        finish(self, NULL);
    }
}

static void start_request(registry_fetch *self) {
    registry *owner = self->owner;
    bool blob = self->kind == REGISTRY_BLOB;
    cleanup_free char *url = self->kind == REGISTRY_PAGE
                                 ? path_format("%s%s", owner->base_url, self->object)
                                 : path_format("%s/v2/%s/%s/%s", owner->base_url, owner->repository,
                                               blob ? "blobs" : "manifests", self->object);
    cleanup_free char *accept = path_format("Accept: %s", self->accept ? self->accept : "*/*");
    const char *const headers[] = {accept, NULL};
    uint64_t bound = self->size ? self->size : self->most;
    http_options options = {.url = url,
                            .headers = headers,
                            .authorization = owner->authorization,
                            .from = self->position,
                            .body_max = bound + REGISTRY_ANSWER_MAX,
                            .stall_seconds = owner->stall_seconds,
                            .certificates = owner->certificates};
    static const http_events events = {.head = on_head, .body = on_body, .done = on_done};
    self->reading = false;
    buffer_clear(&self->answer);
    self->generation = owner->generation;
    self->request = http_request_start(owner->http, &options, &events, self);
    if (self->paused)
        http_request_pause(self->request);
}

registry_fetch *registry_fetch_start(registry *owner, const registry_request *request,
                                     const registry_events *events, void *data) {
    registry_fetch *self = calloc(1, sizeof *self);
    self->owner = owner;
    self->kind = request->kind;
    self->object = strdup(request->object);
    self->accept = request->accept ? strdup(request->accept) : NULL;
    self->position = request->offset;
    self->size = request->size;
    self->most = request->most;
    self->events = *events;
    self->data = data;
    self->next = owner->fetches;
    self->link = &owner->fetches;
    if (self->next)
        self->next->link = &self->next;
    owner->fetches = self;
    start_request(self);
    return self;
}

const char *registry_fetch_next_page(const registry_fetch *fetch) {
    return fetch->next_page;
}

void registry_fetch_cancel(registry_fetch *fetch) {
    if (!fetch)
        return;
    detach(fetch);
    fetch_free(fetch);
}

void registry_fetch_pause(registry_fetch *fetch) {
    fetch->paused = true;
    if (fetch->request)
        http_request_pause(fetch->request);
}

void registry_fetch_resume(registry_fetch *fetch) {
    fetch->paused = false;
    if (fetch->request)
        http_request_resume(fetch->request);
}
