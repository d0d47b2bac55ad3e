// `holm port add` and `holm port rm`.
#include <string.h>

#include "tui/cli/cli.h"
#include "tui/cli/commands.h"
#include "tui/cli/options.h"
#include "tui/cli/references.h"

typedef struct port_change {
    cli owner;
    char **words; // the container, then ports
    json_t *ports;
    size_t count; // of them
} port_change;

static error_t parse(int key, char *argument, struct argp_state *state) {
    port_change *self = state->input;
    (void)argument;
    error_t result = references_parse(key, state, 2, 1025, &self->words);
    if (key != ARGP_KEY_ARGS)
        return result;
    for (char **word = self->words + 1; *word; word++) {
        const char *problem = port_options_parse(self->ports, *word);
        if (problem)
            cli_usage_error(state, "%s: %s", *word, problem);
    }
    return result;
}

const struct argp port_add_argp = {.parser = parse};
const struct argp port_rm_argp = {.parser = parse};

// The new ones are the last: of those that were chosen only this tells.
static void added(json_t *document, const holm_error *error, void *data) {
    port_change *self = data;
    if (error) {
        cli_fail(&self->owner, error);
        return;
    }
    const json_t *ports = cli_member(document, "status.ports");
    size_t index = json_array_size(ports) - self->count;
    if (strcmp(cli_text(document, "status.state"), "running") != 0 || self->count > json_array_size(ports))
        return;
    for (; index < json_array_size(ports); index++)
        port_print(json_array_get(ports, index), false);
}

static void removed(json_t *document, const holm_error *error, void *data) {
    port_change *self = data;
    (void)document;
    if (error)
        cli_fail(&self->owner, error);
}

static int change(const char *name, int argc, char **argv, bool adds) {
    port_change self = {.ports = json_array()};
    cli_parse(name, argc, argv, &self);
    self.count = json_array_size(self.ports);
    if (!cli_open(&self.owner))
        json_decref(self.ports);
    else if (adds)
        holm_container_publish(self.owner.client, self.words[0], self.ports, added, &self);
    else
        holm_container_unpublish(self.owner.client, self.words[0], self.ports, removed, &self);
    return cli_close(&self.owner);
}

int port_add_command(int argc, char **argv) {
    return change("container.publish", argc, argv, true);
}

int port_rm_command(int argc, char **argv) {
    return change("container.unpublish", argc, argv, false);
}
