#include <stdio.h>

#include "tui/cli/cli.h"
#include "tui/cli/commands.h"
#include "tui/cli/options.h"
#include "tui/cli/references.h"
#include "tui/cli/table.h"

typedef struct logins {
    cli owner;
    output_options output;
    char **references;
} logins;

static error_t parse(int key, char *argument, struct argp_state *state) {
    logins *self = state->input;
    (void)argument;
    if (key != ARGP_KEY_INIT)
        return references_parse(key, state, 0, 0, &self->references);
    state->child_inputs[0] = &self->output;
    return 0;
}

static const struct argp_child children[] = {{&list_output_argp, 0, NULL, 0}, {0}};
const struct argp registry_ls_argp = {.parser = parse, .children = children};

static void print_table(const json_t *list) {
    static const char *const titles[] = {"REGISTRY", "USER", "KEPT IN"};
    table out;
    table_init(&out, titles, array_length(titles));
    size_t index;
    json_t *entry;
    json_array_foreach (list, index, entry) {
        if (!*cli_text(entry, "registry"))
            continue;
        table_add(&out, cli_text(entry, "registry"));
        table_add(&out, cli_text(entry, "username"));
        table_add(&out, cli_text(entry, "source"));
    }
    table_print(&out);
    table_finish(&out);
}

static void done(json_t *list, const holm_error *error, void *data) {
    logins *self = data;
    size_t index;
    json_t *entry;
    if (error) {
        cli_fail(&self->owner, error);
        return;
    }
    if (self->output.quiet) {
        json_array_foreach (list, index, entry)
            if (*cli_text(entry, "registry"))
                puts(cli_text(entry, "registry"));
    } else if (output_is_table(&self->output)) {
        print_table(list);
    } else {
        self->owner.exit_code = output_print(&self->output, list);
    }
    json_array_foreach (list, index, entry) {
        if (!*cli_text(entry, "problem"))
            continue;
        cleanup_free char *problem = cli_escape(cli_text(entry, "problem"));
        fprintf(stderr, "holm: %s\n", problem);
        self->owner.exit_code = CLI_EXIT_HOLM;
    }
}

int registry_ls_command(int argc, char **argv) {
    logins self = {0};
    cli_parse("registry.ls", argc, argv, &self);
    if (cli_open(&self.owner))
        holm_registry_list(self.owner.client, done, &self);
    return cli_close(&self.owner);
}
