// A volume: how large it is, and who mounts it where.
#include <stdio.h>
#include <string.h>

#include "tui/view.h"

// Where the container has it, in as many lines as places.
static int container_lines(const painter *self, int y, const model_container *container, const char *volume) {
    const json_t *mounts = json_object_get(json_object_get(container->document, "configuration"), "mounts");
    bool first = true;
    for (size_t i = 0; i < json_array_size(mounts); i++) {
        const json_t *mount = json_array_get(mounts, i);
        const char *source = json_string_value(json_object_get(mount, "source"));
        const char *place = json_string_value(json_object_get(mount, "destination"));
        if (!source || !place || strcmp(source, volume) != 0)
            continue;
        cleanup_free char *safe = holm_text_escape(place, strlen(place)), *note = NULL;
        if (asprintf(&note, "%s%s", safe,
                     json_is_true(json_object_get(mount, "readOnly")) ? ", read-only" : "") < 0)
            abort();
        y = first ? detail_container_line(self, y, container, note) : detail_container_more(self, y, note);
        first = false;
    }
    return y;
}

static int journal_field(const painter *self, int y, const json_t *journal) {
    const char *mode = json_string_value(json_object_get(journal, "mode"));
    double size = json_number_value(json_object_get(journal, "sizeBytes"));
    char text[64], bytes[8];
    if (!mode)
        return y;
    snprintf(text, sizeof(text), "%.20s%s%s", mode, size > 0 ? ", " : "",
             size > 0 ? view_bytes(size, bytes) : "");
    return detail_field(self, y, "journal", THEME_TEXT, text);
}

void detail_mounts(const view_context *view, const model_container *container, char *out, size_t size) {
    const json_t *mounts = json_object_get(json_object_get(container->document, "configuration"), "mounts");
    size_t used = 0;
    out[0] = 0;
    for (size_t i = 0; i < json_array_size(mounts) && used + 1 < size; i++) {
        const char *source = json_string_value(json_object_get(json_array_get(mounts, i), "source"));
        const char *place = json_string_value(json_object_get(json_array_get(mounts, i), "destination"));
        cleanup_free char *safe_source = holm_text_escape(source ? source : "", source ? strlen(source) : 0);
        cleanup_free char *safe_place = holm_text_escape(place ? place : "", place ? strlen(place) : 0);
        int length = snprintf(out + used, size - used, "%s%s%s%s", i ? " " : "", safe_source,
                              view->glyphs->unicode ? "\u2192" : "->", safe_place);
        used += length > 0 ? (size_t)length : 0;
    }
}

int detail_volume(const painter *self) {
    const model_state *model = self->view->model;
    const model_volume *volume = ui_volume(self->view->ui, model);
    char text[160], first[8], second[8], age[16];
    snprintf(text, sizeof(text), "%s on disk, at most %s", view_bytes((double)volume->used, first),
             view_bytes((double)volume->size, second));
    int y = -(int)self->view->ui->detail_top;
    y = detail_field(self, y, "size", THEME_STRONG, volume->size ? text : first);
    if (volume->size && y >= 0 && y < self->area.height) {
        graph_bar(self->out, &self->area, self->area.x + 13, self->area.y + y, self->area.width / 2,
                  (double)volume->used / (double)volume->size, self->view->theme, THEME_MEMORY,
                  self->view->glyphs);
        y++;
    }
    y = detail_field(self, y, "made", THEME_MUTED, volume->anonymous ? "by a container, without a name" : "");
    const json_t *configuration = json_object_get(volume->document, "configuration");
    y = journal_field(self, y, json_object_get(configuration, "journal"));
    snprintf(text, sizeof(text), "%s ago", view_age(self->view->now - volume->created, age));
    y = detail_field(self, y, "created", THEME_MUTED, volume->created ? text : "");
    y = detail_labels(self, y, json_object_get(configuration, "labels"));
    detail_heading(self, y + 1, "mounted by");
    y += 2;
    int before = y;
    for (size_t i = 0; i < model->container_count; i++) {
        if (!model_container_mounts(&model->containers[i], volume->name))
            continue;
        y = container_lines(self, y, &model->containers[i], volume->name);
    }
    if (y == before && y >= 0)
        paint(self, 1, y, self->area.width - 2, THEME_MUTED,
              "no container: it can be deleted without harm to one");
    return y + (int)self->view->ui->detail_top;
}
