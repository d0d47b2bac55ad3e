#include "tui/cli/cli.h"
#include "tui/cli/commands.h"
#include "tui/cli/references.h"

static error_t parse(int key, char *argument, struct argp_state *state) {
    (void)argument;
    return references_parse(key, state, 2, 2, state->input);
}

const struct argp tag_argp = {.parser = parse};

static void done(json_t *result, const holm_error *error, void *data) {
    (void)result;
    if (error)
        cli_fail(data, error);
}

int tag_command(int argc, char **argv) {
    char **names = NULL;
    cli_parse("image.tag", argc, argv, &names);
    cli self;
    if (cli_open(&self))
        holm_image_tag(self.client, names[0], names[1], done, &self);
    return cli_close(&self);
}
