#include "tui/cli/cli.h"
#include "tui/cli/commands.h"
#include "tui/cli/references.h"

static error_t parse(int key, char *argument, struct argp_state *state) {
    char ***words = state->input;
    error_t result = references_parse(key, state, 2, 2, words);
    (void)argument;
    if (key == ARGP_KEY_ARGS && result == 0)
        cli_size(state, "SIZE", (*words)[1]);
    return result;
}

const struct argp volume_resize_argp = {.parser = parse};

static void done(json_t *result, const holm_error *error, void *data) {
    if (error)
        cli_fail(data, error);
    else
        puts(cli_text(result, "id"));
}

int volume_resize_command(int argc, char **argv) {
    char **words = NULL;
    uint64_t size = 0;
    cli_parse("volume.resize", argc, argv, &words);
    holm_text_parse_bytes(words[1], &size);
    cli self;
    if (cli_open(&self))
        holm_volume_resize(self.client, words[0], size, done, &self);
    return cli_close(&self);
}
