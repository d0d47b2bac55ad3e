#include "tui/cli/attach.h"
#include "tui/cli/commands.h"
#include "tui/cli/options.h"
#include "tui/cli/references.h"

typedef struct command_options {
    char **references;
    bool no_input, no_signals;
    const char *detach_keys, *session;
} command_options;

enum { KEY_NO_STDIN = 0x100, KEY_SIG_PROXY, KEY_DETACH_KEYS, KEY_SESSION };

static const struct argp_option options[] = {
    {"no-stdin", KEY_NO_STDIN, NULL, 0, "Only watch", 0},
    {"no-signals", KEY_SIG_PROXY, NULL, 0, "Keep signals to holm itself", 0},
    {"detach-keys", KEY_DETACH_KEYS, "KEYS", 0, "Keys that leave it running", 0},
    {"session", KEY_SESSION, "NAME", 0, "A session made by exec", 0},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state) {
    command_options *self = state->input;
    switch (key) {
    case KEY_NO_STDIN:
        self->no_input = true;
        return 0;
    case KEY_SIG_PROXY:
        self->no_signals = true;
        return 0;
    case KEY_DETACH_KEYS:
        self->detach_keys = detach_keys_option(state, argument);
        return 0;
    case KEY_SESSION:
        self->session = argument;
        return 0;
    default:
        return references_parse(key, state, 1, 1, &self->references);
    }
}

const struct argp attach_argp = {.options = options, .parser = parse};

typedef struct attach_command_state {
    cli owner;
    const command_options *given;
} attach_command_state;

static void looked_up(json_t *document, const holm_error *error, void *data) {
    attach_command_state *self = data;
    if (error) {
        cli_fail(&self->owner, error);
        return;
    }
    bool terminal =
        self->given->session || json_is_true(cli_member(document, "configuration.process.terminal"));
    bool open = self->given->session || json_is_true(cli_member(document, "configuration.process.stdinOpen"));
    attach_open(&self->owner, &(attach_options){
                                  .container = self->given->references[0],
                                  .session = self->given->session,
                                  .input = open && !self->given->no_input,
                                  .terminal = terminal,
                                  .repaint = true,
                                  .proxy_signals = !terminal && !self->given->no_signals,
                                  .detach_keys = self->given->detach_keys,
                              });
}

int attach_command(int argc, char **argv) {
    command_options given = {0};
    cli_parse("container.attach", argc, argv, &given);
    attach_command_state self = {.given = &given};
    if (cli_open(&self.owner))
        holm_container_inspect(self.owner.client, given.references[0], looked_up, &self);
    return cli_close(&self.owner);
}
