// What names stand for: images, and indexes of images for several platforms.
#include <string.h>

#include "core/store/state_internal.h"

// ---- in an image's document ----

static void append_once(json_t *list, const char *text) {
    size_t index;
    json_t *value;
    json_array_foreach (list, index, value)
        if (strcmp(json_string_value(value), text) == 0)
            return;
    json_array_append_new(list, json_string(text));
}

/// "registry/repository@digest" of a name.
static char *repository_digest(const char *reference, const char *digest) {
    const char *slash = strrchr(reference, '/'), *last = slash ? slash : reference;
    char *text = NULL;
    if (asprintf(&text, "%.*s@%s", (int)((size_t)(last - reference) + strcspn(last, ":@")), reference,
                 digest) < 0)
        abort();
    return text;
}

static json_t *index_document(state *self, const char *id, holm_error **error) {
    cleanup_statement sqlite3_stmt *statement =
        state_prepare(self, error, "SELECT document FROM indexes WHERE id = ?", "s", id);
    if (!statement || state_step(self, statement, error) <= 0)
        return NULL;
    return state_json(statement, 0, error);
}

/// The platforms that an index has, and which of them are here; none of what is no index.
static json_t *platforms_of(state *self, const char *target, holm_error **error) {
    cleanup_error holm_error *cause = NULL;
    cleanup_json json_t *index = index_document(self, target, &cause);
    cleanup_json json_t *here = index ? state_texts(self,
                                                    "SELECT DISTINCT image FROM image_references"
                                                    " WHERE target = ?",
                                                    target, &cause)
                                      : NULL;
    if (cause) {
        holm_error_propagate(error, steal_pointer(&cause));
        return NULL;
    }
    json_t *list = json_array(), *entry, *image;
    size_t at, other;
    json_array_foreach (json_object_get(index, "platforms"), at, entry) {
        bool present = false;
        json_array_foreach (here, other, image)
            present = present || json_equal(image, json_object_get(entry, "digest"));
        json_t *copy = json_copy(entry);
        json_object_set_new(copy, "present", json_boolean(present));
        json_array_append_new(list, copy);
    }
    return list;
}

int state_image_name(state *self, json_t *document, const char *id, holm_error **error) {
    cleanup_statement sqlite3_stmt *statement = state_prepare(
        self, error, "SELECT reference, target FROM image_references WHERE image = ? ORDER BY reference", "s",
        id);
    if (!statement)
        return -1;
    cleanup_json json_t *names = json_array(), *digests = json_array();
    cleanup_free char *target = NULL;
    int row;
    while ((row = state_step(self, statement, error)) > 0) {
        const char *name = state_text(statement, 0), *digest = state_text(statement, 1);
        cleanup_free char *full = repository_digest(name, digest);
        json_array_append_new(names, json_string(name));
        append_once(digests, full);
        // An index says more than the image alone.
        if (!target || strcmp(target, id) == 0) {
            free(target);
            target = strdup(digest);
        }
    }
    if (row < 0)
        return -1;
    json_t *configuration = json_object_get(document, "configuration"),
           *status = json_object_get(document, "status");
    json_object_set(configuration, "references", names);
    json_object_set_new(status, "digest", json_string(target ? target : id));
    json_object_set(status, "repositoryDigests", digests);
    json_t *platforms = platforms_of(self, target ? target : id, error);
    if (!platforms)
        return -1;
    if (json_array_size(platforms) == 0) {
        const char *platform = json_string_value(json_object_get(configuration, "platform"));
        json_array_append_new(platforms, json_pack("{s:s, s:s, s:b}", "digest", id, "platform",
                                                   platform ? platform : "", "present", true));
    }
    json_object_set_new(status, "platforms", platforms);
    return 0;
}

// ---- names ----

static int point(state *self, const char *reference, const char *image, const char *target,
                 holm_error **error) {
    cleanup_error holm_error *cause = NULL;
    if (state_run(self, &cause,
                  "INSERT INTO image_references(reference, image, target) VALUES(?, ?, ?)"
                  " ON CONFLICT(reference, image) DO UPDATE SET target = excluded.target",
                  "sss", reference, image, target) == 0)
        return 0;
    if (holm_error_code_of(cause) == HOLM_ERROR_EXISTS)
        holm_error_set(error, HOLM_ERROR_NOT_FOUND, "there is no image %s", image);
    else
        holm_error_propagate(error, steal_pointer(&cause));
    return -1;
}

// What the name stood for until now is not what it stands for any more.
static int leave_others(state *self, const char *reference, const char *target, holm_error **error) {
    return state_run(self, error, "DELETE FROM image_references WHERE reference = ? AND target <> ?", "ss",
                     reference, target);
}

static int set(state *self, const char *reference, const char *image_id, holm_error **error) {
    if (point(self, reference, image_id, image_id, error) < 0 ||
        leave_others(self, reference, image_id, error) < 0)
        return -1;
    return state_index_forget(self, error);
}

int state_reference_set(state *self, const char *reference, const char *image_id, holm_error **error) {
    if (state_begin(self, error) < 0)
        return -1;
    bool done = set(self, reference, image_id, error) == 0;
    return state_end(self, done, done ? error : NULL) < 0 || !done ? -1 : 0;
}

static int copy(state *self, const char *reference, const char *source, holm_error **error) {
    if (leave_others(self, reference, source, error) < 0 || // a source may have this one name only
        state_run(self, error,
                  "INSERT OR REPLACE INTO image_references(reference, image, target)"
                  " SELECT DISTINCT ?, image, target FROM image_references WHERE ? IN (reference, target)"
                  " AND NOT EXISTS (SELECT 1 FROM images WHERE id = ?)",
                  "sss", reference, source, source) < 0)
        return -1;
    if (sqlite3_changes(self->database) == 0 && point(self, reference, source, source, error) < 0)
        return -1;
    return state_index_forget(self, error);
}

int state_reference_copy(state *self, const char *reference, const char *source, holm_error **error) {
    if (strcmp(reference, source) == 0)
        return 0;
    if (state_begin(self, error) < 0)
        return -1;
    bool done = copy(self, reference, source, error) == 0;
    return state_end(self, done, done ? error : NULL) < 0 || !done ? -1 : 0;
}

char *state_reference_target(state *self, const char *reference, holm_error **error) {
    cleanup_json json_t *list = state_texts(
        self, "SELECT target FROM image_references WHERE reference = ? LIMIT 1", reference, error);
    if (!list)
        return NULL;
    const char *target = json_string_value(json_array_get(list, 0));
    if (!target)
        holm_error_set(error, HOLM_ERROR_NOT_FOUND, "there is no image \"%s\" here", reference);
    return target ? strdup(target) : NULL;
}

static int take(state *self, const char *reference, const char *image, json_t **gone, holm_error **error) {
    cleanup_json json_t *images =
        state_texts(self, "SELECT image FROM image_references WHERE reference = ?", reference, error);
    if (!images)
        return -1;
    if (json_array_size(images) == 0) {
        holm_error_set(error, HOLM_ERROR_NOT_FOUND, "there is no image \"%s\" here", reference);
        return -1;
    }
    if (state_run(self, error,
                  "DELETE FROM image_references WHERE reference = ?1 AND (?2 IS NULL OR image = ?2)", "ss",
                  reference, image) < 0)
        return -1;
    cleanup_json json_t *nameless = json_array();
    size_t index;
    json_t *id;
    json_array_foreach (images, index, id) {
        cleanup_json json_t *left =
            state_texts(self, "SELECT reference FROM image_references WHERE image = ? LIMIT 1",
                        json_string_value(id), error);
        if (!left)
            return -1;
        if (json_array_size(left) == 0)
            json_array_append(nameless, id);
    }
    if (gone)
        *gone = json_incref(nameless);
    return state_index_forget(self, error);
}

int state_reference_delete(state *self, const char *reference, const char *image, json_t **gone,
                           holm_error **error) {
    if (state_begin(self, error) < 0)
        return -1;
    bool done = take(self, reference, image, gone, error) == 0;
    return state_end(self, done, done ? error : NULL) < 0 || !done ? -1 : 0;
}

// ---- indexes ----

int state_index_forget(state *self, holm_error **error) {
    return state_run(self, error, "DELETE FROM indexes WHERE id NOT IN (SELECT target FROM image_references)",
                     "");
}

/// What was known of the index before stays known: a pull of one platform brings less than one of all did.
static json_t *merged(state *self, const char *id, const json_t *index, holm_error **error) {
    cleanup_error holm_error *cause = NULL;
    cleanup_json json_t *before = index_document(self, id, &cause);
    json_t *whole = cause ? NULL : json_deep_copy(index);
    if (cause)
        holm_error_propagate(error, steal_pointer(&cause));
    if (!whole || !before)
        return whole;
    size_t at;
    json_t *digest;
    json_array_foreach (json_object_get(before, "blobs"), at, digest)
        append_once(json_object_get(whole, "blobs"), json_string_value(digest));
    if (json_is_true(json_object_get(before, "all")))
        json_object_set_new(whole, "all", json_true());
    return whole;
}

static int put_index(state *self, const char *reference, const char *id, const json_t *index,
                     const json_t *images, holm_error **error) {
    cleanup_json json_t *whole = merged(self, id, index, error);
    if (!whole || state_run(self, error,
                            "INSERT INTO indexes(id, document) VALUES(?, ?)"
                            " ON CONFLICT(id) DO UPDATE SET document = excluded.document",
                            "sj", id, whole) < 0)
        return -1;
    size_t at;
    json_t *document;
    json_array_foreach (images, at, document) {
        const char *image = json_string_value(json_object_get(document, "id"));
        if (state_image_put_row(self, image, document, error) < 0 ||
            (reference && point(self, reference, image, id, error) < 0))
            return -1;
    }
    if (reference && leave_others(self, reference, id, error) < 0)
        return -1;
    return state_index_forget(self, error);
}

int state_index_put(state *self, const char *reference, const json_t *index, const json_t *images,
                    holm_error **error) {
    const char *id = json_string_value(json_object_get(index, "id"));
    if (!id || !json_is_array(json_object_get(index, "blobs"))) {
        holm_error_set(error, HOLM_ERROR_INTERNAL, "an index without an id");
        return -1;
    }
    if (state_begin(self, error) < 0)
        return -1;
    bool done = put_index(self, reference, id, index, images, error) == 0;
    return state_end(self, done, done ? error : NULL) < 0 || !done ? -1 : 0;
}

json_t *state_index_list(state *self, holm_error **error) {
    cleanup_statement sqlite3_stmt *statement =
        state_prepare(self, error, "SELECT document FROM indexes ORDER BY rowid", "");
    if (!statement)
        return NULL;
    cleanup_json json_t *list = json_array();
    int row;
    while ((row = state_step(self, statement, error)) > 0)
        if (json_array_append_new(list, state_json(statement, 0, error)) < 0)
            return NULL;
    return row < 0 ? NULL : steal_pointer(&list);
}
