// What the prunes have in common.
#include <string.h>

#include "tui/cli/cli.h"
#include "tui/cli/options.h"

enum { KEY_FILTER = 0x180 };

static const struct argp_option options[] = {
    {"force", 'f', NULL, 0, "Do not ask first", 0},
    {"filter", KEY_FILTER, "KEY=VALUE", 0,
     "Only what matches: until= (a time, or a duration ago), label=KEY[=VALUE], label!=KEY[=VALUE]", 0},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state) {
    prune_options *self = state->input;
    switch (key) {
    case 'f':
        self->force = true;
        return 0;
    case KEY_FILTER:
        filter_options_add(&self->filter, state, argument);
        return 0;
    case ARGP_KEY_ARG:
        cli_usage_error(state, "%s takes no arguments", state->name);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp prune_options_argp = {.options = options, .parser = parse};

static void print_list(const char *what, const json_t *list) {
    size_t index;
    json_t *value;
    json_array_foreach (list, index, value) {
        cleanup_free char *safe = cli_escape(json_string_value(value));
        printf("%s: %s\n", what, safe);
    }
}

void prune_print(json_t *result, const holm_error *error, void *data) {
    static const struct {
        const char *key, *word;
    } lists[] = {
        {"untagged", "untagged"},          {"deleted", "deleted"},        {"containers", "deleted container"},
        {"networks", "deleted network"},   {"volumes", "deleted volume"}, {"images", "deleted image"},
        {"templates", "deleted template"}, {"kernels", "deleted kernel"}};
    char size[32];
    if (error) {
        cli_fail(data, error);
        return;
    }
    for (size_t i = 0; i < array_length(lists); i++)
        print_list(lists[i].word, json_object_get(result, lists[i].key));
    holm_text_bytes((uint64_t)json_integer_value(json_object_get(result, "reclaimedBytes")), size,
                    sizeof size);
    printf("%s given back\n", size);
}
