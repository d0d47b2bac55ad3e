#include <string.h>

#include "core/store/state_internal.h"

#define COLUMNS "SELECT id, name, configuration, status FROM containers"

// A name lives in its column, which is unique; documents get it from there.
static json_t *document_of(sqlite3_stmt *statement, holm_error **error) {
    cleanup_json json_t *configuration = state_json(statement, 2, error);
    if (!configuration)
        return NULL;
    cleanup_json json_t *status = state_json(statement, 3, error);
    if (!status)
        return NULL;
    json_object_set_new(configuration, "name", json_string(state_text(statement, 1)));
    return json_pack("{s:s, s:O, s:O}", "id", state_text(statement, 0), "configuration", configuration,
                     "status", status);
}

static int check_document(const json_t *document, const char **id, const char **name,
                          const char **status_state, holm_error **error) {
    json_error_t problem;
    if (json_unpack_ex((json_t *)document, &problem, 0, "{s:s, s:{s:s}, s:{s:s}}", "id", id, "configuration",
                       "name", name, "status", "state", status_state) == 0)
        return 0;
    holm_error_set(error, HOLM_ERROR_INTERNAL, "a container document without id, name or state: %s",
                   problem.text);
    return -1;
}

static void fail_taken(const char *name, holm_error **error) {
    holm_error_set(error, HOLM_ERROR_EXISTS, "the name \"%s\" is taken by another container", name);
    holm_error_hint(error, "choose another name, or remove that container (holm rm %s)", name);
}

int state_container_insert(state *self, const json_t *document, holm_error **error) {
    const char *id, *name, *status_state;
    if (check_document(document, &id, &name, &status_state, error) < 0)
        return -1;
    const json_t *configuration = json_object_get(document, "configuration");
    const char *image = json_string_value(json_object_get(configuration, "imageId"));
    cleanup_error holm_error *cause = NULL;
    if (state_begin(self, error) < 0)
        return -1;
    int result = state_run(
        self, &cause,
        "INSERT INTO containers(id, name, image, state, configuration, status) VALUES(?, ?, ?, ?, ?, ?)",
        "ssssjj", id, name, image, status_state, configuration, json_object_get(document, "status"));
    int extended = sqlite3_extended_errcode(self->database);
    if (state_end(self, result == 0, result == 0 ? error : NULL) < 0)
        return -1;
    if (result == 0)
        return 0;
    if (extended == SQLITE_CONSTRAINT_UNIQUE) {
        fail_taken(name, error);
    } else if (extended == SQLITE_CONSTRAINT_FOREIGNKEY) {
        holm_error_set(error, HOLM_ERROR_NOT_FOUND, "the image %s is gone", image ? image : "");
        holm_error_hint(error, "pull it again");
    } else {
        holm_error_propagate(error, steal_pointer(&cause));
    }
    return -1;
}

// By name or full id: 0 or 1 row. By prefix: up to two, to see that it is not unique.
static json_t *find(state *self, const char *sql, const char *first, const char *second,
                    const char *reference, holm_error **error) {
    cleanup_statement sqlite3_stmt *statement = state_prepare(self, error, sql, "ss", first, second);
    if (!statement || state_step(self, statement, error) <= 0)
        return NULL;
    cleanup_json json_t *document = document_of(statement, error);
    if (!document)
        return NULL;
    int more = state_step(self, statement, error);
    if (more > 0)
        holm_error_set(error, HOLM_ERROR_INVALID, "more than one container has an id that begins with \"%s\"",
                       reference);
    return more == 0 ? steal_pointer(&document) : NULL;
}

json_t *state_container_get(state *self, const char *reference, holm_error **error) {
    cleanup_error holm_error *cause = NULL;
    json_t *document =
        find(self, COLUMNS " WHERE name = ? OR id = ? LIMIT 1", reference, reference, reference, &cause);
    if (!document && !cause && state_is_hex_prefix(reference)) {
        char end[72];
        snprintf(end, sizeof end, "%sg", reference);
        document = find(self, COLUMNS " WHERE id >= ? AND id < ? LIMIT 2", reference, end, reference, &cause);
    }
    if (!document && !cause) {
        holm_error_set(&cause, HOLM_ERROR_NOT_FOUND, "there is no container \"%s\"", reference);
        holm_error_hint(&cause, "holm ls -a shows all of them");
    }
    if (cause)
        holm_error_propagate(error, steal_pointer(&cause));
    return document;
}

json_t *state_container_list(state *self, bool all, holm_error **error) {
    const char *sql = all ? COLUMNS " ORDER BY rowid DESC"
                          : COLUMNS " WHERE state NOT IN ('created', 'exited') ORDER BY rowid DESC";
    cleanup_statement sqlite3_stmt *statement = state_prepare(self, error, sql, "");
    if (!statement)
        return NULL;
    cleanup_json json_t *list = json_array();
    int row;
    while ((row = state_step(self, statement, error)) > 0)
        if (json_array_append_new(list, document_of(statement, error)) < 0)
            return NULL;
    return row < 0 ? NULL : steal_pointer(&list);
}

json_t *state_container_states(state *self, holm_error **error) {
    cleanup_statement sqlite3_stmt *statement =
        state_prepare(self, error, "SELECT id, state FROM containers", "");
    if (!statement)
        return NULL;
    cleanup_json json_t *states = json_object();
    int row;
    while ((row = state_step(self, statement, error)) > 0)
        json_object_set_new(states, state_text(statement, 0), json_string(state_text(statement, 1)));
    return row < 0 ? NULL : steal_pointer(&states);
}

static int changed_one(state *self, const char *id, holm_error **error) {
    if (sqlite3_changes(self->database) > 0)
        return 0;
    holm_error_set(error, HOLM_ERROR_NOT_FOUND, "the container %.12s is gone", id);
    return -1;
}

int state_container_rename(state *self, const char *id, const char *name, holm_error **error) {
    cleanup_error holm_error *cause = NULL;
    if (state_run(self, &cause, "UPDATE containers SET name = ? WHERE id = ?", "ss", name, id) == 0)
        return changed_one(self, id, error);
    if (holm_error_code_of(cause) == HOLM_ERROR_EXISTS)
        fail_taken(name, error);
    else
        holm_error_propagate(error, steal_pointer(&cause));
    return -1;
}

// The document of the row with this id; the caller owns it.
static json_t *row_of(state *self, const char *id, holm_error **error) {
    cleanup_statement sqlite3_stmt *statement = state_prepare(self, error, COLUMNS " WHERE id = ?", "s", id);
    int row = statement ? state_step(self, statement, error) : -1;
    if (row == 0)
        holm_error_set(error, HOLM_ERROR_NOT_FOUND, "the container %.12s is gone", id);
    return row > 0 ? document_of(statement, error) : NULL;
}

static void merge(json_t *object, const json_t *changes) {
    const char *key;
    json_t *value;
    json_object_foreach ((json_t *)changes, key, value) {
        if (json_is_null(value))
            json_object_del(object, key);
        else
            json_object_set(object, key, value);
    }
}

static int merge_status(state *self, const char *id, const char *expected, const json_t *changes,
                        holm_error **error) {
    cleanup_json json_t *document = row_of(self, id, error);
    if (!document)
        return -1;
    json_t *status = json_object_get(document, "status");
    const char *present = json_string_value(json_object_get(status, "state"));
    if (expected && (!present || strcmp(present, expected) != 0)) {
        holm_error_set(error, HOLM_ERROR_STATE, "the container %s is %s, not %s",
                       json_string_value(json_object_get(json_object_get(document, "configuration"), "name")),
                       present ? present : "in no state", expected);
        return -1;
    }
    merge(status, changes);
    return state_run(self, error, "UPDATE containers SET status = ?, state = ? WHERE id = ?", "jss", status,
                     json_string_value(json_object_get(status, "state")), id);
}

int state_container_update(state *self, const char *id, const char *expected, const json_t *changes,
                           holm_error **error) {
    if (state_begin(self, error) < 0)
        return -1;
    bool done = merge_status(self, id, expected, changes, error) == 0;
    return state_end(self, done, done ? error : NULL) < 0 || !done ? -1 : 0;
}

int state_container_configure(state *self, const char *id, const json_t *changes, holm_error **error) {
    if (state_begin(self, error) < 0)
        return -1;
    cleanup_json json_t *document = row_of(self, id, error);
    bool done = document != NULL;
    if (done) {
        json_t *configuration = json_object_get(document, "configuration");
        merge(configuration, changes);
        done = state_run(self, error, "UPDATE containers SET configuration = ? WHERE id = ?", "js",
                         configuration, id) == 0;
    }
    return state_end(self, done, done ? error : NULL) < 0 || !done ? -1 : 0;
}

int state_container_delete(state *self, const char *id, holm_error **error) {
    if (state_run(self, error, "DELETE FROM containers WHERE id = ?", "s", id) < 0)
        return -1;
    return changed_one(self, id, error);
}
