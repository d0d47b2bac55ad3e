// Running an image: the form, the command line that says the same, and what happens on enter.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tui/dashboard_private.h"
#include "tui/words.h"

enum { FIELD_IMAGE, FIELD_NAME, FIELD_COMMAND, FIELD_CPUS, FIELD_MEMORY, FIELD_COUNT };

static const char *value(const dashboard *self, int field) {
    return self->ui.overlay.fields[field].input.text;
}

static void option(FILE *out, const char *name, const char *text) {
    if (!*text)
        return;
    fprintf(out, " %s ", name);
    words_quote(out, text);
}

void dashboard_form_command(dashboard *self) {
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    if (!out)
        abort();
    fputs("holm run -it", out);
    option(out, "--name", value(self, FIELD_NAME));
    option(out, "--cpus", value(self, FIELD_CPUS));
    option(out, "--memory", value(self, FIELD_MEMORY));
    fputc(' ', out);
    words_quote(out, value(self, FIELD_IMAGE));
    if (*value(self, FIELD_COMMAND))
        fprintf(out, " %s", value(self, FIELD_COMMAND));
    fclose(out);
    free(self->ui.overlay.command);
    self->ui.overlay.command = text;
}

void dashboard_open_run(dashboard *self, const char *image) {
    static const struct {
        const char *label, *hint;
    } fields[FIELD_COUNT] = {{"image", "a name like alpine or debian:12"},
                             {"name", "one is made"},
                             {"command", "what the image says"},
                             {"cpus", "4, or what the host has; fractions are fine"},
                             {"memory", "1G"}};
    cleanup_free char *name = strdup(image);
    dashboard_close_overlay(self);
    ui_overlay *overlay = &self->ui.overlay;
    overlay->kind = OVERLAY_FORM;
    snprintf(overlay->title, sizeof(overlay->title), "run");
    overlay->field_count = FIELD_COUNT;
    for (int i = 0; i < FIELD_COUNT; i++) {
        overlay->fields[i].label = fields[i].label;
        overlay->fields[i].hint = fields[i].hint;
    }
    line_edit_set(&overlay->fields[FIELD_IMAGE].input, name);
    overlay->field = *name ? FIELD_NAME : FIELD_IMAGE;
    dashboard_form_command(self);
    dashboard_dirty(self);
}

static void on_created(dashboard *self, const char *id, json_t *result, const holm_error *error) {
    (void)id;
    if (error) {
        dashboard_report(self, "run", error);
        return;
    }
    const char *made = json_string_value(json_object_get(result, "id"));
    const char *name = json_string_value(json_object_get(json_object_get(result, "configuration"), "name"));
    if (!made)
        return;
    // Into the list at once, so that the console has something to stand beside.
    if (!model_find_container(&self->model, made))
        model_add_container(&self->model, result);
    model_find_container(&self->model, made)->pending = true; // until it runs
    dashboard_console_open(self, made, name ? name : made, false, true);
    dashboard_list(self, PANE_CONTAINERS);
}

static void complain(dashboard *self, const char *text) {
    ui_set_notice(&self->ui, NOTICE_BAD, text);
    dashboard_dirty(self);
}

void dashboard_run_form(dashboard *self) {
    json_t *command = NULL;
    double cpus = *value(self, FIELD_CPUS) ? strtod(value(self, FIELD_CPUS), NULL) : 0;
    uint64_t memory = 0;
    if (!*value(self, FIELD_IMAGE)) {
        complain(self, "an image is needed");
    } else if (cpus < 0 || !isfinite(cpus) || (*value(self, FIELD_CPUS) && cpus == 0)) {
        complain(self, "cpus: a number like 2 or 0.5");
    } else if (*value(self, FIELD_MEMORY) && !holm_text_parse_bytes(value(self, FIELD_MEMORY), &memory)) {
        complain(self, "memory: a size like 512M or 2G");
    } else if (!words_split(value(self, FIELD_COMMAND), &command)) {
        complain(self, "command: a quote is left open");
    } else {
        json_t *process = json_pack("{s:b, s:b}", "terminal", 1, "stdinOpen", 1), *resources = json_object();
        if (json_array_size(command))
            json_object_set(process, "command", command);
        if (cpus > 0)
            json_object_set_new(resources, "cpus", json_real(cpus));
        if (memory > 0)
            json_object_set_new(resources, "memoryBytes", json_integer((json_int_t)memory));
        json_t *request = json_pack("{s:s, s:o, s:o}", "image", value(self, FIELD_IMAGE), "process", process,
                                    "resources", resources);
        if (*value(self, FIELD_NAME))
            json_object_set_new(request, "name", json_string(value(self, FIELD_NAME)));
        dashboard_close_overlay(self);
        holm_container_create(self->client, request, dashboard_done,
                              dashboard_request(self, NULL, on_created));
    }
    json_decref(command);
}
