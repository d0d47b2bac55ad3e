// Volumes, and who mounts them.
#include <string.h>

#include "core/holm.h"
#include "tui/model_private.h"

void model_volumes_finish(model_state *self) {
    for (size_t i = 0; i < self->volume_count; i++) {
        free(self->volumes[i].id);
        free(self->volumes[i].name);
        json_decref(self->volumes[i].document);
    }
    free(self->volumes);
    self->volumes = NULL;
    self->volume_count = 0;
}

static void fill(model_volume *self, const json_t *document) {
    const json_t *configuration = json_object_get(document, "configuration");
    const json_t *status = json_object_get(document, "status");
    self->id = model_text(json_object_get(document, "id"));
    self->name = model_text(json_object_get(configuration, "name"));
    self->size = model_number(configuration, "sizeBytes");
    self->used = model_number(status, "usedBytes");
    self->created = model_time(json_object_get(status, "createdAt"));
    self->anonymous = json_is_true(json_object_get(configuration, "anonymous"));
    self->document = json_incref((json_t *)document);
}

void model_set_volumes(model_state *self, const json_t *documents) {
    model_volumes_finish(self);
    self->volume_count = json_array_size(documents);
    self->volumes = calloc(self->volume_count + 1, sizeof(*self->volumes));
    if (!self->volumes)
        abort();
    for (size_t i = 0; i < self->volume_count; i++)
        fill(&self->volumes[i], json_array_get(documents, i));
    self->volumes_known = true;
}

model_volume *model_find_volume(const model_state *self, const char *id) {
    for (size_t i = 0; i < self->volume_count; i++)
        if (strcmp(self->volumes[i].id, id) == 0)
            return &self->volumes[i];
    return NULL;
}

bool model_container_mounts(const model_container *container, const char *volume) {
    const json_t *mounts = json_object_get(json_object_get(container->document, "configuration"), "mounts");
    for (size_t i = 0; i < json_array_size(mounts); i++) {
        const json_t *mount = json_array_get(mounts, i);
        const char *type = json_string_value(json_object_get(mount, "type"));
        const char *source = json_string_value(json_object_get(mount, "source"));
        if (type && source && strcmp(type, "volume") == 0 && strcmp(source, volume) == 0)
            return true;
    }
    return false;
}
