// A request as curl wants it said.
#include <errno.h>
#include <string.h>

#include "core/base/path.h"
#include "core/registry/http_internal.h"

#define CONNECT_SECONDS 30
#define STALL_SECONDS   60

// ---- what is sent ----

static void on_content_ready(void *data) {
    http_request *self = data;
    self->starved = false;
    http_request_apply_pauses(self);
}

static size_t on_send(char *out, size_t size, size_t count, void *data) {
    http_request *self = data;
    if (self->cancelled || self->refusal)
        return CURL_READFUNC_ABORT;
    int64_t taken = http_body_take(self->content, out, size * count);
    if (taken == -2)
        http_request_refuse(self, HOLM_ERROR_INTERNAL, "what is to be sent cannot be read");
    if (taken == -2)
        return CURL_READFUNC_ABORT;
    self->starved = taken == -1;
    if (self->starved)
        return CURL_READFUNC_PAUSE;
    self->sent += (uint64_t)taken;
    if (taken > 0 && self->events.sent)
        self->events.sent(self, self->sent, self->data);
    return self->cancelled ? CURL_READFUNC_ABORT : (size_t)taken;
}

// Curl wants to go back where a connection broke under it, to send the same once more on another. How much of
// it has arrived only the server knows: whoever sends has to ask, and is told of the break.
static int on_seek(void *data, curl_off_t offset, int origin) {
    const http_request *self = data;
    bool stays = origin == SEEK_SET && offset >= 0 && (uint64_t)offset == self->sent;
    return stays ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL;
}

void http_request_rewind(http_request *self) {
    self->starved = false;
    self->sent = 0;
    if (self->content)
        http_body_seek(self->content, 0);
}

static void set_content(http_request *self, const http_content *content) {
    CURL *easy = self->easy;
    if (!content || content->bytes || content->size == 0) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, content ? (curl_off_t)content->size : 0);
        curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, content && content->bytes ? content->bytes : "");
        return;
    }
    self->content = http_body_create(self->client->loop, content->fd, content->offset, content->size,
                                     on_content_ready, self);
    if (!self->content)
        http_request_refuse(self, HOLM_ERROR_INTERNAL, "open what is to be sent: %s", strerror(errno));
    curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)content->size);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_send);
    curl_easy_setopt(easy, CURLOPT_READDATA, self);
    curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_seek);
    curl_easy_setopt(easy, CURLOPT_SEEKDATA, self);
}

// ---- method and headers ----

static bool has_content(http_method method) {
    return method == HTTP_POST || method == HTTP_PUT || method == HTTP_PATCH;
}

static void set_method(http_request *self, const http_options *options) {
    static const char *const names[] = {
        [HTTP_POST] = "POST", [HTTP_PUT] = "PUT", [HTTP_PATCH] = "PATCH", [HTTP_DELETE] = "DELETE"};
    self->method = options->method;
    if (self->form) {
        self->method = HTTP_POST;
        curl_easy_setopt(self->easy, CURLOPT_POSTFIELDS, self->form);
        return;
    }
    if (self->method == HTTP_HEAD)
        curl_easy_setopt(self->easy, CURLOPT_NOBODY, 1L);
    if (has_content(self->method))
        set_content(self, options->content);
    if (self->method != HTTP_GET && self->method != HTTP_HEAD)
        curl_easy_setopt(self->easy, CURLOPT_CUSTOMREQUEST, names[self->method]);
}

static void add_header(http_request *self, const char *line) {
    self->headers = curl_slist_append(self->headers, line);
    self->headers_with_authorization = curl_slist_append(self->headers_with_authorization, line);
}

static void set_headers(http_request *self, const http_options *options) {
    for (size_t i = 0; options->headers && options->headers[i]; i++)
        add_header(self, options->headers[i]);
    if (has_content(self->method) && !self->form) {
        add_header(self, "Expect:");       // no waiting for a 100 that many registries never send
        add_header(self, "Content-Type:"); // curl's own idea, where ours is not among the headers
    }
    if (!options->authorization)
        return;
    cleanup_free char *line = path_format("Authorization: %s", options->authorization);
    self->headers_with_authorization = curl_slist_append(self->headers_with_authorization, line);
    self->origin = http_origin_of(options->url, NULL);
}

static void set_certificates(http_request *self, const http_options *options) {
    const http_certificates *them = options->certificates;
    if (!them)
        return;
    if (them->authorities) {
        struct curl_blob blob = {
            .data = them->authorities, .len = strlen(them->authorities), .flags = CURL_BLOB_COPY};
        curl_easy_setopt(self->easy, CURLOPT_CAINFO_BLOB, &blob);
    }
    if (!them->certificate && !them->unverified)
        return;
    self->home = http_origin_of(options->url, NULL);
    curl_easy_setopt(self->easy, CURLOPT_SSLCERT, them->certificate);
    curl_easy_setopt(self->easy, CURLOPT_SSLKEY, them->key);
    curl_easy_setopt(self->easy, CURLOPT_SSL_VERIFYPEER, them->unverified ? 0L : 1L);
    curl_easy_setopt(self->easy, CURLOPT_SSL_VERIFYHOST, them->unverified ? 0L : 2L);
}

void http_request_leave_home(http_request *self) {
    free(self->home);
    self->home = NULL;
    curl_easy_setopt(self->easy, CURLOPT_SSLCERT, NULL);
    curl_easy_setopt(self->easy, CURLOPT_SSLKEY, NULL);
    curl_easy_setopt(self->easy, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(self->easy, CURLOPT_SSL_VERIFYHOST, 2L);
}

static void set_transfer(http_request *self, const http_options *options) {
    CURL *easy = self->easy;
    curl_easy_setopt(easy, CURLOPT_PRIVATE, self);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, self->curl_error);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME,
                     options->stall_seconds ? (long)options->stall_seconds : (long)STALL_SECONDS);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 256L << 10);
    curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, 256L << 10);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "holm/" HOLM_VERSION);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (self->from) {
        char range[32];
        snprintf(range, sizeof range, "%llu-", (unsigned long long)self->from);
        curl_easy_setopt(easy, CURLOPT_RANGE, range);
    }
}

void http_request_set_up(http_request *self, const http_options *options) {
    set_transfer(self, options);
    set_certificates(self, options);
    set_method(self, options);
    set_headers(self, options);
}
