// Images.
#include "tui/dashboard_private.h"
#include <stdio.h>

static void run_image(dashboard *self, const char *id) {
    const model_image *image = model_find_image(&self->model, id);
    if (image)
        dashboard_open_run(self, image->name);
}

static void pull_entered(dashboard *self, const char *text) {
    if (!*text)
        return;
    history_put(&self->pulls, text);
    dashboard_pull(self, text);
}

static void pull_image(dashboard *self, const char *id) {
    (void)id;
    dashboard_open_prompt(
        self, "pull an image",
        "a name like alpine, debian:12 or ghcr.io/owner/name:tag\nup and down: what was pulled before", "",
        pull_entered);
}

static void inspect(dashboard *self, const char *id) {
    (void)id;
    dashboard_show_tab(self, TAB_INSPECT);
    dashboard_open_detail(self);
}

static void remove_image(dashboard *self, const char *id) {
    const model_image *image = model_find_image(&self->model, id);
    if (!image)
        return;
    char text[512], bytes[8];
    snprintf(text, sizeof(text), "%s\n\nLost: %s of layers that no other image has.%s", image->name,
             view_bytes((double)(image->unique ? image->unique : image->size), bytes),
             image->containers ? "\n\nContainers use it: it will be refused until they are deleted." : "");
    dashboard_open_confirm(self, action_find("image.rm"), image->id, text);
}

const dashboard_handler dashboard_image_handlers[] = {
    {"image.run", run_image},
    {"image.pull", pull_image},
    {"image.inspect", inspect},
    {"image.rm", remove_image},
    {NULL, NULL},
};
