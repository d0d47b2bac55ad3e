// What holm takes on the disk, and what of it could be given back.
#include <dirent.h>
#include <string.h>
#include <unistd.h>

#include "core/holm_prune.h"
#include "core/volume/volume.h"

static json_int_t size_of(const json_t *item) {
    return json_integer_value(json_object_get(item, "sizeBytes"));
}

static json_t *item_create(const char *name, uint64_t bytes, bool active) {
    return json_pack("{s:s, s:I, s:b}", "name", name, "sizeBytes", (json_int_t)bytes, "active", active);
}

// A kind of things: how many, and what goes when those that nothing uses go. Takes the items over.
static json_t *kind_create(json_t *items) {
    json_int_t bytes = 0, used = 0;
    size_t index, active = 0;
    json_t *item;
    json_array_foreach (items, index, item) {
        bool is_active = json_is_true(json_object_get(item, "active"));
        active += is_active;
        bytes += size_of(item);
        used += is_active ? size_of(item) : 0;
    }
    return json_pack("{s:I, s:I, s:I, s:I, s:o}", "total", (json_int_t)json_array_size(items), "active",
                     (json_int_t)active, "sizeBytes", bytes, "reclaimableBytes", bytes - used, "items",
                     items);
}

// ---- what is in state.db ----

static json_t *measure_containers(holm_client *client, state *db, holm_error **error) {
    cleanup_json json_t *list = state_container_list(db, true, error);
    json_t *items = json_array(), *document;
    size_t index;
    json_array_foreach (list, index, document) {
        cleanup_free char *folder = container_folder(&client->where, holm_document_id(document));
        json_t *item = item_create(holm_document_configuration(document, "name"), holm_tree_bytes(folder),
                                   !container_document_at_rest(document));
        json_object_set_new(item, "state", json_string(holm_document_status(document, "state")));
        json_array_append_new(items, item);
    }
    return kind_create(items);
}

static json_t *measure_volumes(holm_client *client, state *db, holm_error **error) {
    cleanup_json json_t *list = state_volume_list(db, error);
    json_t *items = json_array(), *document;
    size_t index;
    json_array_foreach (list, index, document) {
        volume_measure(&client->where, document);
        const json_t *status = json_object_get(document, "status");
        size_t users = json_array_size(json_object_get(status, "containers"));
        json_t *item =
            item_create(holm_document_id(document),
                        (uint64_t)json_integer_value(json_object_get(status, "usedBytes")), users > 0);
        json_object_set_new(item, "containers", json_integer((json_int_t)users));
        json_array_append_new(items, item);
    }
    return kind_create(items);
}

// Layers are shared: the sums are of files, and an image's own share is what only it has.
static json_t *measure_images(holm_client *client, state *db, holm_error **error) {
    json_t *usage = holm_image_measure(client, db, error);
    json_t *items = json_array(), *document;
    size_t index;
    json_array_foreach (json_object_get(usage, "images"), index, document) {
        const json_t *status = json_object_get(document, "status");
        const char *name = json_string_value(
            json_array_get(json_object_get(json_object_get(document, "configuration"), "references"), 0));
        size_t users = json_array_size(json_object_get(status, "containers"));
        json_t *item = item_create(name ? name : holm_document_id(document), 0, users > 0);
        json_object_set(item, "sizeBytes", json_object_get(status, "sizeBytes"));
        json_object_set(item, "uniqueBytes", json_object_get(status, "uniqueBytes"));
        json_object_set_new(item, "containers", json_integer((json_int_t)users));
        json_array_append_new(items, item);
    }
    if (usage) {
        json_object_del(usage, "images");
        json_object_set(usage, "items", items);
    }
    json_decref(items);
    return usage;
}

// ---- the cache ----

static bool is_hash(const char *name) {
    return strlen(name) == 16 && strspn(name, "0123456789abcdef") == 16;
}

static json_t *list_cache(const paths *where, const char *folder, const json_t *active) {
    cleanup_free char *path = path_join(where->cache, folder, NULL);
    cleanup_directory DIR *list = opendir(path);
    json_t *items = json_array();
    for (const struct dirent *entry; list && (entry = readdir(list));) {
        if (!is_hash(entry->d_name))
            continue;
        cleanup_free char *below = path_join(path, entry->d_name, NULL);
        json_t *item =
            item_create(entry->d_name, holm_tree_bytes(below), json_object_get(active, entry->d_name));
        json_object_set_new(item, "path", json_string(below));
        json_array_append_new(items, item);
    }
    return items;
}

json_t *holm_usage_templates(const paths *where) {
    return list_cache(where, "templates", NULL);
}

// A kernel is used by the builds whose link, named by the architecture, leads to it.
json_t *holm_usage_kernels(const paths *where) {
    cleanup_json json_t *linked = json_object();
    cleanup_free char *path = path_join(where->cache, "kernel", NULL);
    cleanup_directory DIR *list = opendir(path);
    char target[64];
    for (const struct dirent *entry; list && (entry = readdir(list));) {
        ssize_t length = readlinkat(dirfd(list), entry->d_name, target, sizeof target - 1);
        if (length > 0) {
            target[length] = 0;
            json_object_set_new(linked, target, json_true());
        }
    }
    return list_cache(where, "kernel", linked);
}

// ---- the request ----

static int measure(holm_request *self, state *db, holm_error **error) {
    holm_client *client = self->handle.client;
    static const char *const kinds[] = {"images", "containers", "volumes", "templates", "kernels"};
    holm_error *cause = NULL;
    json_int_t bytes = 0, free_bytes = 0;
    self->result = json_object();
    json_object_set_new(self->result, kinds[0], measure_images(client, db, &cause));
    if (!cause)
        json_object_set_new(self->result, kinds[1], measure_containers(client, db, &cause));
    if (!cause)
        json_object_set_new(self->result, kinds[2], measure_volumes(client, db, &cause));
    if (cause) {
        holm_error_propagate(error, cause);
        return -1;
    }
    json_object_set_new(self->result, kinds[3], kind_create(holm_usage_templates(&client->where)));
    json_object_set_new(self->result, kinds[4], kind_create(holm_usage_kernels(&client->where)));
    for (size_t i = 0; i < array_length(kinds); i++) {
        const json_t *kind = json_object_get(self->result, kinds[i]);
        bytes += size_of(kind);
        free_bytes += json_integer_value(json_object_get(kind, "reclaimableBytes"));
    }
    json_object_set_new(self->result, "sizeBytes", json_integer(bytes));
    return json_object_set_new(self->result, "reclaimableBytes", json_integer(free_bytes));
}

void holm_system_usage(holm_client *client, holm_done done, void *data) {
    holm_request_work(holm_request_create(client, done, data), measure, holm_request_finish);
}
