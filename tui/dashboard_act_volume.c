// Volumes.
#include <stdio.h>

#include "tui/dashboard_private.h"

static void open_volume(dashboard *self, const char *id) {
    (void)id;
    dashboard_open_detail(self);
}

static void inspect(dashboard *self, const char *id) {
    (void)id;
    dashboard_show_tab(self, TAB_INSPECT);
    dashboard_open_detail(self);
}

static void resized(dashboard *self, const char *id, json_t *result, const holm_error *error) {
    char size[8], text[320];
    if (error) {
        dashboard_report(self, id, error);
    } else {
        const json_t *bytes = json_object_get(json_object_get(result, "configuration"), "sizeBytes");
        snprintf(text, sizeof(text), "%.255s has room for %s now", id,
                 view_bytes(json_number_value(bytes), size));
        ui_set_notice(&self->ui, NOTICE_INFO, text);
    }
    dashboard_list_all(self);
    dashboard_dirty(self);
}

static void size_entered(dashboard *self, const char *text) {
    const char *id = self->subject;
    uint64_t bytes;
    if (!*text)
        return;
    if (holm_text_parse_bytes(text, &bytes))
        holm_volume_resize(self->client, id, bytes, dashboard_done, dashboard_request(self, id, resized));
    else
        dashboard_prompt_wrong(self, "a size is a number with K, M, G or T");
}

static void resize(dashboard *self, const char *id) {
    const model_volume *volume = model_find_volume(&self->model, id);
    char size[32];
    if (!volume)
        return;
    snprintf(self->subject, sizeof(self->subject), "%s", id);
    snprintf(size, sizeof(size), "%lluM", (unsigned long long)(volume->size >> 20));
    dashboard_open_prompt(self, "resize the volume",
                          "the size it is to have, larger or smaller, for example 20G\n"
                          "what is in it is copied, so nobody may have it in use",
                          size, size_entered);
}

const dashboard_handler dashboard_volume_handlers[] = {
    {"volume.open", open_volume},
    {"volume.inspect", inspect},
    {"volume.resize", resize},
    {NULL, NULL},
};
