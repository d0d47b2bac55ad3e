// holm port: the ports of the host that lead into a container.
#include <string.h>

#include "tui/cli/cli.h"
#include "tui/cli/commands.h"
#include "tui/cli/options.h"
#include "tui/cli/references.h"

typedef struct port_command_data {
    cli owner;
    output_options output;
    char **references; // the container, and maybe PORT[/PROTOCOL]
} port_command_data;

static error_t parse(int key, char *argument, struct argp_state *state) {
    port_command_data *self = state->input;
    (void)argument;
    if (key != ARGP_KEY_INIT)
        return references_parse(key, state, 1, 2, &self->references);
    state->child_inputs[0] = &self->output;
    return 0;
}

static const struct argp_child children[] = {{&output_argp, 0, NULL, 0}, {0}};
const struct argp port_argp = {.parser = parse, .children = children};

// Whether an entry is what PORT[/PROTOCOL] asks for.
static bool is_asked(const json_t *port, const char *asked) {
    char text[24];
    int number = (int)json_integer_value(cli_member(port, "containerPort"));
    const char *protocol = cli_text(port, "protocol");
    snprintf(text, sizeof text, "%d/%s", number, protocol);
    return strcmp(asked, text) == 0 ||
           (strcmp(protocol, "tcp") == 0 && atoi(asked) == number && !strchr(asked, '/'));
}

static void done(json_t *document, const holm_error *error, void *data) {
    port_command_data *self = data;
    if (error) {
        cli_fail(&self->owner, error);
        return;
    }
    bool running = strcmp(cli_text(document, "status.state"), "running") == 0;
    json_t *list = json_array(), *port;
    const char *asked = self->references[1];
    size_t index;
    json_array_foreach (running ? cli_member(document, "status.ports") : NULL, index, port)
        if (!asked || is_asked(port, asked))
            json_array_append(list, port);
    bool found = json_array_size(list) > 0;
    if (!output_is_table(&self->output))
        self->owner.exit_code = output_print(&self->output, list);
    json_array_foreach (output_is_table(&self->output) ? list : NULL, index, port)
        port_print(port, asked != NULL);
    json_decref(list);
    if (!asked || found)
        return;
    cleanup_error holm_error *missing = NULL;
    holm_error_set(&missing, HOLM_ERROR_NOT_FOUND, "the port %s of %s is not published", asked,
                   self->references[0]);
    cli_fail(&self->owner, missing);
}

int port_command(int argc, char **argv) {
    port_command_data self = {0};
    cli_parse("container.port", argc, argv, &self);
    if (cli_open(&self.owner))
        holm_container_inspect(self.owner.client, self.references[0], done, &self);
    return cli_close(&self.owner);
}
