#include <string.h>

#include "tui/cli/cli.h"
#include "tui/cli/options.h"

#define FORMAT_OPTION \
    { "format", 'F', "FORMAT", 0, "table, json, yaml or toml", 80 }

static const struct argp_option options[] = {FORMAT_OPTION, {0}};
static const struct argp_option list_options[] = {
    FORMAT_OPTION,
    {"quiet", 'q', NULL, 0, "Print only ids", 80},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state) {
    output_options *self = state->input;
    static const char *const formats[] = {"table", "json", "yaml", "toml"};
    switch (key) {
    case 'F':
        for (size_t i = 0; i < array_length(formats); i++)
            if (strcmp(formats[i], argument) == 0)
                self->format = formats[i];
        if (!self->format || strcmp(self->format, argument) != 0)
            cli_usage_error(state, "there is no output format \"%s\": it is table, json, yaml or toml",
                            argument);
        return 0;
    case 'q':
        self->quiet = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp output_argp = {.options = options, .parser = parse};
const struct argp list_output_argp = {.options = list_options, .parser = parse};

bool output_is_table(const output_options *self) {
    return !self->format || strcmp(self->format, "table") == 0;
}

int output_print(const output_options *self, const json_t *document) {
    cleanup_error holm_error *error = NULL;
    cleanup_free char *text =
        holm_text_document(document, output_is_table(self) ? "json" : self->format, &error);
    if (!text) {
        cli_print_error(error);
        return CLI_EXIT_HOLM;
    }
    fputs(text, stdout);
    return 0;
}
