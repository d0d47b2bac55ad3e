#include "core/registry/credential_store.h"

#include <string.h>

#include "core/base/buffer.h"
#include "core/base/file.h"
#include "core/base/path.h"
#include "core/registry/credential_helper.h"
#include "core/registry/credentials_internal.h"

// ---- the files ----

typedef struct auth_file {
    char *path;   // links resolved; NULL: there is no such place
    json_t *root; // NULL: no file
} auth_file;

typedef struct auth_files {
    auth_file of[CREDENTIALS_FILES]; // as they are looked through
} auth_files;

static void files_finish(auth_files *files) {
    for (unsigned i = 0; i < CREDENTIALS_FILES; i++) {
        free(files->of[i].path);
        json_decref(files->of[i].root);
    }
}
#define cleanup_files cleanup(files_finish)

static int read_file(auth_file *self, holm_error **error) {
    cleanup_buffer buffer text = BUFFER_INIT;
    if (!self->path || access(self->path, F_OK) < 0)
        return 0;
    // What is replaced is the file, not a link to it.
    char *real = realpath(self->path, NULL);
    if (real) {
        free(self->path);
        self->path = real;
    }
    int result = file_read(self->path, CREDENTIALS_FILE_MAX, &text, error);
    if (result == 0) {
        self->root = json_loadb(buffer_text(&text), text.length, 0, NULL);
        if (!json_is_object(self->root)) {
            holm_error_set(error, HOLM_ERROR_INVALID, "%s is not valid JSON", self->path);
            result = -1;
        }
    }
    if (text.data)
        explicit_bzero(text.data, text.length);
    return result;
}

static int read_files(auth_files *files, holm_error **error) {
    for (unsigned i = 0; i < CREDENTIALS_FILES; i++) {
        files->of[i].path = credentials_file(i);
        if (read_file(&files->of[i], error) < 0)
            return -1;
    }
    return 0;
}

static int write_file(const auth_file *self, holm_error **error) {
    cleanup_free char *folder = strdup(self->path);
    *strrchr(folder, '/') = 0;
    if (path_make_directories(folder, error) < 0)
        return -1;
    char *text = json_dumps(self->root, JSON_INDENT(4));
    int result = file_write(self->path, text, strlen(text), error);
    explicit_bzero(text, strlen(text));
    free(text);
    return result;
}

static const char *key_in(const auth_file *file, const char *registry) {
    return credentials_key(json_object_get(file->root, "auths"), registry);
}

// Takes the registry's entries out. Whether there were any.
static bool take_out(auth_file *file, const char *registry) {
    json_t *auths = json_object_get(file->root, "auths");
    bool found = false;
    for (const char *key; (key = credentials_key(auths, registry)); found = true) {
        cleanup_free char *copy = strdup(key);
        json_object_del(auths, copy);
    }
    return found;
}

// The helper that one file has for a registry, or NULL. Borrowed.
static const char *helper_of(const auth_file *file, const char *registry) {
    const json_t *helpers = json_object_get(file->root, "credHelpers");
    const char *key = credentials_key(helpers, registry);
    const char *name = json_string_value(key ? json_object_get(helpers, key) : NULL);
    if (!name)
        name = json_string_value(json_object_get(file->root, "credsStore"));
    return name && *name ? name : NULL;
}

// ---- keep ----

static char *helper_label(const char *name) {
    return path_format("docker-credential-%s", name);
}

// What stands in a file before the helper is asked would be believed instead of it.
static int take_out_of_all(auth_files *files, const char *registry, json_t *from, holm_error **error) {
    for (unsigned i = 0; i < CREDENTIALS_FILE_DOCKER; i++) {
        if (!take_out(&files->of[i], registry))
            continue;
        if (write_file(&files->of[i], error) < 0)
            return -1;
        if (from)
            json_array_append_new(from, json_string(files->of[i].path));
    }
    return 0;
}

static auth_file *choose_file(auth_files *files, const char *registry) {
    for (unsigned i = 0; i < CREDENTIALS_FILE_DOCKER; i++)
        if (key_in(&files->of[i], registry))
            return &files->of[i];
    return files->of[0].path ? &files->of[0] : &files->of[CREDENTIALS_FILE_DOCKER - 1];
}

static int keep_in_file(auth_file *file, const char *registry, const char *username, const char *password,
                        holm_error **error) {
    take_out(file, registry);
    if (!file->root)
        file->root = json_object();
    if (!json_is_object(json_object_get(file->root, "auths")))
        json_object_set_new(file->root, "auths", json_object());
    char *encoded = credentials_encode(username, password);
    json_object_set_new(json_object_get(file->root, "auths"), registry, json_pack("{s:s}", "auth", encoded));
    explicit_bzero(encoded, strlen(encoded));
    free(encoded);
    return write_file(file, error);
}

int credential_store_keep(const char *registry, const char *username, const char *password, const char *lock,
                          char **where, holm_error **error) {
    cleanup_close int held = file_lock(lock, true, true, error);
    cleanup_files auth_files files = {0};
    if (held < 0 || read_files(&files, error) < 0)
        return -1;
    for (unsigned i = 0; i < CREDENTIALS_FILES; i++) {
        const char *helper = helper_of(&files.of[i], registry);
        if (!helper)
            continue;
        if (credential_helper_store(helper, credential_helper_server(registry), username, password, error) <
                0 ||
            take_out_of_all(&files, registry, NULL, error) < 0)
            return -1;
        *where = helper_label(helper);
        return 0;
    }
    auth_file *file = choose_file(&files, registry);
    if (keep_in_file(file, registry, username, password, error) < 0)
        return -1;
    *where = strdup(file->path);
    return 0;
}

// ---- forget ----

static bool is_known_to_docker(const auth_file *file, const char *registry) {
    const char *key = key_in(file, registry);
    const json_t *entry = key ? json_object_get(json_object_get(file->root, "auths"), key) : NULL;
    return json_object_size(entry) > 0; // an empty one is a note that a helper knows it
}

static int forget(const char *registry, json_t *from, holm_error **error) {
    cleanup_files auth_files files = {0};
    if (read_files(&files, error) < 0 || take_out_of_all(&files, registry, from, error) < 0)
        return -1;
    for (unsigned i = 0; i < CREDENTIALS_FILES; i++) {
        const char *helper = helper_of(&files.of[i], registry);
        int erased = helper ? credential_helper_erase(helper, credential_helper_server(registry), error) : 0;
        if (erased < 0)
            return -1;
        if (erased > 0)
            json_array_append_new(from, json_sprintf("docker-credential-%s", helper));
    }
    const auth_file *docker = &files.of[CREDENTIALS_FILE_DOCKER];
    if (is_known_to_docker(docker, registry)) {
        holm_error_set(error, HOLM_ERROR_STATE, "%s is known in Docker's own %s, which is not changed",
                       registry, docker->path);
        holm_error_hint(error, "docker logout %s, or take it out by hand", registry);
        return -1;
    }
    if (json_array_size(from) == 0) {
        holm_error_set(error, HOLM_ERROR_NOT_FOUND, "nobody is logged in to %s", registry);
        return -1;
    }
    return 0;
}

json_t *credential_store_forget(const char *registry, const char *lock, holm_error **error) {
    cleanup_close int held = file_lock(lock, true, true, error);
    json_t *from = json_array();
    if (held >= 0 && forget(registry, from, error) == 0)
        return from;
    json_decref(from);
    return NULL;
}

// ---- list ----

static char *plain_name(const char *key) {
    const char *host = strstr(key, "://");
    host = host ? host + 3 : key;
    char *name = strdup(host);
    if (host > key) {
        char *end = name + strlen(name);
        if (end > name && end[-1] == '/')
            *--end = 0;
        if (end - name > 3 && (strcmp(end - 3, "/v1") == 0 || strcmp(end - 3, "/v2") == 0))
            end[-3] = 0;
    }
    bool docker = strcmp(name, "index.docker.io") == 0 || strcmp(name, "registry-1.docker.io") == 0;
    if (docker)
        strcpy(name, "docker.io");
    return name;
}

static void add(json_t *out, const char *key, const char *username, const char *source) {
    cleanup_free char *name = plain_name(key);
    size_t index;
    json_t *each;
    json_array_foreach (out, index, each) {
        const char *there = json_string_value(json_object_get(each, "registry"));
        if (there && strcmp(there, name) == 0)
            return;
    }
    json_t *entry = json_pack("{s:s, s:s, s:s}", "registry", name, "username", username, "source", source);
    if (entry)
        json_array_append_new(out, entry);
}

static void add_helper(json_t *out, const char *helper, const char *registry) {
    cleanup_error holm_error *error = NULL;
    cleanup_free char *label = helper_label(helper);
    json_t *known = credential_helper_list(helper, &error);
    if (!known)
        json_array_append_new(out,
                              json_pack("{s:s, s:s}", "source", label, "problem", holm_error_message(error)));
    const char *server;
    json_t *username;
    json_object_foreach (known, server, username) {
        cleanup_free char *name = plain_name(server);
        if (!registry || strcmp(name, registry) == 0)
            add(out, server, json_string_value(username), label);
    }
    json_decref(known);
}

static void list_file(json_t *out, const auth_file *file) {
    const char *key;
    json_t *value;
    json_object_foreach (json_object_get(file->root, "credHelpers"), key, value) {
        cleanup_free char *name = plain_name(key);
        if (json_is_string(value))
            add_helper(out, json_string_value(value), name);
    }
    json_object_foreach (json_object_get(file->root, "auths"), key, value) {
        credentials known = {0};
        if (credentials_read_entry(value, key, &known, NULL) > 0)
            add(out, key, known.username, file->path);
        credentials_finish(&known);
    }
    const char *store = json_string_value(json_object_get(file->root, "credsStore"));
    if (store && *store)
        add_helper(out, store, NULL);
}

json_t *credential_store_list(holm_error **error) {
    cleanup_files auth_files files = {0};
    if (read_files(&files, error) < 0)
        return NULL;
    json_t *out = json_array();
    for (unsigned i = 0; i < CREDENTIALS_FILES; i++)
        list_file(out, &files.of[i]);
    return out;
}
