// Authorization: a challenge is answered once for all fetches that met it.
#include <curl/curl.h>
#include <jansson.h>
#include <string.h>
#include <strings.h>

#include "core/base/path.h"
#include "core/registry/registry_internal.h"

typedef struct registry_lookup {
    uv_work_t work;
    registry *owner; // NULL: it is gone
    credential_broker *broker;
    char *host, *repository;
    credentials found;
    holm_error *error;
} registry_lookup;

static void finish_renewal(registry *self, holm_error *error) {
    registry_auth_waiter *waiters = steal_pointer(&self->waiters);
    challenge_finish(&self->asked);
    if (!error)
        self->generation++;
    while (waiters) {
        registry_auth_waiter *next = waiters->next;
        if (waiters->done)
            waiters->done(error, waiters->data);
        free(waiters);
        waiters = next;
    }
    holm_error_free(error);
}

static void fail_renewal(registry *self, holm_error_code code, const char *text, const char *hint) {
    holm_error *error = NULL;
    holm_error_set(&error, code, "%s: %s", self->host, text);
    if (hint)
        holm_error_hint(&error, "%s", hint);
    finish_renewal(self, error);
}

static void set_authorization(registry *self, const char *scheme, const char *value) {
    if (self->authorization)
        explicit_bzero(self->authorization, strlen(self->authorization));
    free(self->authorization);
    self->authorization = path_format("%s %s", scheme, value);
}

// ---- the token service ----

char *registry_token_parse(const char *text, size_t length, holm_error **error) {
    json_t *root = json_loadb(text, length, 0, NULL);
    const char *token = json_string_value(json_object_get(root, "token"));
    if (!token || !*token)
        token = json_string_value(json_object_get(root, "access_token"));
    bool valid = token && *token;
    for (const char *c = token; valid && *c; c++)
        valid = *c > ' ' && *c <= '~';
    char *copy = valid ? strdup(token) : NULL;
    json_decref(root);
    if (!copy)
        holm_error_set(error, HOLM_ERROR_INTEGRITY, "the token service gave no usable token");
    return copy;
}

static void on_token_body(http_request *request, const void *bytes, size_t length, void *data) {
    (void)request;
    registry *self = data;
    buffer_append(&self->token_answer, bytes, length);
}

static void on_token_done(http_request *request, const holm_error *error, void *data) {
    registry *self = data;
    long status = http_request_status(request);
    self->token_request = NULL;
    holm_error *cause = holm_error_copy(error);
    cleanup_free char *token = NULL;
    if (!cause && status == 200) {
        token = registry_token_parse(buffer_text(&self->token_answer), self->token_answer.length, &cause);
    } else if (!cause) {
        cleanup_free char *text =
            registry_error_text(buffer_text(&self->token_answer), self->token_answer.length);
        bool denied = status == 401 || status == 403 || status == 400;
        holm_error_set(&cause, denied ? HOLM_ERROR_DENIED : HOLM_ERROR_UNAVAILABLE,
                       "the token service answered %ld%s%s", status, text ? ": " : "", text ? text : "");
        if (denied)
            holm_error_hint(&cause, "log in: holm registry login %s", self->host);
    }
    if (token) {
        set_authorization(self, "Bearer", token);
        explicit_bzero(token, strlen(token));
    }
    if (self->token_answer.data)
        explicit_bzero(self->token_answer.data, self->token_answer.length);
    buffer_clear(&self->token_answer);
    holm_error_wrap(&cause, "log in to %s", self->host);
    finish_renewal(self, cause);
}

static void append_escaped(buffer *out, const char *name, const char *value) {
    char *escaped = curl_easy_escape(NULL, value, 0);
    buffer_append_format(out, "%s%s=%s", out->length ? "&" : "", name, escaped ? escaped : "");
    curl_free(escaped);
}

// What a push needs is asked for at once: a challenge names only what the one request was short of.
static void append_push_scopes(const registry *self, buffer *query, bool one_text) {
    cleanup_buffer buffer all = BUFFER_INIT;
    cleanup_free char *own = path_format("repository:%s:pull,push", self->repository);
    buffer_append_text(&all, own);
    if (!one_text)
        append_escaped(query, "scope", own);
    for (size_t i = 0; i < self->source_count; i++) {
        cleanup_free char *scope = path_format("repository:%s:pull", self->sources[i]);
        buffer_append_format(&all, " %s", scope);
        if (!one_text)
            append_escaped(query, "scope", scope);
    }
    if (one_text) // RFC 6749 section 3.3
        append_escaped(query, "scope", buffer_text(&all));
}

static void append_scope(const registry *self, buffer *query, bool one_text) {
    cleanup_free char *scope = path_format("repository:%s:pull", self->repository);
    if (self->asked.service)
        append_escaped(query, "service", self->asked.service);
    if (self->push)
        append_push_scopes(self, query, one_text);
    else if (self->asked.scope || *self->repository) // without either: only who we are
        append_escaped(query, "scope", self->asked.scope ? self->asked.scope : scope);
}

// What a lying registry must not get us to do: send credentials in the clear when it was spoken to safely.
static bool realm_is_allowed(const registry *self, const char *realm) {
    if (strlen(realm) > HTTP_URL_MAX / 2)
        return false;
    if (strncasecmp(realm, "https://", 8) == 0)
        return true;
    return !self->secure && strncasecmp(realm, "http://", 7) == 0;
}

// Our own certificate, and the leave to be anybody, are for the registry's host: a token service elsewhere
// gets neither.
static http_certificates certificates_for(const registry *self, const char *realm) {
    http_certificates them = *self->certificates;
    const char *host = strstr(self->base_url, "://") + 3, *other = strstr(realm, "://") + 3;
    size_t length = strcspn(host, ":/");
    bool same = strcspn(other, ":/") == length && strncasecmp(host, other, length) == 0;
    if (!same || !self->secure) {
        them.certificate = them.key = NULL;
        them.unverified = false;
    }
    return them;
}

static void ask_for_token(registry *self) {
    const char *realm = self->asked.realm;
    if (!realm_is_allowed(self, realm)) {
        fail_renewal(self, HOLM_ERROR_DENIED, "its token service is at no safe address", NULL);
        return;
    }
    cleanup_buffer buffer query = BUFFER_INIT;
    cleanup_free char *authorization = NULL, *value = NULL, *url = NULL;
    bool refresh = self->known.identity_token != NULL;
    append_scope(self, &query, refresh);
    append_escaped(&query, "client_id", "holm");
    if (refresh) {
        append_escaped(&query, "grant_type", "refresh_token");
        append_escaped(&query, "refresh_token", self->known.identity_token);
        url = strdup(realm);
    } else {
        if (self->known.username) {
            append_escaped(&query, "account", self->known.username);
            value = credentials_encode(self->known.username, self->known.password);
            authorization = path_format("Basic %s", value);
        }
        url = path_format("%s%s%s", realm, strchr(realm, '?') ? "&" : "?", buffer_text(&query));
    }
    static const http_events events = {.body = on_token_body, .done = on_token_done};
    const http_certificates certificates = certificates_for(self, realm);
    http_options options = {.url = url,
                            .authorization = authorization,
                            .form = refresh ? buffer_text(&query) : NULL,
                            .body_max = REGISTRY_ANSWER_MAX,
                            .stall_seconds = self->stall_seconds,
                            .certificates = &certificates};
    self->token_request = http_request_start(self->http, &options, &events, self);
    if (authorization)
        explicit_bzero(authorization, strlen(authorization));
    if (query.data)
        explicit_bzero(query.data, query.length);
}

// ---- credentials, then the answer ----

static void answer_challenge(registry *self) {
    if (self->asked.scheme == CHALLENGE_BEARER) {
        ask_for_token(self);
    } else if (self->asked.scheme == CHALLENGE_BASIC && self->known.password) {
        cleanup_free char *value = credentials_encode(self->known.username, self->known.password);
        set_authorization(self, "Basic", value);
        explicit_bzero(value, strlen(value));
        finish_renewal(self, NULL);
    } else if (self->asked.scheme == CHALLENGE_BASIC) {
        cleanup_free char *hint = path_format("log in: holm registry login %s", self->host);
        fail_renewal(self, HOLM_ERROR_DENIED,
                     "the registry wants a user name and password, and none are stored", hint);
    } else {
        fail_renewal(self, HOLM_ERROR_UNSUPPORTED, "the registry asks for a kind of login that is not known",
                     NULL);
    }
}

static void look_up(uv_work_t *work) {
    registry_lookup *lookup = work->data;
    credentials_find(lookup->broker, lookup->host, lookup->repository, &lookup->found, &lookup->error);
}

static void looked_up(uv_work_t *work, int status) {
    (void)status;
    registry_lookup *lookup = work->data;
    registry *self = lookup->owner;
    holm_error *error = steal_pointer(&lookup->error);
    if (self) {
        self->lookup = NULL;
        self->looked_up = !error;
        self->known = lookup->found;
        lookup->found = (credentials){0};
    }
    credentials_finish(&lookup->found);
    free(lookup->host);
    free(lookup->repository);
    free(lookup);
    if (self && error)
        finish_renewal(self, steal_pointer(&error));
    else if (self)
        answer_challenge(self);
    holm_error_free(error);
}

static void start_lookup(registry *self) {
    registry_lookup *lookup = calloc(1, sizeof *lookup);
    lookup->work.data = lookup;
    lookup->owner = self;
    lookup->broker = self->broker;
    lookup->host = strdup(self->host);
    lookup->repository = strdup(self->repository);
    self->lookup = lookup;
    uv_queue_work(self->loop, &lookup->work, look_up, looked_up);
}

void registry_auth_renew(registry *self, challenge *asked, registry_auth_done done, void *data) {
    bool under_way = self->waiters != NULL;
    registry_auth_waiter *waiter = calloc(1, sizeof *waiter);
    *waiter = (registry_auth_waiter){.done = done, .data = data, .next = self->waiters};
    self->waiters = waiter;
    if (under_way) {
        challenge_finish(asked);
        return;
    }
    self->asked = *asked;
    *asked = (challenge){0};
    if (self->looked_up)
        answer_challenge(self);
    else
        start_lookup(self);
}

bool registry_auth_answer(registry *self, const http_request *request, registry_auth_done done, void *data) {
    challenge asked = {0};
    const char *header;
    for (unsigned i = 0; (header = http_request_header(request, "WWW-Authenticate", i)); i++)
        challenge_read(&asked, header);
    bool some = asked.scheme != CHALLENGE_NONE;
    if (some)
        registry_auth_renew(self, &asked, done, data);
    else
        challenge_finish(&asked);
    return some;
}

void registry_auth_forget(registry *self, const void *data) {
    for (registry_auth_waiter *waiter = self->waiters; waiter; waiter = waiter->next)
        if (waiter->data == data)
            waiter->done = NULL;
}

void registry_auth_finish(registry *self) {
    http_request_cancel(self->token_request);
    if (self->lookup)
        self->lookup->owner = NULL;
    while (self->waiters) {
        registry_auth_waiter *next = self->waiters->next;
        free(self->waiters);
        self->waiters = next;
    }
    if (self->authorization)
        explicit_bzero(self->authorization, strlen(self->authorization));
    free(self->authorization);
    credentials_finish(&self->known);
    challenge_finish(&self->asked);
    buffer_finish(&self->token_answer);
}
