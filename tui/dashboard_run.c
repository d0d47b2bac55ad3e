// Running an image: the form, the command line that says the same, and what happens on enter.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tui/cli/options.h"
#include "tui/dashboard_private.h"
#include "tui/words.h"

enum {
    FIELD_IMAGE,
    FIELD_NAME,
    FIELD_COMMAND,
    FIELD_PORTS,
    FIELD_VOLUMES,
    FIELD_ENVIRONMENT,
    FIELD_NETWORK,
    FIELD_CPUS,
    FIELD_MEMORY,
    FIELD_COUNT
};

static const char *value(const dashboard *self, int field) {
    return self->ui.overlay.fields[field].input.text;
}

static void option(FILE *out, const char *name, const char *text) {
    if (!*text)
        return;
    fprintf(out, " %s ", name);
    words_quote(out, text);
}

// The same option for each word of the field.
static void options(FILE *out, const char *name, const char *text) {
    json_t *words, *word;
    size_t i;
    if (!words_split(text, &words))
        return; // a quote that is still open
    json_array_foreach (words, i, word)
        option(out, name, json_string_value(word));
    json_decref(words);
}

void dashboard_form_command(dashboard *self) {
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    if (!out)
        abort();
    fputs("holm run -it", out);
    option(out, "--name", value(self, FIELD_NAME));
    options(out, "-p", value(self, FIELD_PORTS));
    options(out, "-v", value(self, FIELD_VOLUMES));
    options(out, "-e", value(self, FIELD_ENVIRONMENT));
    options(out, "--network", value(self, FIELD_NETWORK));
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
                             {"ports", "8080:80 127.0.0.1::443 53:53/udp"},
                             {"volumes", "data:/var/lib/data ./site:/srv:ro"},
                             {"environment", "KEY=value 'NAME=two words'"},
                             {"network", "default; or none, or others by name"},
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

// Calls `take` for each word of the field. False: it has been said what is wrong.
static bool each_word(dashboard *self, int field, json_t *request,
                      const char *(*take)(json_t *request, const char *word)) {
    const char *label = self->ui.overlay.fields[field].label, *problem = NULL;
    char text[256];
    json_t *words = NULL;
    if (!words_split(value(self, field), &words)) {
        snprintf(text, sizeof(text), "%s: a quote is left open", label);
        complain(self, text);
        return false;
    }
    for (size_t i = 0; !problem && i < json_array_size(words); i++) {
        const char *word = json_string_value(json_array_get(words, i));
        problem = take(request, word);
        snprintf(text, sizeof(text), "%s: %.80s: %s", label, word, problem ? problem : "");
    }
    if (problem)
        complain(self, text);
    json_decref(words);
    return !problem;
}

static const char *take_word(json_t *request, const char *word) {
    json_t *process = json_object_get(request, "process");
    json_array_append_new(options_child(process, "command", json_array), json_string(word));
    return NULL;
}

static const char *take_port(json_t *request, const char *word) {
    return port_options_parse(options_child(request, "ports", json_array), word);
}

static const char *take_volume(json_t *request, const char *word) {
    return mount_options_parse_volume(request, word) ? NULL : "it needs [SOURCE:]PATH[:ro]";
}

static const char *take_variable(json_t *request, const char *word) {
    if (!strchr(word, '=') || *word == '=')
        return "it needs KEY=VALUE";
    json_t *process = json_object_get(request, "process");
    json_array_append_new(options_child(process, "environment", json_array), json_string(word));
    return NULL;
}

static const char *take_network(json_t *request, const char *word) {
    bool none = strcmp(word, "none") == 0;
    const json_t *before = json_object_get(request, "networks");
    if (before && (none || json_array_size(before) == 0))
        return "none stands alone";
    json_t *networks = options_child(request, "networks", json_array);
    if (!none)
        json_array_append_new(networks, json_pack("{s:s}", "name", word));
    return NULL;
}

static bool take_resources(dashboard *self, json_t *request) {
    char *end = NULL;
    uint64_t memory = 0;
    double cpus = strtod(value(self, FIELD_CPUS), &end);
    if (*value(self, FIELD_CPUS) && (*end || !isfinite(cpus) || cpus <= 0)) {
        complain(self, "cpus: a number like 2 or 0.5");
        return false;
    }
    if (*value(self, FIELD_MEMORY) && !holm_text_parse_bytes(value(self, FIELD_MEMORY), &memory)) {
        complain(self, "memory: a size like 512M or 2G");
        return false;
    }
    json_t *resources = options_child(request, "resources", json_object);
    if (cpus > 0)
        json_object_set_new(resources, "cpus", json_real(cpus));
    if (memory > 0)
        json_object_set_new(resources, "memoryBytes", json_integer((json_int_t)memory));
    return true;
}

void dashboard_run_form(dashboard *self) {
    if (!*value(self, FIELD_IMAGE)) {
        complain(self, "an image is needed");
        return;
    }
    json_t *request = json_pack("{s:s, s:{s:b, s:b}}", "image", value(self, FIELD_IMAGE), "process",
                                "terminal", 1, "stdinOpen", 1);
    if (*value(self, FIELD_NAME))
        json_object_set_new(request, "name", json_string(value(self, FIELD_NAME)));
    if (!each_word(self, FIELD_COMMAND, request, take_word) ||
        !each_word(self, FIELD_PORTS, request, take_port) ||
        !each_word(self, FIELD_VOLUMES, request, take_volume) ||
        !each_word(self, FIELD_NETWORK, request, take_network) ||
        !each_word(self, FIELD_ENVIRONMENT, request, take_variable) || !take_resources(self, request)) {
        json_decref(request);
        return;
    }
    dashboard_close_overlay(self);
    holm_container_create(self->client, request, dashboard_done, dashboard_request(self, NULL, on_created));
}
