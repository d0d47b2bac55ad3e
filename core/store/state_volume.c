// Volumes, and the containers that mount them.
#include <string.h>

#include "core/store/state_internal.h"

static json_t *users_of(state *self, const char *name, holm_error **error) {
    cleanup_statement sqlite3_stmt *statement = state_prepare(
        self, error,
        "SELECT DISTINCT c.id, c.name, c.state FROM containers c, json_each(c.configuration, '$.mounts') m "
        "WHERE json_extract(m.value, '$.type') = 'volume' AND json_extract(m.value, '$.source') = ? "
        "ORDER BY c.name",
        "s", name);
    if (!statement)
        return NULL;
    cleanup_json json_t *list = json_array();
    int row;
    while ((row = state_step(self, statement, error)) > 0)
        json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "id", state_text(statement, 0), "name",
                                              state_text(statement, 1), "state", state_text(statement, 2)));
    return row < 0 ? NULL : steal_pointer(&list);
}

static int add_users(state *self, json_t *document, holm_error **error) {
    json_t *users = users_of(self, json_string_value(json_object_get(document, "id")), error);
    return users ? json_object_set_new(json_object_get(document, "status"), "containers", users) : -1;
}

json_t *state_volume_insert(state *self, const json_t *document, holm_error **error) {
    const char *name = json_string_value(json_object_get(document, "id"));
    cleanup_statement sqlite3_stmt *statement = state_prepare(
        self, error,
        "INSERT INTO volumes(name, document) VALUES(?, json_set(?, '$.status.createdAt', "
        "strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000000Z')) ON CONFLICT DO NOTHING RETURNING document",
        "sj", name, document);
    int row = statement ? state_step(self, statement, error) : -1;
    if (row > 0)
        return state_json(statement, 0, error);
    if (row == 0) {
        holm_error_set(error, HOLM_ERROR_EXISTS, "there is a volume \"%s\" already", name);
        holm_error_hint(error, "choose another name, or remove it (holm volume rm %s)", name);
    }
    return NULL;
}

json_t *state_volume_get(state *self, const char *name, holm_error **error) {
    cleanup_statement sqlite3_stmt *statement =
        state_prepare(self, error, "SELECT document FROM volumes WHERE name = ?", "s", name);
    int row = statement ? state_step(self, statement, error) : -1;
    if (row == 0) {
        holm_error_set(error, HOLM_ERROR_NOT_FOUND, "there is no volume \"%s\"", name);
        holm_error_hint(error, "holm volume ls shows those there are");
    }
    cleanup_json json_t *document = row > 0 ? state_json(statement, 0, error) : NULL;
    return document && add_users(self, document, error) == 0 ? steal_pointer(&document) : NULL;
}

json_t *state_volume_list(state *self, holm_error **error) {
    cleanup_statement sqlite3_stmt *statement =
        state_prepare(self, error, "SELECT document FROM volumes ORDER BY name", "");
    if (!statement)
        return NULL;
    cleanup_json json_t *list = json_array();
    int row;
    while ((row = state_step(self, statement, error)) > 0) {
        json_t *document = state_json(statement, 0, error);
        if (json_array_append_new(list, document) < 0 || add_users(self, document, error) < 0)
            return NULL;
    }
    return row < 0 ? NULL : steal_pointer(&list);
}

static void fail_in_use(const char *name, const json_t *users, holm_error **error) {
    const json_t *first = json_array_get(users, 0);
    size_t others = json_array_size(users) - 1;
    char more[32] = "";
    if (others > 0)
        snprintf(more, sizeof more, " and %zu more", others);
    holm_error_set(error, HOLM_ERROR_IN_USE, "the volume \"%s\" is mounted by the container %s%s", name,
                   json_string_value(json_object_get(first, "name")), more);
    holm_error_hint(error, "remove what mounts it first (holm rm)");
}

int state_volume_delete(state *self, const char *name, holm_error **error) {
    cleanup_json json_t *users = users_of(self, name, error);
    if (!users)
        return -1;
    if (json_array_size(users) > 0) {
        fail_in_use(name, users, error);
        return -1;
    }
    return state_run(self, error, "DELETE FROM volumes WHERE name = ?", "s", name);
}

int state_volume_replace(state *self, const char *name, const char *file, uint64_t size, holm_error **error) {
    cleanup_statement sqlite3_stmt *statement =
        state_prepare(self, error,
                      "UPDATE volumes SET document = json_set(document, '$.status.file', ?, "
                      "'$.configuration.sizeBytes', ?) "
                      "WHERE name = ? RETURNING name",
                      "sis", file, (int64_t)size, name);
    int row = statement ? state_step(self, statement, error) : -1;
    if (row == 0)
        holm_error_set(error, HOLM_ERROR_NOT_FOUND, "the volume \"%s\" has gone meanwhile", name);
    return row > 0 ? 0 : -1;
}
