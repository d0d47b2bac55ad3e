#include "core/registry/registry_settings.h"

#include <glob.h>
#include <string.h>
#include <strings.h>

#include "core/base/buffer.h"
#include "core/base/file.h"
#include "core/base/path.h"

const json_t *registry_setting(const json_t *settings, const char *host, const char *key) {
    const char *name;
    json_t *table;
    json_object_foreach ((json_t *)settings, name, table)
        if (json_is_object(table) && strcasecmp(name, host) == 0)
            return json_object_get(table, key);
    return NULL;
}

char *registry_setting_path(const char *text) {
    const char *home = getenv("HOME");
    return strncmp(text, "~/", 2) == 0 && home ? path_join(home, text + 2, NULL) : strdup(text);
}

bool registry_mirror(const json_t *settings, const char *host, const char *repository, size_t index,
                     char **mirror, char **there) {
    const char *text = json_string_value(json_array_get(registry_setting(settings, host, "mirrors"), index));
    if (!text || index >= REGISTRY_MIRRORS_MAX)
        return false;
    size_t length = strcspn(text, "/");
    const char *prefix = text + length + (text[length] == '/');
    *mirror = strndup(text, length);
    *there = path_format("%s%s%s", prefix, *prefix ? "/" : "", repository);
    return true;
}

// ---- certificates ----

static int add_authority(buffer *out, const char *path, holm_error **error) {
    if (file_read(path, REGISTRY_AUTHORITY_BYTES, out, error) < 0)
        return -1;
    buffer_append_text(out, "\n");
    return 0;
}

static void add_folder(http_certificates *self, buffer *authorities, const char *folder, const char *host) {
    cleanup_free char *authority = path_format("%s/%s/*.crt", folder, host);
    cleanup_free char *pair = path_format("%s/%s/*.cert", folder, host);
    glob_t found;
    if (glob(authority, 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc && i < REGISTRY_AUTHORITIES_MAX; i++)
            add_authority(authorities, found.gl_pathv[i], NULL); // others that can be read still count
        globfree(&found);
    }
    if (!self->certificate && glob(pair, 0, NULL, &found) == 0) {
        const char *certificate = found.gl_pathv[0];
        self->certificate = strdup(certificate);
        self->key = path_format("%.*s.key", (int)(strlen(certificate) - strlen(".cert")), certificate);
        globfree(&found);
    }
}

static char *path_setting(const json_t *settings, const char *host, const char *key) {
    const char *text = json_string_value(registry_setting(settings, host, key));
    return text ? registry_setting_path(text) : NULL;
}

http_certificates *registry_certificates_read(const json_t *settings, const char *host,
                                              const char *const *folders, holm_error **error) {
    http_certificates *self = calloc(1, sizeof *self);
    cleanup_buffer buffer authorities = BUFFER_INIT;
    cleanup_free char *authority = path_setting(settings, host, "ca");
    self->unverified = json_is_true(registry_setting(settings, host, "insecure"));
    self->certificate = path_setting(settings, host, "certificate");
    self->key = path_setting(settings, host, "key");
    if (authority && add_authority(&authorities, authority, error) < 0) {
        holm_error_wrap(error, "the authority of %s", host);
        registry_certificates_free(self);
        return NULL;
    }
    // A bracket would be a pattern: addresses of IPv6 have none.
    for (; folders && *folders && !strpbrk(host, "[*?"); folders++)
        add_folder(self, &authorities, *folders, host);
    if (authorities.length)
        self->authorities = buffer_steal_text(&authorities);
    return self;
}

void registry_certificates_free(http_certificates *self) {
    if (!self)
        return;
    free(self->authorities);
    free(self->certificate);
    free(self->key);
    free(self);
}
