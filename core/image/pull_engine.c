#include <string.h>

#include "core/base/path.h"
#include "core/image/pull_internal.h"
#include "core/registry/registry_settings.h"

// What a killed process has left half made, when no other is at work.
static void remove_half_made(const pull_engine *self) {
    cleanup_close int alone = blob_store_hold_alone(self->blobs, NULL);
    cleanup_directory DIR *directory = alone < 0 ? NULL : opendir(self->layers_directory);
    for (const struct dirent *entry; directory && (entry = readdir(directory));)
        if (entry->d_name[0] == '.' && strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            unlinkat(dirfd(directory), entry->d_name, 0);
    if (alone >= 0)
        blob_sweep_partial(self->blobs, BLOB_PARTIAL_AGE, NULL);
}

pull_engine *pull_engine_create(const pull_engine_options *options, holm_error **error) {
    pull_engine *self = calloc(1, sizeof *self);
    self->options = *options;
    self->loop = options->loop;
    self->data_directory = strdup(options->data_directory);
    self->layers_directory = path_join(options->data_directory, "layers", NULL);
    self->slots = PULL_CONCURRENCY;
    self->blobs = blob_store_open(options->data_directory, error);
    if (!self->blobs || path_make_directories(self->layers_directory, error) < 0) {
        pull_engine_destroy(self);
        return NULL;
    }
    remove_half_made(self);
    self->http = http_client_create(self->loop);
    return self;
}

void pull_engine_destroy(pull_engine *self) {
    if (!self)
        return;
    http_client_destroy(self->http);
    blob_store_close(self->blobs);
    free(self->data_directory);
    free(self->layers_directory);
    free(self);
}

blob_store *pull_engine_blobs(const pull_engine *self) {
    return self->blobs;
}

static registry *make_registry(pull_engine *self, const char *host, const char *repository,
                               const char *scheme, const credentials *login, bool push, holm_error **error) {
    const registry_options to = {
        .loop = self->loop,
        .http = self->http,
        .host = host,
        .repository = repository,
        .scheme = scheme,
        .settings = self->options.settings,
        .certificate_folders = self->options.certificate_folders,
        .broker = self->options.broker,
        .backoff_ms = self->options.backoff_ms,
        .stall_seconds = self->options.stall_seconds,
        .login = login,
        .push = push,
    };
    return registry_create(&to, error);
}

registry *pull_engine_registry(pull_engine *self, const char *host, const char *repository,
                               const char *scheme, const credentials *login, holm_error **error) {
    return make_registry(self, host, repository, scheme, login, false, error);
}

registry *pull_engine_push_registry(pull_engine *self, const char *host, const char *repository,
                                    const char *scheme, holm_error **error) {
    return make_registry(self, host, repository, scheme, NULL, true, error);
}

registry *pull_engine_place(pull_engine *self, const image_reference *reference, const char *scheme,
                            size_t index, holm_error **error) {
    const json_t *settings = self->options.settings;
    cleanup_free char *host = NULL, *repository = NULL;
    if (registry_mirror(settings, reference->registry, reference->repository, index, &host, &repository))
        return pull_engine_registry(self, host, repository, NULL, NULL, error);
    size_t mirrors = json_array_size(registry_setting(settings, reference->registry, "mirrors"));
    if (index > (mirrors < REGISTRY_MIRRORS_MAX ? mirrors : REGISTRY_MIRRORS_MAX))
        return NULL;
    return pull_engine_registry(self, reference->registry, reference->repository, scheme, NULL, error);
}

bool pull_engine_is_busy(const pull_engine *self) {
    return self->pulls > 0 || self->layers;
}

pull_source *pull_source_take(pull_source *self) {
    self->references++;
    return self;
}

void pull_source_drop(pull_source *self) {
    if (!self || --self->references > 0)
        return;
    registry_destroy(self->registry);
    free(self);
}
