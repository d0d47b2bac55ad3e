#include "core/registry/registry.h"

#include <arpa/inet.h>
#include <jansson.h>
#include <string.h>
#include <strings.h>

#include "core/base/path.h"
#include "core/registry/registry_internal.h"
#include "core/registry/registry_settings.h"

#define LOG_MODULE "registry"
#include "core/base/log.h"

#define BACKOFF_MS 500

static bool is_loopback(const char *host) {
    char name[256];
    snprintf(name, sizeof name, "%s", host[0] == '[' ? host + 1 : host);
    name[strcspn(name, host[0] == '[' ? "]" : ":")] = 0;
    struct in_addr address;
    return strcasecmp(name, "localhost") == 0 || strcmp(name, "::1") == 0 ||
           (inet_pton(AF_INET, name, &address) == 1 && (ntohl(address.s_addr) >> 24) == 127);
}

// Whether the list "insecure" names it, with or without its port.
static bool is_plain(const json_t *settings, const char *host) {
    size_t bare = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":"), index;
    json_t *value;
    json_array_foreach (json_object_get(settings, "insecure"), index, value) {
        const char *name = json_string_value(value);
        if (name &&
            (strcasecmp(host, name) == 0 || (strlen(name) == bare && strncasecmp(host, name, bare) == 0)))
            return true;
    }
    return false;
}

static int choose_scheme(registry *self, const registry_options *options, holm_error **error) {
    const char *scheme = options->scheme && *options->scheme ? options->scheme : "auto";
    const char *set = json_string_value(registry_setting(options->settings, options->host, "scheme"));
    bool trusted = registry_setting(options->settings, options->host, "insecure") != NULL;
    if (strcmp(scheme, "auto") == 0 && set)
        scheme = set;
    if (strcmp(scheme, "auto") == 0)
        self->secure =
            trusted || (!is_loopback(options->host) && !is_plain(options->settings, options->host));
    else if (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0)
        self->secure = strcmp(scheme, "https") == 0;
    else {
        holm_error_set(error, HOLM_ERROR_INVALID, "\"%s\" is no scheme", scheme);
        holm_error_hint(error, "it is one of http, https and auto");
        return -1;
    }
    return 0;
}

registry *registry_create(const registry_options *options, holm_error **error) {
    registry *self = calloc(1, sizeof *self);
    if (choose_scheme(self, options, error) == 0)
        self->certificates =
            registry_certificates_read(options->settings, options->host, options->certificate_folders, error);
    if (!self->certificates) {
        free(self);
        return NULL;
    }
    self->loop = options->loop;
    self->http = options->http;
    self->broker = options->broker;
    self->host = strdup(options->host);
    self->repository = strdup(options->repository);
    // Docker's own registry has another name than its images have.
    const char *address = strcmp(options->host, "docker.io") == 0 ? "registry-1.docker.io" : options->host;
    self->base_url = path_format("%s://%s", self->secure ? "https" : "http", address);
    self->backoff_ms = options->backoff_ms ? options->backoff_ms : BACKOFF_MS;
    self->stall_seconds = options->stall_seconds;
    self->push = options->push;
    if (options->login) {
        self->looked_up = true;
        self->known.username = strdup(options->login->username);
        self->known.password = strdup(options->login->password);
    }
    return self;
}

void registry_add_source(registry *self, const char *repository) {
    for (size_t i = 0; i < self->source_count; i++)
        if (strcmp(self->sources[i], repository) == 0)
            return;
    if (self->source_count < REGISTRY_SOURCES_MAX && strcmp(repository, self->repository) != 0)
        self->sources[self->source_count++] = strdup(repository);
}

const char *registry_base_url(const registry *self) {
    return self->base_url;
}

const char *registry_host(const registry *self) {
    return self->host;
}

const char *registry_repository(const registry *self) {
    return self->repository;
}

bool registry_is_authorized(const registry *self) {
    return self->authorization != NULL;
}

void registry_destroy(registry *self) {
    if (!self)
        return;
    while (self->fetches)
        registry_fetch_cancel(self->fetches);
    registry_auth_finish(self);
    for (size_t i = 0; i < self->source_count; i++)
        free(self->sources[i]);
    free(self->host);
    free(self->repository);
    free(self->base_url);
    registry_certificates_free(self->certificates);
    buffer_finish(&self->warnings);
    free(self);
}

// The text of `299 - "text"`, printable. The caller frees it.
static char *warning_text(const char *header) {
    static const char begin[] = "299 - \"";
    size_t length = header ? strlen(header) : 0;
    if (length < sizeof begin || strncmp(header, begin, sizeof begin - 1) != 0 || header[length - 1] != '"')
        return NULL;
    char *text = strndup(header + sizeof begin - 1, length - sizeof begin);
    for (char *c = text; c && *c; c++)
        if ((unsigned char)*c < ' ' || (unsigned char)*c > '~')
            *c = '?';
    return text;
}

static bool has_line(const char *lines, const char *line) {
    size_t length = strlen(line);
    for (const char *at = lines; (at = strstr(at, line)); at += length)
        if ((at == lines || at[-1] == '\n') && (!at[length] || at[length] == '\n'))
            return true;
    return false;
}

void registry_take_warnings(registry *self, const http_request *answer) {
    const char *header;
    for (unsigned i = 0; (header = http_request_header(answer, "Warning", i)); i++) {
        cleanup_free char *text = warning_text(header);
        cleanup_free char *line = text ? path_format("%s warns: %s", self->host, text) : NULL;
        if (!line || has_line(buffer_text(&self->warnings), line) ||
            self->warnings.length + strlen(line) > REGISTRY_WARNINGS_MAX)
            continue;
        buffer_append_format(&self->warnings, "%s%s", self->warnings.length ? "\n" : "", line);
    }
}

const char *registry_warnings(const registry *self) {
    return self->warnings.length ? buffer_text(&self->warnings) : NULL;
}

void registry_set_denied(const registry *self, const char *text, holm_error **error) {
    holm_error_set(error, HOLM_ERROR_DENIED, "%s denies access%s%s%s%s%s", self->host,
                   *self->repository ? " to " : "", self->repository, text ? " (" : "", text ? text : "",
                   text ? ")" : "");
    if (*self->repository)
        holm_error_hint(error, "check the name: it may not exist there; or log in: holm registry login %s",
                        self->host);
}

char *registry_error_text(const char *text, size_t length) {
    json_t *root = json_loadb(text, length, 0, NULL);
    const json_t *first = json_array_get(json_object_get(root, "errors"), 0);
    const char *message = json_string_value(json_object_get(first, "message"));
    if (!message)
        message = json_string_value(json_object_get(root, "details"));
    char *copy = message && *message ? strndup(message, 200) : NULL;
    json_decref(root);
    for (char *c = copy; c && *c; c++)
        if ((unsigned char)*c < ' ' || (unsigned char)*c > '~')
            *c = '?';
    return copy;
}
