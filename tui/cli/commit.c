#include <errno.h>

#include "tui/cli/cli.h"
#include "tui/cli/commands.h"
#include "tui/cli/references.h"

typedef struct commit {
    cli owner;
    char **references; // the container, and perhaps the image's name
    json_t *options;
} commit;

static const struct argp_option options[] = {
    {"change", 'c', "INSTRUCTION", 0,
     "A line of the image's configuration, for example 'CMD [\"sh\"]' or 'ENV A=b'", 0},
    {"message", 'm', "TEXT", 0, "What the image's history says of it", 0},
    {"author", 'a', "NAME", 0, "Who made it", 0},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state) {
    commit *self = state->input;
    switch (key) {
    case 'c':
        return json_array_append_new(json_object_get(self->options, "changes"), json_string(argument))
                   ? EINVAL
                   : 0;
    case 'm':
        return json_object_set_new(self->options, "message", json_string(argument)) ? EINVAL : 0;
    case 'a':
        return json_object_set_new(self->options, "author", json_string(argument)) ? EINVAL : 0;
    default:
        return references_parse(key, state, 1, 2, &self->references);
    }
}

const struct argp commit_argp = {.options = options, .parser = parse};

static void done(json_t *result, const holm_error *error, void *data) {
    if (error)
        cli_fail(data, error);
    else
        puts(cli_text(result, "id"));
}

int commit_command(int argc, char **argv) {
    commit self = {.options = json_pack("{s:[]}", "changes")};
    cli_parse("container.commit", argc, argv, &self);
    if (self.references[1])
        json_object_set_new(self.options, "reference", json_string(self.references[1]));
    if (cli_open(&self.owner))
        holm_container_commit(self.owner.client, self.references[0], self.options, done, &self.owner);
    json_decref(self.options);
    return cli_close(&self.owner);
}
