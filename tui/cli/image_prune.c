#include "tui/cli/cli.h"
#include "tui/cli/commands.h"
#include "tui/cli/options.h"
#include <string.h>

enum { KEY_FORCE = 0x100 };

typedef struct prune {
    cli owner;
    filter_options filter;
    bool all, force;
} prune;

static const struct argp_option options[] = {
    {"all", 'a', NULL, 0, "Every image that no container uses, not only those without a name", 0},
    {"force", KEY_FORCE, NULL, 0, "Do not ask first", 0},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state) {
    prune *self = state->input;
    (void)argument;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &self->filter;
        return 0;
    case 'a':
        self->all = true;
        return 0;
    case KEY_FORCE:
        self->force = true;
        return 0;
    case ARGP_KEY_ARG:
        cli_usage_error(state, "%s takes no arguments", state->name);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&filter_argp, 0, NULL, 0}, {0}};
const struct argp image_prune_argp = {.options = options, .parser = parse, .children = children};

static void print_list(const char *what, const json_t *list) {
    size_t index;
    json_t *value;
    json_array_foreach (list, index, value) {
        cleanup_free char *safe = cli_escape(json_string_value(value));
        printf("%s: %s\n", what, safe);
    }
}

static void done(json_t *result, const holm_error *error, void *data) {
    char size[32];
    if (error) {
        cli_fail(data, error);
        return;
    }
    print_list("untagged", json_object_get(result, "untagged"));
    print_list("deleted", json_object_get(result, "deleted"));
    holm_text_bytes((uint64_t)json_integer_value(json_object_get(result, "reclaimedBytes")), size,
                    sizeof size);
    printf("%s given back\n", size);
}

int image_prune_command(int argc, char **argv) {
    prune self = {0};
    cli_parse("image.prune", argc, argv, &self);
    int exit_code = 0;
    const char *which =
        self.all ? "image that no container uses" : "image without a name that no container uses";
    if (self.force || cli_confirm("This removes every %s.", which)) {
        if (cli_open(&self.owner))
            holm_image_prune(self.owner.client, self.all, self.filter.filters, done, &self.owner);
        exit_code = cli_close(&self.owner);
    }
    json_decref(self.filter.filters);
    return exit_code;
}
