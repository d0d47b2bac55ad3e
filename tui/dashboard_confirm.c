// Questions before what does not come back: they name the things, and say what is lost and what stays.
#include <stdio.h>
#include <string.h>

#include "tui/dashboard_private.h"

#define NAMES_SHOWN 8

static void write_names(const dashboard *self, const action *what, char **ids, size_t count, FILE *out) {
    for (size_t i = 0; i < count && i < NAMES_SHOWN; i++) {
        const model_container *container =
            what->noun == ACTION_NOUN_CONTAINER ? model_find_container(&self->model, ids[i]) : NULL;
        fputs(dashboard_item_title(self, what->noun, ids[i]), out);
        if (container)
            fprintf(out, "  (%s)", container->image);
        fputc('\n', out);
    }
    if (count > NAMES_SHOWN)
        fprintf(out, "and %zu more\n", count - NAMES_SHOWN);
}

static uint64_t number(const json_t *document, const char *key) {
    double value = json_number_value(json_object_get(json_object_get(document, "status"), key));
    return value > 0 ? (uint64_t)value : 0;
}

// Volumes without a name that only this container has.
static unsigned anonymous_volumes(const dashboard *self, const model_container *container, uint64_t *bytes) {
    unsigned count = 0;
    for (size_t i = 0; i < self->model.volume_count; i++) {
        const model_volume *volume = &self->model.volumes[i];
        if (!volume->anonymous || !model_container_mounts(container, volume->name))
            continue;
        count++;
        *bytes += volume->used;
    }
    return count;
}

static void write_containers(const dashboard *self, char **ids, size_t count, FILE *out) {
    uint64_t layer = 0, volume_bytes = 0;
    unsigned volumes = 0, running = 0;
    char bytes[8];
    for (size_t i = 0; i < count; i++) {
        const model_container *container = model_find_container(&self->model, ids[i]);
        if (!container)
            continue;
        layer += number(container->document, "writableBytes");
        volumes += anonymous_volumes(self, container, &volume_bytes);
        running += model_container_running(container);
    }
    fprintf(out, "\nLost: %s writable layer", count == 1 ? "its" : "each");
    if (layer)
        fprintf(out, " (%s)", view_bytes((double)layer, bytes));
    fputs(" and logs", out);
    if (volumes)
        fprintf(out, ", %u anonymous volume%s (%s)", volumes, volumes == 1 ? "" : "s",
                view_bytes((double)volume_bytes, bytes));
    const model_container *first = model_find_container(&self->model, ids[0]);
    if (count == 1 && first)
        fprintf(out, ".\nStays: the image %s, named volumes.", first->image);
    else
        fputs(".\nStays: images, named volumes.", out);
    if (running && count == 1)
        fputs("\n\nIt is running: it will be killed first.", out);
    else if (running)
        fprintf(out, "\n\n%u of them run: they will be killed first.", running);
}

static void write_images(const dashboard *self, char **ids, size_t count, FILE *out) {
    uint64_t own = 0;
    unsigned used = 0;
    char bytes[8];
    for (size_t i = 0; i < count; i++) {
        const model_image *image = model_find_image(&self->model, ids[i]);
        own += image ? (image->unique ? image->unique : image->size) : 0;
        used += image && image->containers;
    }
    fprintf(out, "\nLost: %s of layers that no other image has.", view_bytes((double)own, bytes));
    if (used && count == 1)
        fputs("\n\nContainers use it: it will be refused until they are deleted.", out);
    else if (used)
        fprintf(out, "\n\n%u of them are used by containers and will be refused.", used);
}

static void write_volumes(const dashboard *self, char **ids, size_t count, FILE *out) {
    uint64_t used = 0;
    char bytes[8];
    for (size_t i = 0; i < count; i++) {
        const model_volume *volume = model_find_volume(&self->model, ids[i]);
        used += volume ? volume->used : 0;
    }
    fprintf(out, "\nLost: %s of data.", view_bytes((double)used, bytes));
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < self->model.container_count; k++)
            if (model_container_mounts(&self->model.containers[k],
                                       dashboard_item_title(self, ACTION_NOUN_VOLUME, ids[i]))) {
                fprintf(out, "\n%s mounts %s: it will be refused.", self->model.containers[k].name,
                        dashboard_item_title(self, ACTION_NOUN_VOLUME, ids[i]));
                break;
            }
}

// ---- prunes: what would go as things are now ----

static bool is_mounted(const dashboard *self, const char *volume) {
    for (size_t i = 0; i < self->model.container_count; i++)
        if (model_container_mounts(&self->model.containers[i], volume))
            return true;
    return false;
}

static void write_candidate(FILE *out, size_t *count, const char *name) {
    if ((*count)++ < NAMES_SHOWN)
        fprintf(out, "%s\n", name);
}

static void write_prune(const dashboard *self, const action *what, FILE *out) {
    const model_state *model = &self->model;
    bool all = what->noun == ACTION_NOUN_SYSTEM;
    size_t count = 0;
    for (size_t i = 0; (all || what->noun == ACTION_NOUN_CONTAINER) && i < model->container_count; i++)
        if (!model_container_running(&model->containers[i]) && !model_container_busy(&model->containers[i]))
            write_candidate(out, &count, model->containers[i].name);
    for (size_t i = 0; what->noun == ACTION_NOUN_VOLUME && i < model->volume_count; i++)
        if (model->volumes[i].anonymous && !is_mounted(self, model->volumes[i].name))
            write_candidate(out, &count, model->volumes[i].name);
    for (size_t i = 0; (all || what->noun == ACTION_NOUN_NETWORK) && i < model->network_count; i++) {
        const json_t *status = json_object_get(model->networks[i].document, "status");
        if (strcmp(model->networks[i].name, "default") != 0 &&
            json_array_size(json_object_get(status, "members")) == 0)
            write_candidate(out, &count, model->networks[i].name);
    }
    if (count > NAMES_SHOWN)
        fprintf(out, "and %zu more\n", count - NAMES_SHOWN);
    fprintf(out, "\n%s.", what->help);
}

static bool is_prune(const action *what) {
    const char *verb = strchr(what->name, '.');
    return verb && strcmp(verb, ".prune") == 0;
}

static void write_loss(const dashboard *self, const action *what, char **ids, size_t count, FILE *out) {
    if (is_prune(what))
        write_prune(self, what, out);
    else if (strcmp(what->name, "container.rm") == 0)
        write_containers(self, ids, count, out);
    else if (strcmp(what->name, "container.kill") == 0)
        fputs("\nIts processes end at once, without a chance to tidy up.", out);
    else if (strcmp(what->name, "image.rm") == 0)
        write_images(self, ids, count, out);
    else if (strcmp(what->name, "volume.rm") == 0)
        write_volumes(self, ids, count, out);
    else if (strcmp(what->name, "network.rm") == 0)
        fputs("\nLost: its name and its subnet. One with members will be refused.", out);
    else if (strcmp(what->name, "task.cancel") == 0)
        fputs("\nWhat it has brought so far is kept for the next try.", out);
    else
        fprintf(out, "\n%s.", what->help);
}

void dashboard_confirm(dashboard *self, const action *what, char **ids, size_t count) {
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    if (!out)
        abort();
    write_names(self, what, ids, count, out);
    write_loss(self, what, ids, count, out);
    cleanup_free char *command = dashboard_command_line(self, what, ids, count);
    fprintf(out, "\n\n%s", command);
    fclose(out);
    dashboard_open_confirm(self, what, ids, count, text);
    free(text);
}
