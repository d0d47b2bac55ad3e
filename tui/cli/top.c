#include "tui/cli/cli.h"
#include "tui/cli/commands.h"
#include "tui/cli/options.h"
#include "tui/cli/references.h"
#include "tui/cli/table.h"

typedef struct top {
    cli owner;
    output_options output;
    char **references;
} top;

static error_t parse(int key, char *argument, struct argp_state *state) {
    top *self = state->input;
    (void)argument;
    if (key != ARGP_KEY_INIT)
        return references_parse(key, state, 1, 1, &self->references);
    state->child_inputs[0] = &self->output;
    return 0;
}

static const struct argp_child children[] = {{&output_argp, 0, NULL, 0}, {0}};
const struct argp top_argp = {.parser = parse, .children = children};

static void print_table(const json_t *list) {
    static const char *const titles[] = {">PID",      ">PARENT", "USER",   "STATE",
                                         ">CPU TIME", ">MEMORY", "COMMAND"};
    table out;
    table_init(&out, titles, array_length(titles));
    size_t index;
    json_t *process;
    json_array_foreach (list, index, process) {
        char memory[32];
        table_add_format(&out, "%d", (int)json_integer_value(json_object_get(process, "pid")));
        table_add_format(&out, "%d", (int)json_integer_value(json_object_get(process, "parent")));
        table_add(&out, cli_text(process, "user"));
        table_add(&out, cli_text(process, "state"));
        table_add_format(&out, "%.2f s",
                         (double)json_integer_value(json_object_get(process, "cpuTimeNs")) / 1e9);
        table_add(&out,
                  holm_text_bytes((uint64_t)json_integer_value(json_object_get(process, "residentBytes")),
                                  memory, sizeof memory));
        table_add(&out, cli_text(process, "command"));
    }
    table_print(&out);
    table_finish(&out);
}

static void done(json_t *list, const holm_error *error, void *data) {
    top *self = data;
    if (error)
        cli_fail(&self->owner, error);
    else if (output_is_table(&self->output))
        print_table(list);
    else
        self->owner.exit_code = output_print(&self->output, list);
}

int top_command(int argc, char **argv) {
    top self = {0};
    cli_parse("container.top", argc, argv, &self);
    if (cli_open(&self.owner))
        holm_container_processes(self.owner.client, self.references[0], done, &self);
    return cli_close(&self.owner);
}
