#include "core/registry/http.h"

#include <string.h>
#include <strings.h>

#include "core/base/path.h"
#include "core/registry/http_internal.h"

#define LOG_MODULE "http"
#include "core/base/log.h"

#define CONNECTIONS_HOST 16

typedef struct http_socket {
    uv_poll_t poll;
    http_client *client;
    curl_socket_t fd;
} http_socket;

static void settle(http_client *client);

// ---- curl's sockets and timer on the loop ----

static void on_ready(uv_poll_t *poll, int status, int events) {
    http_socket *entry = poll->data;
    http_client *client = entry->client;
    int flags = status < 0 ? CURL_CSELECT_ERR : 0;
    flags |= events & UV_READABLE ? CURL_CSELECT_IN : 0;
    flags |= events & UV_WRITABLE ? CURL_CSELECT_OUT : 0;
    int running;
    client->inside++;
    curl_multi_socket_action(client->multi, entry->fd, flags, &running);
    client->inside--;
    settle(client);
}

static void free_socket(uv_handle_t *handle) {
    free(handle->data);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *data, void *socket_data) {
    (void)easy;
    http_client *client = data;
    http_socket *entry = socket_data;
    if (what == CURL_POLL_REMOVE) {
        if (entry) {
            curl_multi_assign(client->multi, fd, NULL);
            uv_poll_stop(&entry->poll);
            uv_close((uv_handle_t *)&entry->poll, free_socket);
        }
        return 0;
    }
    if (!entry) {
        entry = calloc(1, sizeof *entry);
        entry->client = client;
        entry->fd = fd;
        entry->poll.data = entry;
        if (uv_poll_init_socket(client->loop, &entry->poll, fd) < 0) {
            free(entry);
            return -1;
        }
        curl_multi_assign(client->multi, fd, entry);
    }
    int events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
    uv_poll_start(&entry->poll, events, on_ready);
    return 0;
}

static void on_timer(uv_timer_t *timer) {
    http_client *client = timer->data;
    int running;
    client->inside++;
    curl_multi_socket_action(client->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    client->inside--;
    settle(client);
}

static int on_timeout(CURLM *multi, long timeout_ms, void *data) {
    (void)multi;
    http_client *client = data;
    if (timeout_ms < 0)
        uv_timer_stop(&client->timer);
    else
        uv_timer_start(&client->timer, on_timer, (uint64_t)timeout_ms, 0);
    return 0;
}

http_client *http_client_create(uv_loop_t *loop) {
    http_client *client = calloc(1, sizeof *client);
    client->loop = loop;
    client->multi = curl_multi_init();
    if (!client->multi)
        abort();
    uv_timer_init(loop, &client->timer);
    client->timer.data = client;
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, on_timeout);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
    curl_multi_setopt(client->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)CONNECTIONS_HOST);
    return client;
}

// ---- one request ----

static void clear_headers(http_request *self) {
    for (size_t i = 0; i < self->header_count; i++)
        free(self->header_lines[i]);
    self->header_count = self->header_bytes = 0;
}

static void request_free(http_request *self) {
    if (self->added)
        curl_multi_remove_handle(self->client->multi, self->easy);
    if (self->link) {
        *self->link = self->next;
        if (self->next)
            self->next->link = self->link;
    }
    curl_easy_cleanup(self->easy);
    http_body_destroy(self->content);
    clear_headers(self);
    curl_slist_free_all(self->headers);
    curl_slist_free_all(self->headers_with_authorization);
    free(self->url);
    free(self->form);
    free(self->origin);
    free(self->home);
    holm_error_free(self->refusal);
    free(self);
}

static void free_client(uv_handle_t *handle) {
    free(handle->data);
}

void http_client_destroy(http_client *client) {
    if (!client)
        return;
    while (client->requests)
        request_free(client->requests);
    curl_multi_cleanup(client->multi);
    uv_close((uv_handle_t *)&client->timer, free_client);
}

void http_request_refuse(http_request *self, holm_error_code code, const char *format, ...) {
    if (self->refusal)
        return;
    va_list arguments;
    va_start(arguments, format);
    holm_error_set_va(&self->refusal, code, format, arguments);
    va_end(arguments);
}

char *http_origin_of(const char *url, char **scheme_out) {
    CURLU *parsed = curl_url();
    char *scheme = NULL, *host = NULL, *port = NULL, *origin = NULL;
    if (strlen(url) <= HTTP_URL_MAX &&
        curl_url_set(parsed, CURLUPART_URL, url, CURLU_DISALLOW_USER) == CURLUE_OK &&
        curl_url_get(parsed, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
        curl_url_get(parsed, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
        curl_url_get(parsed, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK &&
        (strcasecmp(scheme, "http") == 0 || strcasecmp(scheme, "https") == 0))
        origin = path_format("%s://%s:%s", scheme, host, port);
    for (char *c = origin; c && *c; c++)
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
    if (scheme_out)
        *scheme_out = scheme ? strdup(scheme) : NULL;
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(parsed);
    return origin;
}

char *http_url_resolve(const char *base, const char *location) {
    CURLU *parsed = curl_url();
    char *url = NULL, *copy = NULL;
    if (strlen(location) <= HTTP_URL_MAX && curl_url_set(parsed, CURLUPART_URL, base, 0) == CURLUE_OK &&
        curl_url_set(parsed, CURLUPART_URL, location, CURLU_DISALLOW_USER) == CURLUE_OK &&
        curl_url_get(parsed, CURLUPART_URL, &url, CURLU_NO_DEFAULT_PORT) == CURLUE_OK)
        copy = strdup(url);
    curl_free(url);
    curl_url_cleanup(parsed);
    return copy;
}

static bool is_redirect(long status) {
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static bool will_redirect(const http_request *self) {
    // A form holds secrets, and a method that would turn into a GET is not what was asked for.
    bool same = self->status == 307 || self->status == 308;
    bool may = !self->form && (same || self->method == HTTP_GET || self->method == HTTP_HEAD);
    return is_redirect(self->status) && may && http_request_header(self, "Location", 0);
}

// The response's own status line begins a new head: also after a "100 Continue".
static size_t on_header(char *line, size_t size, size_t count, void *data) {
    http_request *self = data;
    size_t length = size * count;
    if (length >= 5 && strncmp(line, "HTTP/", 5) == 0) {
        clear_headers(self);
        return length;
    }
    self->header_bytes += length;
    if (self->header_bytes > HTTP_HEADER_BYTES) {
        http_request_refuse(self, HOLM_ERROR_LIMIT, "the server sent more than %u bytes of headers",
                            HTTP_HEADER_BYTES);
        return 0;
    }
    size_t end = length;
    while (end && (line[end - 1] == '\r' || line[end - 1] == '\n' || line[end - 1] == ' '))
        end--;
    for (size_t i = 0; i < end; i++)
        if ((line[i] < ' ' && line[i] != '\t') || line[i] > '~')
            return length;
    if (end && memchr(line, ':', end) && self->header_count < HTTP_HEADERS_MAX)
        self->header_lines[self->header_count++] = strndup(line, end);
    return length;
}

static void tell_head(http_request *self) {
    curl_easy_getinfo(self->easy, CURLINFO_RESPONSE_CODE, &self->status);
    if (self->head_told || self->cancelled || will_redirect(self))
        return;
    self->head_told = true;
    if (self->events.head)
        self->events.head(self, self->status, self->data);
}

static size_t on_body(char *bytes, size_t size, size_t count, void *data) {
    http_request *self = data;
    size_t length = size * count;
    if (self->cancelled)
        return 0;
    if (self->paused)
        return CURL_WRITEFUNC_PAUSE;
    tell_head(self);
    if (self->cancelled)
        return 0;
    if (self->paused)
        return CURL_WRITEFUNC_PAUSE;
    self->received += length;
    if (!self->head_told) { // the body of a redirect
        if (self->received > HTTP_HEADER_BYTES)
            http_request_refuse(self, HOLM_ERROR_LIMIT, "the server sent a redirect with a large body");
        return self->refusal ? 0 : length;
    }
    if (self->body_max && self->received > self->body_max) {
        http_request_refuse(self, HOLM_ERROR_LIMIT,
                            "the server sent more than the %llu bytes that are accepted",
                            (unsigned long long)self->body_max);
        return 0;
    }
    if (self->events.body)
        self->events.body(self, bytes, length, self->data);
    return self->cancelled ? 0 : length;
}

// Begins the transfer; from within curl only after it has returned.
static void add(http_request *self) {
    self->waiting = self->client->inside > 0;
    if (self->waiting)
        return;
    cleanup_free char *origin = http_origin_of(self->url, NULL);
    bool same = origin && self->origin && strcmp(origin, self->origin) == 0;
    curl_easy_setopt(self->easy, CURLOPT_URL, self->url);
    curl_easy_setopt(self->easy, CURLOPT_HTTPHEADER, same ? self->headers_with_authorization : self->headers);
    clear_headers(self);
    self->received = 0;
    self->curl_error[0] = 0;
    http_request_rewind(self);
    if (curl_multi_add_handle(self->client->multi, self->easy) != CURLM_OK)
        abort(); // only without memory
    self->added = true;
}

http_request *http_request_start(http_client *client, const http_options *options, const http_events *events,
                                 void *data) {
    http_request *self = calloc(1, sizeof *self);
    self->client = client;
    self->easy = curl_easy_init();
    if (!self->easy)
        abort();
    self->events = *events;
    self->data = data;
    self->url = strdup(options->url);
    self->form = options->form ? strdup(options->form) : NULL;
    self->from = options->from;
    self->body_max = options->body_max;
    self->next = client->requests;
    self->link = &client->requests;
    if (self->next)
        self->next->link = &self->next;
    client->requests = self;
    curl_easy_setopt(self->easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(self->easy, CURLOPT_HEADERDATA, self);
    curl_easy_setopt(self->easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(self->easy, CURLOPT_WRITEDATA, self);
    http_request_set_up(self, options);
    add(self);
    return self;
}

void http_request_cancel(http_request *request) {
    if (!request)
        return;
    request->cancelled = true;
    if (request->client->inside + request->client->telling == 0)
        request_free(request); // else settle() does, which is above us
}

void http_request_pause(http_request *request) {
    request->paused = true;
}

void http_request_apply_pauses(http_request *self) {
    http_client *client = self->client;
    if (self->added) {
        client->inside++;
        curl_easy_pause(self->easy,
                        (self->paused ? CURLPAUSE_RECV : 0) | (self->starved ? CURLPAUSE_SEND : 0));
        client->inside--;
    }
    settle(client);
}

void http_request_resume(http_request *request) {
    if (!request->paused)
        return;
    request->paused = false;
    http_request_apply_pauses(request);
}

const char *http_request_header(const http_request *request, const char *name, unsigned index) {
    size_t length = strlen(name);
    for (size_t i = 0; i < request->header_count; i++) {
        const char *line = request->header_lines[i];
        if (strncasecmp(line, name, length) != 0 || line[length] != ':' || index-- > 0)
            continue;
        return line + length + 1 + strspn(line + length + 1, " \t");
    }
    return NULL;
}

long http_request_status(const http_request *request) {
    return request->status;
}

const char *http_request_url(const http_request *request) {
    return request->url;
}

// ---- the end of a request ----

// Goes on at the Location. False when it may not (the refusal is set).
static bool redirect(http_request *self) {
    if (++self->redirects > HTTP_REDIRECTS_MAX) {
        http_request_refuse(self, HOLM_ERROR_LIMIT, "the server redirects more than %d times",
                            HTTP_REDIRECTS_MAX);
        return false;
    }
    char *url = http_url_resolve(self->url, http_request_header(self, "Location", 0));
    cleanup_free char *from = NULL, *to = NULL;
    free(http_origin_of(self->url, &from)); // only its scheme counts
    cleanup_free char *new_origin = url ? http_origin_of(url, &to) : NULL;
    if (!url || !new_origin) {
        free(url);
        http_request_refuse(self, HOLM_ERROR_INTEGRITY, "the server redirects to what is no http address");
        return false;
    }
    if (strcasecmp(from, "https") == 0 && strcasecmp(to, "https") != 0) {
        free(url);
        http_request_refuse(self, HOLM_ERROR_DENIED, "the server redirects from https to unencrypted http");
        return false;
    }
    free(self->url);
    self->url = url;
    // Once they have left their host credentials do not come back, or a detour could choose where they go.
    if (!self->origin || strcmp(self->origin, new_origin) != 0) {
        free(self->origin);
        self->origin = NULL;
    }
    if (self->home && strcmp(self->home, new_origin) != 0)
        http_request_leave_home(self);
    return true;
}

static void set_transfer_error(http_request *self, CURLcode code, holm_error **error) {
    holm_error_code kind = HOLM_ERROR_UNAVAILABLE;
    const char *hint = NULL;
    switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
        kind = HOLM_ERROR_DENIED;
        hint = "put the registry's authority into ~/.config/holm/certs.d/HOST[:PORT]/ca.crt";
        break;
    case CURLE_SSL_CERTPROBLEM:
        kind = HOLM_ERROR_DENIED;
        break;
    case CURLE_SSL_CONNECT_ERROR:
        hint = "if this registry speaks plain http, say --scheme http";
        break;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
        hint = "see whether its name is right and whether this machine reaches it";
        break;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        kind = HOLM_ERROR_INVALID;
        break;
    case CURLE_OUT_OF_MEMORY:
        kind = HOLM_ERROR_NO_MEMORY;
        break;
    default:
        break;
    }
    cleanup_free char *origin = http_origin_of(self->url, NULL);
    holm_error_set(error, kind, "%s: %s", origin ? origin : "the server",
                   self->curl_error[0] ? self->curl_error : curl_easy_strerror(code));
    if (hint)
        holm_error_hint(error, "%s", hint);
}

static void finish(http_request *self, CURLcode code) {
    curl_multi_remove_handle(self->client->multi, self->easy);
    self->added = false;
    cleanup_error holm_error *error = NULL;
    if (code == CURLE_OK && !self->refusal)
        tell_head(self);
    if (self->cancelled) {
        request_free(self);
        return;
    }
    if (code == CURLE_OK && !self->refusal && will_redirect(self) && redirect(self)) {
        add(self);
        return;
    }
    if (self->refusal)
        error = steal_pointer(&self->refusal);
    else if (code != CURLE_OK)
        set_transfer_error(self, code, &error);
    self->client->telling++;
    self->events.done(self, error, self->data);
    self->client->telling--;
    request_free(self);
}

// What curl has ended, and what was cancelled or started while it was at work.
static void settle(http_client *client) {
    if (client->inside + client->telling)
        return;
    int left;
    for (CURLMsg *message; (message = curl_multi_info_read(client->multi, &left));) {
        if (message->msg != CURLMSG_DONE)
            continue;
        http_request *request = NULL;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&request);
        finish(request, message->data.result);
    }
    for (http_request *request = client->requests, *next; request; request = next) {
        next = request->next;
        if (request->cancelled)
            request_free(request);
        else if (request->waiting)
            add(request);
    }
}
