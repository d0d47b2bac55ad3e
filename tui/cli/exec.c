#include "tui/cli/attach.h"
#include "tui/cli/commands.h"
#include "tui/cli/options.h"

enum { KEY_PRIVILEGED = 0x300, KEY_DETACH_KEYS };

typedef struct exec_options {
    process_options_group process;
    char **arguments;
    bool detach;
    const char *detach_keys;
} exec_options;

static const struct argp_option options[] = {
    {"detach", 'd', NULL, 0, "Leave it in the background", 0},
    {"privileged", KEY_PRIVILEGED, NULL, 0, "All rights inside the VM", 0},
    {"detach-keys", KEY_DETACH_KEYS, "KEYS", 0, "Keys that leave it running", 0},
    {0},
};

static void take_command(exec_options *self, const struct argp_state *state) {
    if (!self->arguments || !self->arguments[1])
        cli_usage_error(state, "%s needs a container and a command", state->name);
    json_t *list = json_array();
    for (char **argument = self->arguments + 1; *argument; argument++)
        json_array_append_new(list, json_string(*argument));
    json_object_set_new(self->process.process, "arguments", list);
}

static error_t parse(int key, char *argument, struct argp_state *state) {
    exec_options *self = state->input;
    (void)argument;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &self->process;
        return 0;
    case 'd':
        self->detach = true;
        return 0;
    case KEY_PRIVILEGED:
        return json_object_set_new(self->process.process, "privileged", json_true());
    case KEY_DETACH_KEYS:
        self->detach_keys = detach_keys_option(state, argument);
        return 0;
    case ARGP_KEY_ARG:
        // What follows the container belongs to the command, options and all.
        self->arguments = state->argv + state->next - 1;
        state->next = state->argc;
        return 0;
    case ARGP_KEY_END:
        take_command(self, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&process_argp, 0, NULL, 0}, {0}};
const struct argp exec_argp = {.options = options, .parser = parse, .children = children};

static void exec_done(json_t *result, const holm_error *error, void *data) {
    if (error)
        cli_fail(data, error);
    else
        puts(cli_text(result, "name"));
}

int exec_command(int argc, char **argv) {
    exec_options given = {0};
    process_options_init(&given.process);
    cli_parse("container.exec", argc, argv, &given);
    process_options_complete(&given.process);
    json_t *process = given.process.process;
    bool terminal = json_is_true(json_object_get(process, "terminal"));
    cli self;
    if (cli_open(&self) && given.detach)
        holm_container_exec(self.client, given.arguments[0], process, exec_done, &self);
    else if (self.client)
        attach_open(&self, &(attach_options){
                               .container = given.arguments[0],
                               .exec = process,
                               .input = json_is_true(json_object_get(process, "stdinOpen")),
                               .terminal = terminal,
                               .proxy_signals = !terminal,
                               .ours = true,
                               .detach_keys = given.detach_keys,
                           });
    int exit_code = cli_close(&self);
    json_decref(process);
    return exit_code;
}
