// Pruning: what nothing uses goes, room by room.
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/time.h"
#include "core/holm_prune.h"

#define DEEPEST 16 // folders in each other

// ---- filters ----

int holm_document_is_before(const json_t *document, const char *text, holm_error **error) {
    int64_t until, created = 0;
    if (!holm_text_parse_time(text, &until)) {
        holm_error_set(error, HOLM_ERROR_INVALID, "the filter until is a time or a duration, not \"%s\"",
                       text);
        holm_error_hint(error, "for example until=24h or until=2026-01-31T12:00:00Z");
        return -1;
    }
    return time_parse(holm_document_status(document, "createdAt"), &created) && created && created < until;
}

static int fits_one(const json_t *document, const char *key, const char *value, holm_error **error) {
    if (strcmp(key, "until") == 0)
        return holm_document_is_before(document, value, error);
    if (strcmp(key, "label") == 0 || strcmp(key, "label!") == 0)
        return holm_document_has_label(document, value) == (strcmp(key, "label") == 0);
    return 1; // images have more of them, of which their list has seen to
}

int holm_prune_fits(const json_t *document, const json_t *filters, holm_error **error) {
    const char *key;
    json_t *values, *value;
    size_t index;
    json_object_foreach ((json_t *)filters, key, values)
        json_array_foreach (values, index, value) {
            int fits = fits_one(document, key, json_string_value(value), error);
            if (fits <= 0)
                return fits;
        }
    return 1;
}

static int check_filters(const json_t *filters, holm_error **error) {
    const char *key;
    json_t *values;
    json_object_foreach ((json_t *)filters, key, values) {
        if (strcmp(key, "until") == 0 || strcmp(key, "label") == 0 || strcmp(key, "label!") == 0)
            continue;
        holm_error_set(error, HOLM_ERROR_INVALID, "there is no filter \"%s\" for what is pruned", key);
        holm_error_hint(error, "the filters are until, label and label!");
        return -1;
    }
    return 0;
}

// ---- containers ----

static uint64_t tree_bytes(int parent, const char *name, unsigned depth) {
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    cleanup_directory DIR *list = fd < 0 ? NULL : fdopendir(fd);
    uint64_t bytes = 0;
    struct stat status;
    for (const struct dirent *entry; list && (entry = readdir(list));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
            fstatat(fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        bytes += S_ISREG(status.st_mode)                      ? (uint64_t)status.st_blocks * 512
                 : S_ISDIR(status.st_mode) && depth < DEEPEST ? tree_bytes(fd, entry->d_name, depth + 1)
                                                              : 0;
    }
    return bytes;
}

uint64_t holm_tree_bytes(const char *path) {
    return tree_bytes(AT_FDCWD, path, 0);
}

static int prune_container(holm_client *client, state *db, const json_t *document, json_t *deleted,
                           json_int_t *bytes, holm_error **error) {
    cleanup_error holm_error *cause = NULL;
    cleanup_free char *folder = container_folder(&client->where, holm_document_id(document));
    uint64_t size = holm_tree_bytes(folder);
    if (container_remove(&client->where, db, holm_document_id(document), false, &cause) == 0) {
        *bytes += (json_int_t)size;
        return json_array_append_new(deleted, json_string(holm_document_configuration(document, "name")));
    }
    if (holm_error_code_of(cause) == HOLM_ERROR_IN_USE || holm_error_code_of(cause) == HOLM_ERROR_NOT_FOUND)
        return 0; // it has just been started, or removed
    holm_error_propagate(error, steal_pointer(&cause));
    return -1;
}

static int prune_containers(holm_client *client, state *db, const json_t *filters, json_t *deleted,
                            json_int_t *bytes, holm_error **error) {
    if (container_reconcile_all(&client->where, db, error) < 0)
        return -1;
    cleanup_json json_t *list = state_container_list(db, true, error);
    size_t index;
    json_t *document;
    json_array_foreach (list, index, document) {
        int fits = container_document_at_rest(document) ? holm_prune_fits(document, filters, error) : 0;
        if (fits < 0 || (fits && prune_container(client, db, document, deleted, bytes, error) < 0))
            return -1;
    }
    return list ? 0 : -1;
}

// ---- the cache ----

static int prune_cache(json_t *list, json_t *deleted, json_int_t *bytes, holm_error **error) {
    cleanup_json json_t *all = list;
    size_t index;
    json_t *item;
    json_array_foreach (all, index, item) {
        const char *path = json_string_value(json_object_get(item, "path"));
        if (json_is_true(json_object_get(item, "active")))
            continue;
        if (path_remove_tree(path, error) < 0)
            return -1;
        *bytes += json_integer_value(json_object_get(item, "sizeBytes"));
        json_array_append(deleted, json_object_get(item, "name"));
    }
    return 0;
}

// A build that is under way keeps its lock until its kernel has its link.
static int prune_kernels(const paths *where, json_t *deleted, json_int_t *bytes, holm_error **error) {
    cleanup_free char *path = path_join(where->cache, "kernel", "build.lock", NULL);
    if (access(path, F_OK) < 0)
        return 0;
    cleanup_close int lock = file_lock(path, true, false, NULL);
    return lock < 0 ? 0 : prune_cache(holm_usage_kernels(where), deleted, bytes, error);
}

// ---- requests ----

static json_t *list_in(json_t *result, const char *key) {
    json_t *list = json_object_get(result, key);
    if (!list)
        json_object_set_new(result, key, list = json_array());
    return list;
}

typedef struct prune_plan {
    int (*run)(holm_request *self, state *db, json_int_t *bytes, holm_error **error);
} prune_plan;

static int prune_room(holm_request *self, state *db, holm_error **error) {
    json_int_t bytes = 0;
    self->result = json_object();
    if (check_filters(self->json, error) < 0 ||
        ((const prune_plan *)self->plan)->run(self, db, &bytes, error) < 0)
        return -1;
    return json_object_set_new(self->result, "reclaimedBytes", json_integer(bytes));
}

static holm_request *begin(holm_client *client, json_t *filters, const prune_plan *plan, holm_done done,
                           void *data) {
    holm_request *self = holm_request_create(client, done, data);
    self->json = filters ? json_deep_copy(filters) : NULL;
    self->plan = plan;
    return self;
}

static int run_containers(holm_request *self, state *db, json_int_t *bytes, holm_error **error) {
    return prune_containers(self->handle.client, db, self->json, list_in(self->result, "deleted"), bytes,
                            error);
}
static const prune_plan plan_containers = {run_containers};

void holm_container_prune(holm_client *client, json_t *filters, holm_done done, void *data) {
    holm_request_work(begin(client, filters, &plan_containers, done, data), prune_room, holm_request_finish);
}

static int run_volumes(holm_request *self, state *db, json_int_t *bytes, holm_error **error) {
    return holm_prune_volumes(self->handle.client, db, self->flag, self->json,
                              list_in(self->result, "deleted"), bytes, error);
}
static const prune_plan plan_volumes = {run_volumes};

void holm_volume_prune(holm_client *client, bool all, json_t *filters, holm_done done, void *data) {
    holm_request *self = begin(client, filters, &plan_volumes, done, data);
    self->flag = all;
    holm_request_work(self, prune_room, holm_request_finish);
}

static int run_networks(holm_request *self, state *db, json_int_t *bytes, holm_error **error) {
    (void)bytes;
    return holm_prune_networks(&self->handle.client->where, db, self->json, list_in(self->result, "deleted"),
                               error);
}
static const prune_plan plan_networks = {run_networks};

void holm_network_prune(holm_client *client, json_t *filters, holm_done done, void *data) {
    holm_request_work(begin(client, filters, &plan_networks, done, data), prune_room, holm_request_finish);
}

// ---- all of it ----

// What one room needs no more, the next one may be able to give back.
static int run_system(holm_request *self, state *db, json_int_t *bytes, holm_error **error) {
    holm_client *client = self->handle.client;
    json_t *result = self->result;
    if (prune_containers(client, db, self->json, list_in(result, "containers"), bytes, error) < 0 ||
        holm_prune_networks(&self->handle.client->where, db, self->json, list_in(result, "networks"), error) <
            0)
        return -1;
    if (self->volumes &&
        holm_prune_volumes(client, db, false, self->json, list_in(result, "volumes"), bytes, error) < 0)
        return -1;
    // What is made anew at the next start has no age and no labels.
    return !self->flag || self->json ? 0
           : prune_cache(holm_usage_templates(&client->where), list_in(result, "templates"), bytes, error) < 0
               ? -1
               : prune_kernels(&client->where, list_in(result, "kernels"), bytes, error);
}
static const prune_plan plan_system = {run_system};

static void images_pruned(holm_request *self) {
    json_t *all = self->own;
    json_int_t bytes = json_integer_value(json_object_get(all, "reclaimedBytes")) +
                       json_integer_value(json_object_get(self->result, "reclaimedBytes"));
    json_object_set(all, "untagged", json_object_get(self->result, "untagged"));
    json_object_set(all, "images", json_object_get(self->result, "deleted"));
    json_object_set_new(all, "reclaimedBytes", json_integer(bytes));
    json_decref(self->result);
    self->result = json_incref(all);
    holm_request_finish(self);
}

static void release_result(void *own) {
    json_decref(own);
}

static void rooms_pruned(holm_request *self) {
    self->own = steal_pointer(&self->result);
    self->release = release_result;
    holm_prune_images(self, images_pruned);
}

void holm_system_prune(holm_client *client, const holm_prune_options *options, json_t *filters,
                       holm_done done, void *data) {
    holm_request *self = begin(client, filters, &plan_system, done, data);
    self->flag = options->all;
    self->volumes = options->volumes;
    holm_request_work(self, prune_room, rooms_pruned);
}
