// An image: what it is, its layers with how they came to be, its configuration, the containers that use it.
#include <stdio.h>
#include <string.h>

#include "tui/view.h"

#define LABEL_WIDTH 12

static int references(const painter *self, int y, const json_t *list) {
    for (size_t i = 0; i < json_array_size(list) && i < 16; i++) {
        const char *raw = json_string_value(json_array_get(list, i));
        cleanup_free char *name = raw ? holm_text_escape(raw, strlen(raw)) : NULL;
        y = detail_field(self, y, i ? " " : "names", THEME_STRONG, name);
    }
    return y;
}

static char *joined(const json_t *first, const json_t *second) {
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    if (!out)
        abort();
    const json_t *parts[] = {first, second};
    for (int part = 0; part < 2; part++) {
        for (size_t i = 0; i < json_array_size(parts[part]) && i < 64; i++) {
            const char *raw = json_string_value(json_array_get(parts[part], i));
            cleanup_free char *safe = raw ? holm_text_escape(raw, strlen(raw)) : NULL;
            fprintf(out, "%s%s", ftell(out) > 0 ? " " : "", safe ? safe : "");
        }
    }
    fclose(out);
    return text;
}

/// Of an image that has come with an index: its digest, and the platforms, first those that are here.
static int index_fields(const painter *self, int y, const json_t *status, const char *id) {
    const char *digest = json_string_value(json_object_get(status, "digest"));
    if (!digest || strcmp(digest, id) == 0)
        return y;
    json_t *here = json_array(), *elsewhere = json_array(), *entry;
    size_t i;
    json_array_foreach (json_object_get(status, "platforms"), i, entry)
        json_array_append(json_is_true(json_object_get(entry, "present")) ? here : elsewhere,
                          json_object_get(entry, "platform"));
    cleanup_free char *present = joined(here, NULL), *missing = joined(elsewhere, NULL);
    json_decref(here);
    json_decref(elsewhere);
    y = detail_field(self, y, "index", THEME_MUTED, digest);
    y = detail_field(self, y, "here for", THEME_TEXT, present);
    return detail_field(self, y, "not here", THEME_MUTED, missing);
}

static const char *made_by(const json_t *entry, char out[512]) {
    const char *text = json_string_value(json_object_get(entry, "createdBy"));
    out[0] = 0;
    if (!text)
        return out;
    // What every line of a Dockerfile starts with says nothing.
    static const char *const noise[] = {"/bin/sh -c #(nop) ", "/bin/sh -c ", "|0 "};
    for (size_t i = 0; i < array_length(noise); i++)
        if (strncmp(text, noise[i], strlen(noise[i])) == 0)
            text += strlen(noise[i]);
    cleanup_free char *safe = holm_text_escape(text, strlen(text));
    snprintf(out, 512, "%.511s", safe + strspn(safe, " "));
    return out;
}

// History and layers run beside each other, but for entries that made no layer. Returns their count.
static int layer_rows(const painter *self, int from, size_t skip, const model_image *image) {
    const json_t *status = json_object_get(image->document, "status");
    const json_t *layers = json_object_get(status, "layers"), *entries = json_object_get(status, "history");
    size_t layer = 0, entry = 0, row = 0;
    while (layer < json_array_size(layers) || entry < json_array_size(entries)) {
        const json_t *made = json_array_get(entries, entry++);
        bool empty = made && json_is_true(json_object_get(made, "emptyLayer"));
        int y = from + (int)row++ - (int)skip;
        const json_t *at = empty ? NULL : json_array_get(layers, layer);
        char text[512], bytes[8];
        layer += !empty;
        if (y < 0 || y >= self->area.height)
            continue;
        if (at) {
            const char *raw = json_string_value(json_object_get(at, "digest"));
            cleanup_free char *digest = holm_text_escape(raw ? raw : "", raw ? strlen(raw) : 0);
            const char *hex = strchr(digest, ':');
            paint_format(self, 1, y, THEME_MUTED, "%3zu", layer);
            paint_format(self, 6, y, THEME_TEXT, "%.12s", hex ? hex + 1 : digest);
            paint_right(self, 20, y, 6, THEME_STRONG,
                        view_bytes(json_number_value(json_object_get(at, "sizeBytes")), bytes));
        }
        paint(self, 28, y, self->area.width - 29, at ? THEME_TEXT : THEME_MUTED, made_by(made, text));
    }
    return (int)row;
}

int detail_image(const painter *self) {
    const model_image *image = ui_image(self->view->ui, self->view->model);
    const json_t *configuration = json_object_get(image->document, "configuration");
    const json_t *process = json_object_get(configuration, "process");
    char text[128], first[8], second[8], age[16];
    int top = (int)self->view->ui->detail_top;
    int y = references(self, -top, json_object_get(configuration, "references"));
    y = detail_field(self, y, "for", THEME_TEXT, image->platform);
    snprintf(text, sizeof(text), "%s, %s of it only this image's", view_bytes((double)image->size, first),
             view_bytes((double)image->unique, second));
    y = detail_field(self, y, "size", THEME_TEXT, image->unique ? text : first);
    cleanup_free char *command =
        joined(json_object_get(process, "entrypoint"), json_object_get(process, "command"));
    y = detail_field(self, y, "command", THEME_TEXT, command);
    const char *user = json_string_value(json_object_get(process, "user"));
    cleanup_free char *shown_user = user ? holm_text_escape(user, strlen(user)) : NULL;
    y = detail_field(self, y, "user", THEME_TEXT, shown_user);
    snprintf(text, sizeof(text), "%s ago", view_age(self->view->now - image->created, age));
    y = detail_field(self, y, "created", THEME_MUTED, image->created ? text : "");
    y = detail_field(self, y, "id", THEME_MUTED, image->id);
    y = index_fields(self, y, json_object_get(image->document, "status"), image->id);
    snprintf(text, sizeof(text), "%u container%s", image->containers, image->containers == 1 ? "" : "s");
    y = detail_field(self, y, "used by", THEME_GOOD, image->containers ? text : "");
    if (!image->layers)
        return y + top;
    snprintf(text, sizeof(text), "%u layer%s, lowest first", image->layers, image->layers == 1 ? "" : "s");
    detail_heading(self, y + 1, text);
    return y + 2 + layer_rows(self, y + 2, 0, image) + top;
}

int detail_layers(const painter *self) {
    const model_image *image = ui_image(self->view->ui, self->view->model);
    if (!self->view->ui->detail_top)
        paint(self, 1, 0, self->area.width - 2, THEME_COLUMN, "  #  LAYER           SIZE  MADE BY");
    return layer_rows(self, 1, self->view->ui->detail_top, image) + 1;
}

// A labelled line of a text that may be longer than the screen; counts it either way.
static int line(const painter *self, int row, const char *label, theme_role role, const char *text) {
    int y = row - (int)self->view->ui->detail_top;
    if (y >= 0 && y < self->area.height) {
        paint(self, 1, y, LABEL_WIDTH, THEME_MUTED, label);
        paint(self, 1 + LABEL_WIDTH, y, self->area.width - LABEL_WIDTH - 2, role, text);
    }
    return row + 1;
}

static int text_line(const painter *self, int row, const char *label, const json_t *value) {
    const char *text = json_string_value(value);
    cleanup_free char *safe = text && *text ? holm_text_escape(text, strlen(text)) : NULL;
    return safe ? line(self, row, label, THEME_TEXT, safe) : row;
}

static int array_lines(const painter *self, int row, const char *label, const json_t *list) {
    for (size_t i = 0; i < json_array_size(list); i++)
        row = text_line(self, row, i ? "" : label, json_array_get(list, i));
    return row;
}

static int command_line(const painter *self, int row, const char *label, const json_t *words) {
    cleanup_free char *text = joined(words, NULL);
    return *text ? line(self, row, label, THEME_STRONG, text) : row;
}

static int label_lines(const painter *self, int row, const json_t *labels) {
    const char *key;
    json_t *value;
    bool first = true;
    json_object_foreach ((json_t *)labels, key, value) {
        const char *text = json_string_value(value);
        cleanup_free char *name = holm_text_escape(key, strlen(key));
        cleanup_free char *safe = holm_text_escape(text ? text : "", text ? strlen(text) : 0);
        cleanup_free char *both = NULL;
        if (asprintf(&both, "%s = %s", name, safe) < 0)
            abort();
        row = line(self, row, first ? "labels" : "", THEME_TEXT, both);
        first = false;
    }
    return row;
}

int detail_configuration(const painter *self) {
    const model_image *image = ui_image(self->view->ui, self->view->model);
    const json_t *configuration = json_object_get(image->document, "configuration");
    const json_t *process = json_object_get(configuration, "process");
    int row = command_line(self, 0, "entrypoint", json_object_get(process, "entrypoint"));
    row = command_line(self, row, "command", json_object_get(process, "command"));
    row = text_line(self, row, "directory", json_object_get(process, "directory"));
    row = text_line(self, row, "user", json_object_get(process, "user"));
    row = text_line(self, row, "stop signal", json_object_get(configuration, "stopSignal"));
    row = array_lines(self, row, "ports", json_object_get(configuration, "exposedPorts"));
    row = array_lines(self, row, "volumes", json_object_get(configuration, "volumes"));
    row = array_lines(self, row, "environment", json_object_get(process, "environment"));
    row = label_lines(self, row, json_object_get(configuration, "labels"));
    if (!row)
        row = line(self, row, "", THEME_MUTED, "it says nothing");
    return row;
}

static bool uses(const json_t *ids, const char *id) {
    for (size_t i = 0; i < json_array_size(ids); i++) {
        const char *one = json_string_value(json_array_get(ids, i));
        if (one && strcmp(one, id) == 0)
            return true;
    }
    return false;
}

int detail_image_users(const painter *self) {
    const model_state *model = self->view->model;
    const model_image *image = ui_image(self->view->ui, model);
    const json_t *ids = json_object_get(json_object_get(image->document, "status"), "containers");
    int top = (int)self->view->ui->detail_top, row = -top;
    for (size_t i = 0; i < model->container_count; i++) {
        const model_container *container = &model->containers[i];
        if (uses(ids, container->id))
            row = detail_container_line(self, row, container, container->command);
    }
    if (row == -top)
        line(self, 0, "", THEME_MUTED, "no container uses it");
    return row + top;
}
