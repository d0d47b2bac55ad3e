// A volume: how large it is, and who mounts it where.
#include <stdio.h>
#include <string.h>

#include "tui/view.h"

static char *place_of(const model_container *container, const char *volume) {
    const json_t *mounts = json_object_get(json_object_get(container->document, "configuration"), "mounts");
    for (size_t i = 0; i < json_array_size(mounts); i++) {
        const json_t *mount = json_array_get(mounts, i);
        const char *source = json_string_value(json_object_get(mount, "source"));
        const char *place = json_string_value(json_object_get(mount, "destination"));
        if (source && place && strcmp(source, volume) == 0)
            return holm_text_escape(place, strlen(place));
    }
    return NULL;
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
    snprintf(text, sizeof(text), "%s ago", view_age(self->view->now - volume->created, age));
    y = detail_field(self, y, "created", THEME_MUTED, volume->created ? text : "");
    detail_heading(self, y + 1, "mounted by");
    y += 2;
    int before = y;
    for (size_t i = 0; i < model->container_count; i++) {
        if (!model_container_mounts(&model->containers[i], volume->name))
            continue;
        cleanup_free char *place = place_of(&model->containers[i], volume->name);
        y = detail_container_line(self, y, &model->containers[i], place ? place : "");
    }
    if (y == before && y >= 0)
        paint(self, 1, y, self->area.width - 2, THEME_MUTED,
              "no container: it can be deleted without harm to one");
    return y + (int)self->view->ui->detail_top;
}
