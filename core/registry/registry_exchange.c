#include "core/registry/registry_exchange.h"

#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "core/registry/header.h"
#include "core/registry/registry_internal.h"

#define LOG_MODULE "registry"
#include "core/base/log.h"

#define HEADERS_MAX 8

struct registry_exchange {
    registry *owner;
    registry_exchange_options options;
    void *data;
    char *url, *headers[HEADERS_MAX + 1];
    http_content content;
    char *bytes;
    http_request *request;
    uv_timer_t *timer;
    unsigned tries, logins, generation;
    holm_error *failure; // what the timer tells
    buffer answer;
};

static void start_request(registry_exchange *self);

static void free_timer(uv_handle_t *handle) {
    free(handle);
}

static void detach(registry_exchange *self) {
    uv_close((uv_handle_t *)self->timer, free_timer);
    registry_auth_forget(self->owner, self);
    http_request_cancel(steal_pointer(&self->request));
}

static void exchange_free(registry_exchange *self) {
    if (self->content.size && !self->bytes)
        close(self->content.fd);
    for (size_t i = 0; self->headers[i]; i++)
        free(self->headers[i]);
    holm_error_free(self->failure);
    buffer_finish(&self->answer);
    free(self->bytes);
    free(self->url);
    free(self);
}

// The error is taken over. `done` may destroy the registry.
static void finish(registry_exchange *self, const http_request *answer, const char *text, holm_error *error,
                   unsigned wait_ms) {
    detach(self);
    self->options.done(answer, text, error, wait_ms, self->data);
    holm_error_free(error);
    exchange_free(self);
}

static void on_timer(uv_timer_t *timer) {
    registry_exchange *self = timer->data;
    if (self->failure)
        finish(self, NULL, NULL, steal_pointer(&self->failure), 0);
    else
        start_request(self);
}

// The error is taken over. wait_ms 0: as long as the number of tries says.
static void retry_or_fail(registry_exchange *self, holm_error *why, unsigned wait_ms) {
    bool may = !self->options.once && self->owner->reached && self->tries + 1 < REGISTRY_TRIES_MAX &&
               wait_ms <= REGISTRY_WAIT_MAX_MS;
    if (!may) {
        finish(self, NULL, NULL, why, wait_ms);
        return;
    }
    if (wait_ms == 0)
        wait_ms = self->owner->backoff_ms << self->tries;
    self->tries++;
    log_info("%s; trying again in %u ms", holm_error_message(why), wait_ms);
    holm_error_free(why);
    uv_timer_start(self->timer, on_timer, wait_ms, 0);
}

// ---- the answer ----

static void on_head(http_request *request, long status, void *data) {
    (void)request, (void)status;
    ((registry_exchange *)data)->owner->reached = true;
}

static void on_body(http_request *request, const void *bytes, size_t length, void *data) {
    registry_exchange *self = data;
    (void)request;
    buffer_append(&self->answer, bytes, length);
}

static void on_sent(http_request *request, uint64_t count, void *data) {
    registry_exchange *self = data;
    (void)request;
    if (self->options.sent)
        self->options.sent(count, self->data);
}

static void on_renewed(const holm_error *error, void *data) {
    registry_exchange *self = data;
    if (error)
        self->failure = holm_error_copy(error);
    uv_timer_start(self->timer, on_timer, 0, 0);
}

static bool is_own(const registry_exchange *self, const char *url) {
    cleanup_free char *own = http_origin_of(self->owner->base_url, NULL);
    cleanup_free char *there = http_origin_of(url, NULL);
    return own && there && strcmp(own, there) == 0;
}

// Another exchange may have logged in meanwhile, and that may be all it takes. Who we are is asked by the
// registry itself only.
static bool log_in(registry_exchange *self, const http_request *request) {
    if (!is_own(self, http_request_url(request)) || self->logins++ > 1)
        return false;
    if (self->generation == self->owner->generation)
        return registry_auth_answer(self->owner, request, on_renewed, self);
    start_request(self);
    return true;
}

static void on_done(http_request *request, const holm_error *error, void *data) {
    registry_exchange *self = data;
    self->request = NULL;
    if (error) {
        bool passing = holm_error_code_of(error) == HOLM_ERROR_UNAVAILABLE;
        if (passing)
            retry_or_fail(self, holm_error_copy(error), 0);
        else
            finish(self, NULL, NULL, holm_error_copy(error), 0);
        return;
    }
    long status = http_request_status(request);
    registry_take_warnings(self->owner, request);
    cleanup_free char *text = registry_error_text(buffer_text(&self->answer), self->answer.length);
    holm_error *why = NULL;
    if (status == 401 && log_in(self, request))
        return;
    if (status == 401 || status == 403) {
        registry_set_denied(self->owner, text, &why);
        finish(self, NULL, NULL, why, 0);
    } else if (status == 429 || status == 408 || status >= 500) {
        holm_error_set(&why, HOLM_ERROR_UNAVAILABLE, "%s answered %ld%s%s%s", self->owner->host, status,
                       text ? " (" : "", text ? text : "", text ? ")" : "");
        retry_or_fail(self, why,
                      header_retry_after_ms(http_request_header(request, "Retry-After", 0), time(NULL)));
    } else {
        finish(self, request, text, NULL, 0);
    }
}

static void start_request(registry_exchange *self) {
    static const http_events events = {.head = on_head, .body = on_body, .sent = on_sent, .done = on_done};
    registry *owner = self->owner;
    bool own = is_own(self, self->url);
    http_certificates certificates = *owner->certificates;
    if (!own) {
        certificates.certificate = certificates.key = NULL;
        certificates.unverified = false;
    }
    http_options options = {.method = self->options.method,
                            .url = self->url,
                            .headers = (const char *const *)self->headers,
                            .authorization = own ? owner->authorization : NULL,
                            .content = self->options.content ? &self->content : NULL,
                            .body_max = REGISTRY_ANSWER_MAX,
                            .stall_seconds = owner->stall_seconds,
                            .certificates = &certificates};
    buffer_clear(&self->answer);
    self->generation = owner->generation;
    self->request = http_request_start(owner->http, &options, &events, self);
}

registry_exchange *registry_exchange_start(registry *owner, const registry_exchange_options *options,
                                           void *data) {
    registry_exchange *self = calloc(1, sizeof *self);
    self->owner = owner;
    self->options = *options;
    self->data = data;
    self->url = strdup(options->url);
    for (size_t i = 0; options->headers && options->headers[i] && i < HEADERS_MAX; i++)
        self->headers[i] = strdup(options->headers[i]);
    if (options->content) {
        self->content = *options->content;
        if (self->content.bytes) {
            self->content.bytes = self->bytes = malloc(self->content.size + 1);
            memcpy(self->bytes, options->content->bytes, self->content.size);
        } else if (self->content.size) {
            self->content.fd = fcntl(self->content.fd, F_DUPFD_CLOEXEC, 0);
        }
    }
    self->timer = calloc(1, sizeof *self->timer);
    uv_timer_init(owner->loop, self->timer);
    self->timer->data = self;
    start_request(self);
    return self;
}

void registry_exchange_cancel(registry_exchange *self) {
    if (!self)
        return;
    detach(self);
    exchange_free(self);
}
