// The list of containers: filtered, with what was lost put right or started again on the way.
#include <string.h>

#include "core/container/restart.h"
#include "core/holm_internal.h"

static bool has_text(const json_t *wanted, bool (*matches)(const json_t *document, const char *text),
                     const json_t *document) {
    size_t index;
    json_t *value;
    json_array_foreach (wanted, index, value)
        if (matches(document, json_string_value(value)))
            return true;
    return false;
}

static bool matches_name(const json_t *document, const char *text) {
    return strstr(holm_document_configuration(document, "name"), text) != NULL;
}

static bool matches_id(const json_t *document, const char *text) {
    return strncmp(holm_document_id(document), text, strlen(text)) == 0;
}

static bool matches_status(const json_t *document, const char *text) {
    return strcmp(holm_document_status(document, "state"), text) == 0;
}

static bool matches_ancestor(const json_t *document, const char *text) {
    const char *image = holm_document_configuration(document, "image");
    const char *id = holm_document_configuration(document, "imageId");
    size_t length = strlen(text);
    const char *short_name = strrchr(image, '/');
    short_name = short_name ? short_name + 1 : image;
    return strcmp(image, text) == 0 || strcmp(short_name, text) == 0 ||
           (strncmp(short_name, text, length) == 0 && short_name[length] == ':') || strcmp(id, text) == 0 ||
           (length >= 2 && strncmp(id, "sha256:", 7) == 0 && strncmp(id + 7, text, length) == 0);
}

static const struct {
    const char *key;
    bool (*matches)(const json_t *document, const char *text);
    bool every; // each value has to match, not only one
} filters[] = {
    {"name", matches_name, false},
    {"id", matches_id, false},
    {"status", matches_status, false},
    {"ancestor", matches_ancestor, false},
    {"label", holm_document_has_label, true},
};

static int check_filters(const json_t *wanted, holm_error **error) {
    const char *key;
    json_t *values;
    json_object_foreach ((json_t *)wanted, key, values) {
        bool known = false;
        for (size_t i = 0; i < array_length(filters); i++)
            known = known || strcmp(filters[i].key, key) == 0;
        if (known)
            continue;
        holm_error_set(error, HOLM_ERROR_INVALID, "there is no filter \"%s\" for containers", key);
        holm_error_hint(error, "the filters are name, id, status, ancestor and label");
        return -1;
    }
    return 0;
}

static bool passes(const json_t *document, const json_t *wanted) {
    for (size_t i = 0; i < array_length(filters); i++) {
        const json_t *values = json_object_get(wanted, filters[i].key);
        if (!values)
            continue;
        size_t index;
        json_t *value;
        if (!filters[i].every && !has_text(values, filters[i].matches, document))
            return false;
        if (filters[i].every)
            json_array_foreach (values, index, value)
                if (!filters[i].matches(document, json_string_value(value)))
                    return false;
    }
    return true;
}

// What interrupted commands have left behind is looked for once in the life of a client.
static int sweep_once(holm_client *client, state *db, holm_error **error) {
    uv_mutex_lock(&client->lock);
    bool first = !client->swept;
    client->swept = true;
    uv_mutex_unlock(&client->lock);
    return first ? container_reconcile_all(&client->where, db, error) : 0;
}

// Whether a row claims to run and has no shim: it is put right.
static int put_right(holm_client *client, state *db, const json_t *list, bool *changed, holm_error **error) {
    size_t index;
    json_t *document;
    json_array_foreach (list, index, document) {
        const char *id = holm_document_id(document);
        if (container_document_at_rest(document) || container_is_alive(&client->where, id))
            continue;
        if (container_reconcile(&client->where, db, id, error) < 0)
            return -1;
        *changed = true;
    }
    return 0;
}

// What was lost with its shim, and should run by its policy, is started by the next one who looks.
static void revive(holm_client *client, state *db, const json_t *list, bool *changed) {
    size_t index;
    json_t *document;
    json_array_foreach (list, index, document) {
        if (!restart_overdue(document, false))
            continue;
        container_revive(&client->where, db, holm_document_id(document), true);
        *changed = true;
    }
}

static json_t *list_right(holm_client *client, state *db, bool all, holm_error **error) {
    bool changed = false;
    cleanup_json json_t *list = state_container_list(db, true, error);
    if (!list || put_right(client, db, list, &changed, error) < 0)
        return NULL;
    if (changed) {
        json_decref(list);
        list = state_container_list(db, true, error);
    }
    revive(client, db, list, &changed);
    return changed || !all ? state_container_list(db, all, error) : steal_pointer(&list);
}

static int list_containers(holm_request *self, state *db, holm_error **error) {
    holm_client *client = self->handle.client;
    if (check_filters(self->json, error) < 0 || sweep_once(client, db, error) < 0)
        return -1;
    // A filter by state speaks of all of them.
    bool all = self->flag || json_object_get(self->json, "status");
    cleanup_json json_t *list = list_right(client, db, all, error);
    if (!list)
        return -1;
    self->result = json_array();
    size_t index;
    json_t *document;
    json_array_foreach (list, index, document) {
        if (!passes(document, self->json))
            continue;
        holm_document_add_stall(client, document);
        json_array_append(self->result, document);
    }
    return 0;
}

void holm_container_list(holm_client *client, bool all, json_t *wanted, holm_done done, void *data) {
    holm_request *self = holm_request_create(client, done, data);
    self->flag = all;
    self->json = wanted ? json_deep_copy(wanted) : NULL;
    holm_request_work(self, list_containers, holm_request_finish);
}
