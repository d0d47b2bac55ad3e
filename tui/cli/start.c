#include <limits.h>

#include "tui/cli/attach.h"
#include "tui/cli/commands.h"
#include "tui/cli/options.h"
#include "tui/cli/references.h"

typedef struct start_options {
    char **references;
    bool attach, input;
    const char *detach_keys;
} start_options;

static const struct argp_option options[] = {
    {"attach", 'a', NULL, 0, "Join this terminal to it", 0},
    {"interactive", 'i', NULL, 0, "Join standard input, too", 0},
    {"detach-keys", 'k', "KEYS", 0, "Keys that leave it running", 0},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state) {
    start_options *self = state->input;
    switch (key) {
    case 'a':
        self->attach = true;
        return 0;
    case 'i':
        self->attach = self->input = true;
        return 0;
    case 'k':
        self->detach_keys = detach_keys_option(state, argument);
        return 0;
    case ARGP_KEY_END:
        if (self->attach && self->references[0] && self->references[1])
            cli_usage_error(state, "only one container can be attached");
        return 0;
    default:
        return references_parse(key, state, 1, UINT_MAX, &self->references);
    }
}

const struct argp start_argp = {.options = options, .parser = parse};

static void act(cli *self, const char *reference, holm_done done, void *data, const void *given) {
    (void)given;
    holm_container_start(self->client, reference, done, data);
}

typedef struct start_attached {
    cli owner;
    const start_options *given;
} start_attached;

static void looked_up(json_t *document, const holm_error *error, void *data) {
    start_attached *self = data;
    if (error) {
        cli_fail(&self->owner, error);
        return;
    }
    bool terminal = json_is_true(cli_member(document, "configuration.process.terminal"));
    attach_open(&self->owner, &(attach_options){
                                  .container = self->given->references[0],
                                  .start = true,
                                  .input = self->given->input,
                                  .terminal = terminal,
                                  .proxy_signals = !terminal,
                                  .ours = true,
                                  .detach_keys = self->given->detach_keys,
                              });
}

int start_command(int argc, char **argv) {
    start_options given = {0};
    cli_parse("container.start", argc, argv, &given);
    if (!given.attach)
        return cli_each(given.references, act, NULL, &given);
    start_attached self = {.given = &given};
    if (cli_open(&self.owner))
        holm_container_inspect(self.owner.client, given.references[0], looked_up, &self);
    return cli_close(&self.owner);
}
