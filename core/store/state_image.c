#include <string.h>

#include "core/store/state_internal.h"

// The names of an image and the containers on it are rows of their own; documents get them from there.
static json_t *strings(state *self, const char *sql, const char *parameter, holm_error **error) {
    cleanup_statement sqlite3_stmt *statement = state_prepare(self, error, sql, "s", parameter);
    if (!statement)
        return NULL;
    cleanup_json json_t *list = json_array();
    int row;
    while ((row = state_step(self, statement, error)) > 0)
        json_array_append_new(list, json_string(state_text(statement, 0)));
    return row < 0 ? NULL : steal_pointer(&list);
}

static json_t *member(json_t *document, const char *name) {
    json_t *value = json_object_get(document, name);
    if (!json_is_object(value)) {
        value = json_object();
        json_object_set_new(document, name, value);
    }
    return value;
}

static json_t *document_of(state *self, sqlite3_stmt *statement, holm_error **error) {
    cleanup_json json_t *document = state_json(statement, 1, error);
    if (!document)
        return NULL;
    const char *id = state_text(statement, 0);
    json_t *references =
        strings(self, "SELECT reference FROM image_references WHERE image = ? ORDER BY reference", id, error);
    if (!references)
        return NULL;
    json_object_set_new(member(document, "configuration"), "references", references);
    json_t *containers = strings(self, "SELECT id FROM containers WHERE image = ? ORDER BY rowid", id, error);
    if (!containers)
        return NULL;
    json_object_set_new(member(document, "status"), "containers", containers);
    return steal_pointer(&document);
}

static int put(state *self, const char *reference, const char *id, const json_t *document,
               holm_error **error) {
    if (state_run(self, error,
                  "INSERT INTO images(id, document) VALUES(?, ?)"
                  " ON CONFLICT(id) DO UPDATE SET document = excluded.document",
                  "sj", id, document) < 0)
        return -1;
    return reference ? state_reference_set(self, reference, id, error) : 0;
}

int state_image_put(state *self, const char *reference, const json_t *document, holm_error **error) {
    const char *id = json_string_value(json_object_get(document, "id"));
    if (!id) {
        holm_error_set(error, HOLM_ERROR_INTERNAL, "an image document without an id");
        return -1;
    }
    if (state_begin(self, error) < 0)
        return -1;
    bool done = put(self, reference, id, document, error) == 0;
    return state_end(self, done, done ? error : NULL) < 0 || !done ? -1 : 0;
}

int state_reference_set(state *self, const char *reference, const char *image_id, holm_error **error) {
    cleanup_error holm_error *cause = NULL;
    if (state_run(self, &cause,
                  "INSERT INTO image_references(reference, image) VALUES(?, ?)"
                  " ON CONFLICT(reference) DO UPDATE SET image = excluded.image",
                  "ss", reference, image_id) == 0)
        return 0;
    if (holm_error_code_of(cause) == HOLM_ERROR_EXISTS)
        holm_error_set(error, HOLM_ERROR_NOT_FOUND, "there is no image %s", image_id);
    else
        holm_error_propagate(error, steal_pointer(&cause));
    return -1;
}

static json_t *find(state *self, const char *sql, const char *first, const char *second,
                    const char *reference, holm_error **error) {
    cleanup_statement sqlite3_stmt *statement = state_prepare(self, error, sql, "ss", first, second);
    if (!statement || state_step(self, statement, error) <= 0)
        return NULL;
    cleanup_json json_t *document = document_of(self, statement, error);
    if (!document)
        return NULL;
    int more = state_step(self, statement, error);
    if (more > 0)
        holm_error_set(error, HOLM_ERROR_INVALID, "more than one image has an id that begins with \"%s\"",
                       reference);
    return more == 0 ? steal_pointer(&document) : NULL;
}

json_t *state_image_get(state *self, const char *reference, holm_error **error) {
    cleanup_error holm_error *cause = NULL;
    json_t *document = find(self,
                            "SELECT id, document FROM images WHERE id = ? OR"
                            " id = (SELECT image FROM image_references WHERE reference = ?) LIMIT 1",
                            reference, reference, reference, &cause);
    const char *hex = strncmp(reference, "sha256:", 7) == 0 ? reference + 7 : reference;
    if (!document && !cause && state_is_hex_prefix(hex)) {
        char begin[80], end[80];
        snprintf(begin, sizeof begin, "sha256:%s", hex);
        snprintf(end, sizeof end, "sha256:%sg", hex);
        document = find(self, "SELECT id, document FROM images WHERE id >= ? AND id < ? LIMIT 2", begin, end,
                        reference, &cause);
    }
    if (!document && !cause) {
        holm_error_set(&cause, HOLM_ERROR_NOT_FOUND, "there is no image \"%s\" here", reference);
        holm_error_hint(&cause, "holm pull %s brings it", reference);
    }
    if (cause)
        holm_error_propagate(error, steal_pointer(&cause));
    return document;
}

json_t *state_image_list(state *self, holm_error **error) {
    cleanup_statement sqlite3_stmt *statement =
        state_prepare(self, error, "SELECT id, document FROM images ORDER BY rowid DESC", "");
    if (!statement)
        return NULL;
    cleanup_json json_t *list = json_array();
    int row;
    while ((row = state_step(self, statement, error)) > 0)
        if (json_array_append_new(list, document_of(self, statement, error)) < 0)
            return NULL;
    return row < 0 ? NULL : steal_pointer(&list);
}

static int take_reference(state *self, const char *reference, char **gone, holm_error **error) {
    cleanup_json json_t *image =
        strings(self, "SELECT image FROM image_references WHERE reference = ?", reference, error);
    if (!image)
        return -1;
    const char *id = json_string_value(json_array_get(image, 0));
    if (!id) {
        holm_error_set(error, HOLM_ERROR_NOT_FOUND, "there is no image \"%s\" here", reference);
        return -1;
    }
    if (state_run(self, error, "DELETE FROM image_references WHERE reference = ?", "s", reference) < 0)
        return -1;
    cleanup_json json_t *left =
        strings(self, "SELECT reference FROM image_references WHERE image = ? LIMIT 1", id, error);
    if (!left)
        return -1;
    if (gone)
        *gone = json_array_size(left) == 0 ? strdup(id) : NULL;
    return 0;
}

int state_reference_delete(state *self, const char *reference, char **gone, holm_error **error) {
    if (state_begin(self, error) < 0)
        return -1;
    bool done = take_reference(self, reference, gone, error) == 0;
    return state_end(self, done, done ? error : NULL) < 0 || !done ? -1 : 0;
}

static int delete_unused(state *self, const char *id, holm_error **error) {
    cleanup_json json_t *users =
        strings(self, "SELECT name FROM containers WHERE image = ? ORDER BY rowid", id, error);
    if (!users)
        return -1;
    if (json_array_size(users) > 0) {
        const char *first = json_string_value(json_array_get(users, 0));
        if (json_array_size(users) == 1)
            holm_error_set(error, HOLM_ERROR_IN_USE, "the image %.19s is used by the container %s", id,
                           first);
        else
            holm_error_set(error, HOLM_ERROR_IN_USE,
                           "the image %.19s is used by the container %s and %zu more", id, first,
                           json_array_size(users) - 1);
        holm_error_hint(error, "remove the container first (holm rm %s), or take only the names with --force",
                        first);
        return -1;
    }
    if (state_run(self, error, "DELETE FROM images WHERE id = ?", "s", id) < 0)
        return -1;
    if (sqlite3_changes(self->database) == 0) {
        holm_error_set(error, HOLM_ERROR_NOT_FOUND, "there is no image %s", id);
        return -1;
    }
    return 0;
}

int state_image_delete(state *self, const char *id, holm_error **error) {
    if (state_begin(self, error) < 0)
        return -1;
    bool done = delete_unused(self, id, error) == 0;
    return state_end(self, done, done ? error : NULL) < 0 || !done ? -1 : 0;
}

// Sets are objects while they are gathered.
static void gather(const json_t *document, json_t *files, json_t *blobs) {
    const json_t *status = json_object_get(document, "status");
    const char *id = json_string_value(json_object_get(document, "id"));
    const char *configuration = json_string_value(json_object_get(status, "configDigest"));
    if (id)
        json_object_set_new(blobs, id, json_true());
    if (configuration)
        json_object_set_new(blobs, configuration, json_true());
    size_t index;
    json_t *layer;
    json_array_foreach (json_object_get(status, "layers"), index, layer) {
        const char *file = json_string_value(json_object_get(layer, "file"));
        const char *digest = json_string_value(json_object_get(layer, "digest"));
        if (file)
            json_object_set_new(files, file, json_true());
        if (digest)
            json_object_set_new(blobs, digest, json_true());
    }
}

static json_t *keys_of(json_t *set) {
    json_t *list = json_array();
    const char *key;
    json_t *value;
    json_object_foreach (set, key, value)
        json_array_append_new(list, json_string(key));
    return list;
}

json_t *state_image_needed(state *self, holm_error **error) {
    // An image in use cannot be deleted, so what containers need is what their images need.
    cleanup_statement sqlite3_stmt *statement = state_prepare(self, error, "SELECT document FROM images", "");
    if (!statement)
        return NULL;
    cleanup_json json_t *files = json_object(), *blobs = json_object();
    int row;
    while ((row = state_step(self, statement, error)) > 0) {
        cleanup_json json_t *document = state_json(statement, 0, error);
        if (!document)
            return NULL;
        gather(document, files, blobs);
    }
    return row < 0 ? NULL : json_pack("{s:o, s:o}", "files", keys_of(files), "blobs", keys_of(blobs));
}
