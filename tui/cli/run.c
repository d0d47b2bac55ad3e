#include <string.h>

#include "tui/cli/attach.h"
#include "tui/cli/commands.h"
#include "tui/cli/create.h"

typedef struct run {
    creation creation; // first: its callbacks are given this
    bool detach, cold;
    const char *trace;
    char *id;
} run;

enum { OPTION_TRACE = 0x200, OPTION_NO_TEMPLATE };

static const struct argp_option options[] = {
    {"detach", 'd', NULL, 0, "Leave it in the background and print its id", 0},
    {"no-template", OPTION_NO_TEMPLATE, NULL, 0, "Boot a machine, instead of cloning one that has booted", 0},
    {"trace", OPTION_TRACE, "FILE", 0, "Write what each step took, as a Chrome trace", 0},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state) {
    run *self = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &self->creation.options;
        return 0;
    case 'd':
        self->detach = true;
        return 0;
    case OPTION_NO_TEMPLATE:
        self->cold = true;
        return 0;
    case OPTION_TRACE:
        self->trace = argument;
        return 0;
    default:
        return creation_take_arguments(&self->creation, key, state) ? 0 : ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&container_argp, 0, NULL, 0}, {0}};
const struct argp run_argp = {.options = options, .parser = parse, .children = children};

static bool flag(const creation *self, const char *path) {
    return json_is_true(cli_member(self->request, path));
}

// What never came up is removed here; once it runs, --rm is its shim's.
static void remove_if_unwanted(cli *owner, const holm_error *error, void *data) {
    run *self = data;
    if (error && flag(&self->creation, "removeOnExit"))
        holm_container_remove(owner->client, self->id, &(holm_remove_options){.volumes = true}, NULL, NULL);
}

static void started(json_t *document, const holm_error *error, void *data) {
    run *self = data;
    if (error) {
        cli_fail(&self->creation.owner, error);
        remove_if_unwanted(&self->creation.owner, error, self);
    } else {
        puts(cli_text(document, "id"));
    }
}

static void created(creation *made, json_t *document) {
    run *self = (run *)made;
    self->id = strdup(cli_text(document, "id"));
    if (self->detach) {
        holm_container_start(made->owner.client, self->id, started, self);
        return;
    }
    bool terminal = flag(made, "process.terminal");
    attach_open(&made->owner, &(attach_options){
                                  .container = self->id,
                                  .start = true,
                                  .input = flag(made, "process.stdinOpen"),
                                  .terminal = terminal,
                                  .proxy_signals = !terminal,
                                  .ours = true,
                                  .detach_keys = made->options.detach_keys,
                                  .ended = remove_if_unwanted,
                                  .data = self,
                              });
}

static bool trace(run *self) {
    cleanup_error holm_error *error = NULL;
    if (!self->trace || holm_trace(self->trace, &error) == 0)
        return true;
    cli_fail(&self->creation.owner, error);
    return false;
}

int run_command(int argc, char **argv) {
    run self = {0};
    container_options_init(&self.creation.options);
    cli_parse("container.run", argc, argv, &self);
    if (cli_open(&self.creation.owner) && trace(&self)) {
        if (self.cold)
            holm_start_cold(self.creation.owner.client);
        creation_begin(&self.creation, created);
    }
    int exit_code = cli_close(&self.creation.owner);
    creation_finish(&self.creation);
    free(self.id);
    return exit_code;
}
