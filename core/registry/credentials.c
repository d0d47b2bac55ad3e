#include "core/registry/credentials.h"

#include <jansson.h>
#include <string.h>

#include "core/base/buffer.h"
#include "core/base/file.h"
#include "core/base/path.h"
#include "core/registry/credential_helper.h"
#include "core/registry/credentials_internal.h"

static void wipe(char *text) {
    if (text)
        explicit_bzero(text, strlen(text));
    free(text);
}

void credentials_finish(credentials *self) {
    wipe(self->username);
    wipe(self->password);
    wipe(self->identity_token);
    *self = (credentials){0};
}

// A secret goes into a header: nothing in it may begin another one.
static bool is_plain(const char *text) {
    if (!text || strlen(text) > CREDENTIALS_FIELD_MAX)
        return false;
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            return false;
    return true;
}

// RFC 4648 section 4; padding may be missing. NULL: no base64, or a NUL in it.
static char *decode_base64(const char *text) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t length = strnlen(text, CREDENTIALS_FIELD_MAX);
    while (length && text[length - 1] == '=')
        length--;
    char *out = calloc(1, length + 1);
    size_t used = 0;
    unsigned bits = 0, held = 0;
    for (size_t i = 0; i < length; i++) {
        const char *digit = text[i] ? strchr(digits, text[i]) : NULL;
        if (!digit) {
            wipe(out);
            return NULL;
        }
        bits = bits << 6 | (unsigned)(digit - digits);
        held += 6;
        if (held >= 8) {
            held -= 8;
            out[used++] = (char)(bits >> held);
        }
    }
    if (memchr(out, 0, used)) {
        free(out);
        return NULL;
    }
    return out;
}

char *credentials_encode(const char *username, const char *password) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *text = path_format("%s:%s", username, password);
    size_t length = strlen(text), used = 0;
    char *out = calloc(1, length / 3 * 4 + 5);
    for (size_t i = 0; i < length; i += 3) {
        unsigned bits = (unsigned)(unsigned char)text[i] << 16;
        bits |= i + 1 < length ? (unsigned)(unsigned char)text[i + 1] << 8 : 0;
        bits |= i + 2 < length ? (unsigned char)text[i + 2] : 0;
        out[used++] = digits[bits >> 18];
        out[used++] = digits[bits >> 12 & 63];
        out[used++] = i + 1 < length ? digits[bits >> 6 & 63] : '=';
        out[used++] = i + 2 < length ? digits[bits & 63] : '=';
    }
    wipe(text);
    return out;
}

static int bad_entry(const char *registry, holm_error **error) {
    holm_error_set(error, HOLM_ERROR_INVALID, "the stored credentials for %s cannot be read", registry);
    holm_error_hint(error, "log in again: holm registry login %s", registry);
    return -1;
}

// {"auth": base64 of "user:password"} or {"username", "password"}, and {"identitytoken"}.
int credentials_read_entry(const json_t *entry, const char *registry, credentials *out, holm_error **error) {
    const char *auth = json_string_value(json_object_get(entry, "auth"));
    const char *token = json_string_value(json_object_get(entry, "identitytoken"));
    const char *username = json_string_value(json_object_get(entry, "username"));
    const char *password = json_string_value(json_object_get(entry, "password"));
    if (auth && *auth) {
        char *decoded = decode_base64(auth);
        char *colon = decoded ? strchr(decoded, ':') : NULL;
        if (colon) {
            out->username = strndup(decoded, (size_t)(colon - decoded));
            out->password = strdup(colon + 1);
        }
        wipe(decoded);
        if (!colon)
            return bad_entry(registry, error);
    } else if (username && password) {
        out->username = strdup(username);
        out->password = strdup(password);
    }
    if (token && *token)
        out->identity_token = strdup(token);
    if (!out->username && !out->identity_token)
        return 0;
    if (!out->username)
        out->username = strdup("");
    if (!is_plain(out->username) || (out->password && !is_plain(out->password)) ||
        (out->identity_token && !is_plain(out->identity_token)))
        return bad_entry(registry, error);
    return 1;
}

// The names docker.io has had as a key.
static const char *const docker_keys[] = {"index.docker.io", "registry-1.docker.io"};

// "https://host/v1/" and the like are the registry "host"; a path that is something else stays.
static const char *find_key(const json_t *object, const char *registry) {
    const char *key;
    json_t *value;
    json_object_foreach ((json_t *)object, key, value) {
        const char *host = strstr(key, "://");
        host = host ? host + 3 : key;
        size_t length = strlen(registry);
        if (strncmp(host, registry, length) != 0)
            continue;
        const char *rest = host + length;
        bool plain = !*rest || strcmp(rest, "/") == 0;
        if (plain || (host > key && (strncmp(rest, "/v1", 3) == 0 || strncmp(rest, "/v2", 3) == 0) &&
                      (!rest[3] || strcmp(rest + 3, "/") == 0)))
            return key;
    }
    return NULL;
}

const char *credentials_key(const json_t *object, const char *registry) {
    const char *key = json_object_get(object, registry) ? registry : find_key(object, registry);
    if (!key && strcmp(registry, "docker.io") == 0)
        for (size_t i = 0; !key && i < array_length(docker_keys); i++)
            key = find_key(object, docker_keys[i]);
    return key;
}

// The registry's own entry; before it, of the longest, those of a namespace: "host/team/project".
static const json_t *find_entry(const json_t *object, const char *registry, const char *repository) {
    cleanup_free char *key = path_format("%s/%s", registry, repository);
    for (char *slash; (slash = strrchr(key, '/')); *slash = 0) {
        const json_t *value = json_object_get(object, key);
        if (value)
            return value;
    }
    const char *own = credentials_key(object, registry);
    return own ? json_object_get(object, own) : NULL;
}

bool credentials_helper_is_valid(const char *name) {
    static const char *const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    size_t length = strlen(name);
    return length > 0 && length <= 64 && name[0] != '.' && name[0] != '-' && strspn(name, allowed) == length;
}

static int use_helper(const char *name, char **helper, holm_error **error) {
    if (!credentials_helper_is_valid(name)) {
        holm_error_set(error, HOLM_ERROR_INVALID, "the credential helper has a name that is not valid");
        return -1;
    }
    *helper = strdup(name);
    return 1;
}

static int parse_root(const json_t *root, const char *registry, const char *repository, credentials *out,
                      char **helper, holm_error **error) {
    const json_t *chosen = find_entry(json_object_get(root, "credHelpers"), registry, repository);
    if (json_is_string(chosen))
        return use_helper(json_string_value(chosen), helper, error);
    const json_t *entry = find_entry(json_object_get(root, "auths"), registry, repository);
    int found = json_is_object(entry) ? credentials_read_entry(entry, registry, out, error) : 0;
    if (found != 0)
        return found;
    // With a store an entry is only a note that something is in it, and what Podman wrote has none.
    const char *store = json_string_value(json_object_get(root, "credsStore"));
    return store && *store ? use_helper(store, helper, error) : 0;
}

int credentials_parse(const char *text, size_t length, const char *registry, const char *repository,
                      credentials *out, char **helper, holm_error **error) {
    *out = (credentials){0};
    *helper = NULL;
    json_error_t problem;
    json_t *root = json_loadb(text, length, 0, &problem);
    if (!json_is_object(root)) {
        json_decref(root);
        holm_error_set(error, HOLM_ERROR_INVALID, "it is not valid JSON (line %d)", problem.line);
        return -1;
    }
    int found = parse_root(root, registry, repository, out, helper, error);
    json_decref(root);
    if (found <= 0)
        credentials_finish(out);
    return found;
}

int credentials_parse_helper(const char *text, size_t length, credentials *out, holm_error **error) {
    *out = (credentials){0};
    json_t *root = json_loadb(text, length, 0, NULL);
    const char *username = json_string_value(json_object_get(root, "Username"));
    const char *secret = json_string_value(json_object_get(root, "Secret"));
    bool valid = is_plain(username) && is_plain(secret);
    if (valid && strcmp(username, "<token>") == 0) {
        out->username = strdup("");
        out->identity_token = strdup(secret);
    } else if (valid) {
        out->username = strdup(username);
        out->password = strdup(secret);
    }
    json_decref(root);
    if (!valid)
        holm_error_set(error, HOLM_ERROR_INVALID, "the credential helper's answer cannot be read");
    return valid ? 0 : -1;
}

json_t *credentials_parse_list(const char *text, size_t length, holm_error **error) {
    json_t *root = json_loadb(text, length, 0, NULL);
    json_t *out = json_is_object(root) ? json_object() : NULL;
    const char *server;
    json_t *username;
    json_object_foreach (root, server, username)
        if (json_object_size(out) < CREDENTIALS_LIST_MAX && is_plain(server) &&
            is_plain(json_string_value(username)))
            json_object_set(out, server, username);
    json_decref(root);
    if (!out)
        holm_error_set(error, HOLM_ERROR_INVALID, "the credential helper's answer cannot be read");
    return out;
}

char *credentials_file(unsigned which) {
    const char *home = getenv("HOME") ? getenv("HOME") : "/nonexistent";
    const char *runtime = getenv("XDG_RUNTIME_DIR"), *config = getenv("XDG_CONFIG_HOME");
    const char *docker = getenv("DOCKER_CONFIG"), *own = getenv("REGISTRY_AUTH_FILE");
    switch (which) {
    case 0:
        return own && *own ? strdup(own) : NULL;
    case 1:
        return runtime && *runtime ? path_join(runtime, "containers/auth.json", NULL) : NULL;
    case 2:
        return config && *config ? path_join(config, "containers/auth.json", NULL)
                                 : path_join(home, ".config/containers/auth.json", NULL);
    default:
        return docker && *docker ? path_join(docker, "config.json", NULL)
                                 : path_join(home, ".docker/config.json", NULL);
    }
}

static int find_in_file(credentials_helper ask, const char *path, const char *registry,
                        const char *repository, credentials *out, holm_error **error) {
    cleanup_buffer buffer text = BUFFER_INIT;
    if (access(path, F_OK) < 0)
        return 0;
    cleanup_free char *helper = NULL;
    int found = file_read(path, CREDENTIALS_FILE_MAX, &text, error);
    if (found == 0)
        found = credentials_parse(buffer_text(&text), text.length, registry, repository, out, &helper, error);
    if (text.data)
        explicit_bzero(text.data, text.length);
    if (found < 0)
        holm_error_wrap(error, "read %s", path);
    if (!helper)
        return found;
    found = ask(helper, credential_helper_server(registry), out, error);
    if (found < 0)
        holm_error_wrap(error, "look up who you are to %s", registry);
    return found;
}

int credentials_find_here(credentials_helper ask, const char *registry, const char *repository,
                          credentials *out, holm_error **error) {
    for (unsigned which = 0; which < CREDENTIALS_FILES; which++) {
        cleanup_free char *path = credentials_file(which);
        int found = path ? find_in_file(ask, path, registry, repository, out, error) : 0;
        if (found != 0)
            return found;
    }
    return 0;
}
