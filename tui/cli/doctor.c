// holm doctor: what is needed, what is there, what to do.
#include <string.h>

#include "tui/cli/cli.h"
#include "tui/cli/commands.h"
#include "tui/cli/options.h"
#include "tui/cli/references.h"
#include "tui/cli/table.h"

#define EXIT_MISSING 1

typedef struct doctor {
    cli owner;
    output_options output;
    char **references;
} doctor;

static error_t parse(int key, char *argument, struct argp_state *state) {
    doctor *self = state->input;
    (void)argument;
    if (key != ARGP_KEY_INIT)
        return references_parse(key, state, 0, 0, &self->references);
    state->child_inputs[0] = &self->output;
    return 0;
}

static const struct argp_child children[] = {{&output_argp, 0, NULL, 0}, {0}};
const struct argp doctor_argp = {.parser = parse, .children = children};

static void print_table(const json_t *list) {
    static const char *const titles[] = {"STATE", "CHECK", "FOUND", "LOOKED AT"};
    table out;
    table_init(&out, titles, array_length(titles));
    size_t i;
    json_t *check;
    json_array_foreach (list, i, check) {
        table_add(&out, cli_text(check, "state"));
        table_add(&out, cli_text(check, "name"));
        table_add(&out, cli_text(check, "found"));
        table_add(&out, cli_text(check, "looked"));
    }
    table_print(&out);
    table_finish(&out);
}

static void print_advice(const json_t *list) {
    bool first = true;
    size_t i;
    json_t *check;
    json_array_foreach (list, i, check) {
        if (!*cli_text(check, "advice"))
            continue;
        cleanup_free char *text = cli_escape(cli_text(check, "advice"));
        printf("%s%s: %s\n", first ? "\nWhat to do:\n" : "", cli_text(check, "name"), text);
        first = false;
    }
}

static void done(json_t *result, const holm_error *error, void *data) {
    doctor *self = data;
    if (error) {
        cli_fail(&self->owner, error);
        return;
    }
    if (output_is_table(&self->output)) {
        print_table(result);
        print_advice(result);
    } else {
        self->owner.exit_code = output_print(&self->output, result);
    }
    size_t i;
    json_t *check;
    json_array_foreach (result, i, check)
        if (!self->owner.exit_code && strcmp(cli_text(check, "state"), "missing") == 0)
            self->owner.exit_code = EXIT_MISSING;
}

int doctor_command(int argc, char **argv) {
    doctor self = {0};
    cli_parse("system.doctor", argc, argv, &self);
    if (cli_open(&self.owner))
        holm_system_doctor(self.owner.client, done, &self);
    return cli_close(&self.owner);
}
