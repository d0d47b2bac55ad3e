#include <string.h>

#include "core/store/state_internal.h"

// The names of an image and the containers on it are rows of their own; documents get them from there.
json_t *state_texts(state *self, const char *sql, const char *parameter, holm_error **error) {
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

static bool is_unpacked(const json_t *document) {
    size_t index;
    json_t *layer;
    json_array_foreach (json_object_get(json_object_get(document, "status"), "layers"), index, layer)
        if (!json_object_get(layer, "file"))
            return false;
    return true;
}

static json_t *document_of(state *self, sqlite3_stmt *statement, holm_error **error) {
    cleanup_json json_t *document = state_json(statement, 1, error);
    if (!document)
        return NULL;
    const char *id = state_text(statement, 0);
    member(document, "configuration");
    json_t *status = member(document, "status");
    if (state_image_name(self, document, id, error) < 0)
        return NULL;
    json_t *containers =
        state_texts(self, "SELECT id FROM containers WHERE image = ? ORDER BY rowid", id, error);
    if (!containers)
        return NULL;
    json_object_set_new(status, "containers", containers);
    json_object_set_new(status, "unpacked", json_boolean(is_unpacked(document)));
    return steal_pointer(&document);
}

int state_image_put_row(state *self, const char *id, const json_t *document, holm_error **error) {
    return state_run(self, error,
                     is_unpacked(document) ? "INSERT INTO images(id, document) VALUES(?, ?)"
                                             " ON CONFLICT(id) DO UPDATE SET document = excluded.document"
                                           : "INSERT INTO images(id, document) VALUES(?, ?)"
                                             " ON CONFLICT(id) DO NOTHING",
                     "sj", id, document);
}

int state_image_put(state *self, const char *reference, const json_t *document, holm_error **error) {
    const char *id = json_string_value(json_object_get(document, "id"));
    if (!id) {
        holm_error_set(error, HOLM_ERROR_INTERNAL, "an image document without an id");
        return -1;
    }
    if (state_begin(self, error) < 0)
        return -1;
    bool done = state_image_put_row(self, id, document, error) == 0 &&
                (!reference || state_reference_set(self, reference, id, error) == 0);
    return state_end(self, done, done ? error : NULL) < 0 || !done ? -1 : 0;
}

static json_t *documents(state *self, const char *sql, const char *first, const char *second,
                         holm_error **error) {
    cleanup_statement sqlite3_stmt *statement = state_prepare(self, error, sql, "ss", first, second);
    if (!statement)
        return NULL;
    cleanup_json json_t *list = json_array();
    int row;
    while ((row = state_step(self, statement, error)) > 0)
        if (json_array_append_new(list, document_of(self, statement, error)) < 0)
            return NULL;
    return row < 0 ? NULL : steal_pointer(&list);
}

// "registry/repository@digest" of what has come by a tag of that repository.
static json_t *find_by_digest(state *self, const char *reference, holm_error **error) {
    const char *at = strchr(reference, '@');
    cleanup_free char *repository = strndup(reference, at ? (size_t)(at - reference) : 0);
    return documents(self,
                     "SELECT id, document FROM images WHERE id IN (SELECT image FROM image_references"
                     " WHERE ?1 IN (image, target) AND substr(reference, 1, length(?2)) = ?2"
                     " AND substr(reference, length(?2) + 1, 1) IN (':', '@')) ORDER BY rowid",
                     at ? at + 1 : "", repository, error);
}

static json_t *find_exactly(state *self, const char *reference, holm_error **error) {
    static const char *const queries[] = {
        "SELECT id, document FROM images WHERE id = ? AND ? <> ''",
        "SELECT id, document FROM images JOIN image_references ON image = id WHERE reference = ? AND ? <> ''"
        " ORDER BY image_references.rowid",
        "SELECT id, document FROM images WHERE id IN (SELECT image FROM image_references WHERE target = ?"
        " AND ? <> '') ORDER BY rowid",
    };
    for (size_t i = 0; i < array_length(queries); i++) {
        json_t *list = documents(self, queries[i], reference, reference, error);
        if (!list || json_array_size(list) > 0)
            return list;
        json_decref(list);
    }
    return find_by_digest(self, reference, error);
}

// The one digest of an image or an index that begins so; "": none. NULL with an error: several.
static char *complete_digest(state *self, const char *text, holm_error **error) {
    const char *hex = strncmp(text, "sha256:", 7) == 0 ? text + 7 : text;
    char begin[80];
    if (!state_is_hex_prefix(hex))
        return strdup("");
    snprintf(begin, sizeof begin, "sha256:%s", hex);
    cleanup_json json_t *list =
        state_texts(self,
                    "SELECT id FROM images WHERE id >= ?1 AND id < ?1 || 'g' UNION"
                    " SELECT target FROM image_references WHERE target >= ?1 AND target < ?1 || 'g' LIMIT 2",
                    begin, error);
    if (!list)
        return NULL;
    if (json_array_size(list) > 1) {
        holm_error_set(error, HOLM_ERROR_INVALID, "more than one image has an id that begins with \"%s\"",
                       text);
        return NULL;
    }
    const char *digest = json_string_value(json_array_get(list, 0));
    return strdup(digest ? digest : "");
}

json_t *state_image_find(state *self, const char *reference, holm_error **error) {
    cleanup_json json_t *list = find_exactly(self, reference, error);
    if (!list || json_array_size(list) > 0)
        return steal_pointer(&list);
    cleanup_free char *digest = complete_digest(self, reference, error);
    if (!digest)
        return NULL;
    if (digest[0])
        return find_exactly(self, digest, error);
    holm_error_set(error, HOLM_ERROR_NOT_FOUND, "there is no image \"%s\" here", reference);
    holm_error_hint(error, "holm pull %s brings it", reference);
    return NULL;
}

json_t *state_image_get(state *self, const char *reference, holm_error **error) {
    cleanup_json json_t *list = state_image_find(self, reference, error);
    return json_incref(json_array_get(list, 0));
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

static int delete_unused(state *self, const char *id, holm_error **error) {
    cleanup_json json_t *users =
        state_texts(self, "SELECT name FROM containers WHERE image = ? ORDER BY rowid", id, error);
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
    return state_index_forget(self, error);
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

static int gather_all(state *self, const char *sql, void (*take)(const json_t *, json_t *, json_t *),
                      json_t *files, json_t *blobs, holm_error **error) {
    cleanup_statement sqlite3_stmt *statement = state_prepare(self, error, sql, "");
    if (!statement)
        return -1;
    int row;
    while ((row = state_step(self, statement, error)) > 0) {
        cleanup_json json_t *document = state_json(statement, 0, error);
        if (!document)
            return -1;
        take(document, files, blobs);
    }
    return row;
}

static void gather_index(const json_t *document, json_t *files, json_t *blobs) {
    (void)files;
    size_t index;
    json_t *digest;
    json_array_foreach (json_object_get(document, "blobs"), index, digest)
        json_object_set_new(blobs, json_string_value(digest), json_true());
}

json_t *state_image_needed(state *self, holm_error **error) {
    // An image in use cannot be deleted, so what containers need is what their images need.
    cleanup_json json_t *files = json_object(), *blobs = json_object();
    if (gather_all(self, "SELECT document FROM images", gather, files, blobs, error) < 0 ||
        gather_all(self, "SELECT document FROM indexes", gather_index, files, blobs, error) < 0)
        return NULL;
    return json_pack("{s:o, s:o}", "files", keys_of(files), "blobs", keys_of(blobs));
}
