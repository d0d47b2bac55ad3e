// holm mount: what a container mounts.
#include "tui/cli/cli.h"
#include "tui/cli/commands.h"
#include "tui/cli/options.h"
#include "tui/cli/references.h"
#include "tui/cli/table.h"

typedef struct mount_command_data {
    cli owner;
    output_options output;
    char **references;
} mount_command_data;

static error_t parse(int key, char *argument, struct argp_state *state) {
    mount_command_data *self = state->input;
    (void)argument;
    if (key != ARGP_KEY_INIT)
        return references_parse(key, state, 1, 1, &self->references);
    state->child_inputs[0] = &self->output;
    return 0;
}

static const struct argp_child children[] = {{&output_argp, 0, NULL, 0}, {0}};
const struct argp mount_argp = {.parser = parse, .children = children};

static void print_table(const json_t *list) {
    static const char *const titles[] = {"PLACE", "TYPE", "SOURCE", "ACCESS"};
    table out;
    table_init(&out, titles, array_length(titles));
    size_t index;
    json_t *mount;
    json_array_foreach (list, index, mount) {
        table_add(&out, cli_text(mount, "destination"));
        table_add(&out, cli_text(mount, "type"));
        table_add(&out, cli_text(mount, "source"));
        table_add(&out, json_is_true(cli_member(mount, "readOnly")) ? "ro" : "rw");
    }
    table_print(&out);
    table_finish(&out);
}

// Those in memory have no type in the document, for their list says it.
static json_t *list_all(const json_t *document) {
    json_t *list = json_array(), *mount;
    size_t index;
    json_array_extend(list, (json_t *)cli_member(document, "configuration.mounts"));
    json_array_foreach (cli_member(document, "configuration.tmpfs"), index, mount) {
        json_t *named = json_deep_copy(mount);
        json_object_set_new(named, "type", json_string("tmpfs"));
        json_array_append_new(list, named);
    }
    return list;
}

static void done(json_t *document, const holm_error *error, void *data) {
    mount_command_data *self = data;
    if (error) {
        cli_fail(&self->owner, error);
        return;
    }
    json_t *list = list_all(document);
    if (output_is_table(&self->output))
        print_table(list);
    else
        self->owner.exit_code = output_print(&self->output, list);
    json_decref(list);
}

int mount_command(int argc, char **argv) {
    mount_command_data self = {0};
    cli_parse("container.mounts", argc, argv, &self);
    if (cli_open(&self.owner))
        holm_container_inspect(self.owner.client, self.references[0], done, &self);
    return cli_close(&self.owner);
}
