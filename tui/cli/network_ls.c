#include "tui/cli/cli.h"
#include "tui/cli/commands.h"
#include "tui/cli/options.h"
#include "tui/cli/references.h"
#include "tui/cli/table.h"

typedef struct network_ls_options {
    output_options output;
    filter_options filter;
    char **references;
} network_ls_options;

static error_t parse(int key, char *argument, struct argp_state *state) {
    network_ls_options *self = state->input;
    (void)argument;
    if (key != ARGP_KEY_INIT)
        return references_parse(key, state, 0, 0, &self->references);
    state->child_inputs[0] = &self->output;
    state->child_inputs[1] = &self->filter;
    return 0;
}

static const struct argp_child children[] = {
    {&list_output_argp, 0, NULL, 0}, {&filter_argp, 0, NULL, 0}, {0}};
const struct argp network_ls_argp = {.parser = parse, .children = children};

static void print_table(const json_t *list) {
    static const char *const titles[] = {"NAME",   "SUBNET", "SUBNET V6", "GATEWAY",
                                         "DRIVER", "KIND",   ">MEMBERS"};
    table out;
    table_init(&out, titles, array_length(titles));
    size_t index;
    json_t *document;
    json_array_foreach (list, index, document) {
        table_add(&out, cli_text(document, "id"));
        table_add(&out, cli_text(document, "configuration.subnet"));
        table_add(&out, cli_text(document, "configuration.subnetV6"));
        table_add(&out, cli_text(document, "status.gateway"));
        table_add(&out, cli_text(document, "configuration.driver"));
        table_add(&out, json_is_true(cli_member(document, "configuration.internal")) ? "internal" : "nat");
        table_add_format(&out, "%zu", json_array_size(cli_member(document, "status.members")));
    }
    table_print(&out);
    table_finish(&out);
}

typedef struct networks {
    cli owner;
    network_ls_options given;
} networks;

static void done(json_t *list, const holm_error *error, void *data) {
    networks *self = data;
    size_t index;
    json_t *document;
    if (error) {
        cli_fail(&self->owner, error);
    } else if (self->given.output.quiet) {
        json_array_foreach (list, index, document)
            puts(cli_text(document, "id"));
    } else if (output_is_table(&self->given.output)) {
        print_table(list);
    } else {
        self->owner.exit_code = output_print(&self->given.output, list);
    }
}

int network_ls_command(int argc, char **argv) {
    networks self = {0};
    cli_parse("network.ls", argc, argv, &self.given);
    if (cli_open(&self.owner))
        holm_network_list(self.owner.client, self.given.filter.filters, done, &self);
    json_decref(self.given.filter.filters);
    return cli_close(&self.owner);
}
