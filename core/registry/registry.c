#include "core/registry/registry.h"

#include <arpa/inet.h>
#include <glob.h>
#include <jansson.h>
#include <string.h>
#include <strings.h>

#include "core/base/path.h"
#include "core/registry/registry_internal.h"

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

static bool is_insecure(const char *host, const char *const *list) {
    size_t bare = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
    for (; list && *list; list++)
        if (strcasecmp(host, *list) == 0 || (strlen(*list) == bare && strncasecmp(host, *list, bare) == 0))
            return true;
    return false;
}

static int choose_scheme(registry *self, const registry_options *options, holm_error **error) {
    const char *scheme = options->scheme && *options->scheme ? options->scheme : "auto";
    if (strcmp(scheme, "auto") == 0)
        self->secure = !is_loopback(options->host) && !is_insecure(options->host, options->insecure_hosts);
    else if (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0)
        self->secure = strcmp(scheme, "https") == 0;
    else {
        holm_error_set(error, HOLM_ERROR_INVALID, "\"%s\" is no scheme", scheme);
        holm_error_hint(error, "it is one of http, https and auto");
        return -1;
    }
    return 0;
}

static char *find_certificates(const char *host, const char *const *folders) {
    for (; folders && *folders; folders++) {
        cleanup_free char *pattern = path_format("%s/%s/*.crt", *folders, host);
        glob_t found;
        char *path = NULL;
        if (host[0] != '[' && glob(pattern, 0, NULL, &found) == 0) {
            path = strdup(found.gl_pathv[0]);
            globfree(&found);
        }
        if (path)
            return path;
    }
    return NULL;
}

registry *registry_create(const registry_options *options, holm_error **error) {
    registry *self = calloc(1, sizeof *self);
    if (choose_scheme(self, options, error) < 0) {
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
    self->certificates = find_certificates(options->host, options->certificate_folders);
    self->backoff_ms = options->backoff_ms ? options->backoff_ms : BACKOFF_MS;
    self->stall_seconds = options->stall_seconds;
    if (options->login) {
        self->looked_up = true;
        self->known.username = strdup(options->login->username);
        self->known.password = strdup(options->login->password);
    }
    return self;
}

const char *registry_base_url(const registry *self) {
    return self->base_url;
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
    free(self->host);
    free(self->repository);
    free(self->base_url);
    free(self->certificates);
    free(self);
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
