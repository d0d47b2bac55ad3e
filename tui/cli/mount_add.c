// `holm mount add` and `holm mount rm`.
#include "tui/cli/cli.h"
#include "tui/cli/commands.h"
#include "tui/cli/options.h"
#include "tui/cli/references.h"

enum { KEY_MOUNT = 0x200 };

static const struct argp_option add_options[] = {
    {"mount", KEY_MOUNT, "type=TYPE,…", 0, "In the place of a volume or folder: as for run", 0},
    {0},
};
static const struct argp_option remove_options[] = {
    {"force", 'f', NULL, 0, "Also while it is in use: who uses it gets errors", 0},
    {0},
};

typedef struct mount_change {
    cli owner;
    char **words;
    json_t *mount; // {"mounts": [ONE]} or {"tmpfs": [ONE]}
    bool force;
} mount_change;

static error_t parse_add(int key, char *argument, struct argp_state *state) {
    mount_change *self = state->input;
    bool given = json_object_size(self->mount) > 0;
    switch (key) {
    case KEY_MOUNT:
        if (given)
            cli_usage_error(state, "one mount at a time is added");
        mount_options_add(state, self->mount, argument);
        return 0;
    case ARGP_KEY_END:
        if (self->words && self->words[1])
            mount_options_add_volume(state, self->mount, self->words[1]);
        return 0;
    default:
        return references_parse(key, state, given ? 1 : 2, given ? 1 : 2, &self->words);
    }
}

static error_t parse_remove(int key, char *argument, struct argp_state *state) {
    mount_change *self = state->input;
    (void)argument;
    if (key != 'f')
        return references_parse(key, state, 2, 2, &self->words);
    self->force = true;
    return 0;
}

const struct argp mount_add_argp = {.options = add_options, .parser = parse_add};
const struct argp mount_rm_argp = {.options = remove_options, .parser = parse_remove};

static void done(json_t *document, const holm_error *error, void *data) {
    (void)document;
    if (error)
        cli_fail(data, error);
}

int mount_add_command(int argc, char **argv) {
    mount_change self = {.mount = json_object()};
    cli_parse("container.mount", argc, argv, &self);
    if (cli_open(&self.owner))
        holm_container_mount(self.owner.client, self.words[0], self.mount, done, &self);
    else
        json_decref(self.mount);
    return cli_close(&self.owner);
}

int mount_rm_command(int argc, char **argv) {
    mount_change self = {0};
    cli_parse("container.unmount", argc, argv, &self);
    if (cli_open(&self.owner))
        holm_container_unmount(self.owner.client, self.words[0], self.words[1], self.force, done, &self);
    return cli_close(&self.owner);
}
