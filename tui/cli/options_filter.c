#include <string.h>

#include "tui/cli/cli.h"
#include "tui/cli/options.h"

#define KEY_FILTER 'f'

static const struct argp_option options[] = {
    {"filter", KEY_FILTER, "KEY=VALUE", 0, "Only what matches; several of one key: any of them", 81},
    {0},
};

void filter_options_add(filter_options *self, const struct argp_state *state, const char *argument) {
    const char *equals = strchr(argument, '=');
    if (!equals || equals == argument)
        cli_usage_error(state, "--filter needs KEY=VALUE, and \"%s\" is none", argument);
    cleanup_free char *name = strndup(argument, (size_t)(equals - argument));
    if (!self->filters)
        self->filters = json_object();
    json_t *values = json_object_get(self->filters, name);
    if (!values) {
        values = json_array();
        json_object_set_new(self->filters, name, values);
    }
    json_array_append_new(values, json_string(equals + 1));
}

static error_t parse(int key, char *argument, struct argp_state *state) {
    if (key != KEY_FILTER)
        return ARGP_ERR_UNKNOWN;
    filter_options_add(state->input, state, argument);
    return 0;
}

const struct argp filter_argp = {.options = options, .parser = parse};
