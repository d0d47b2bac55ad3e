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
    dashboard_open_prompt(self, "pull an image",
                          "a name like alpine, debian:12 or ghcr.io/owner/name:tag\n"
                          "tab: names and tags; up and down: what was pulled before",
                          "", pull_entered);
    self->complete = dashboard_complete_pull;
    self->typed = &self->pulls;
    self->pulls.at = self->pulls.count;
}

static void push_image(dashboard *self, const char *id) {
    const model_image *image = model_find_image(&self->model, id);
    const json_t *names =
        json_object_get(json_object_get(image ? image->document : NULL, "configuration"), "references");
    size_t count = json_array_size(names);
    if (count < 2) { // each name says another place
        if (image)
            dashboard_push(self, count ? json_string_value(json_array_get(names, 0)) : image->name);
        return;
    }
    char **choices = calloc(count, sizeof(*choices));
    if (!choices)
        abort();
    for (size_t i = 0; i < count; i++)
        choices[i] = (char *)json_string_value(json_array_get(names, i));
    dashboard_open_choices(self, "push by which name?", choices, count, dashboard_push, NULL);
    free(choices);
}

static void inspect(dashboard *self, const char *id) {
    (void)id;
    dashboard_show_tab(self, TAB_INSPECT);
    dashboard_open_detail(self);
}

static void remove_image(dashboard *self, const char *id) {
    dashboard_confirm(self, action_find("image.rm"), (char *[]){(char *)id}, 1);
}

const dashboard_handler dashboard_image_handlers[] = {
    {"image.run", run_image},   {"image.pull", pull_image}, {"image.push", push_image},
    {"image.inspect", inspect}, {"image.rm", remove_image}, {NULL, NULL},
};
