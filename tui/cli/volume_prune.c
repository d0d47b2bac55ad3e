#include "tui/cli/cli.h"
#include "tui/cli/commands.h"

enum { KEY_FORCE = 0x100 };

typedef struct prune {
    cli owner;
    bool all, force;
} prune;

static const struct argp_option options[] = {
    {"all", 'a', NULL, 0, "Those with a name too", 0},
    {"force", KEY_FORCE, NULL, 0, "Do not ask first", 0},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state) {
    prune *self = state->input;
    (void)argument;
    switch (key) {
    case 'a':
        self->all = true;
        return 0;
    case KEY_FORCE:
        self->force = true;
        return 0;
    case ARGP_KEY_ARG:
        cli_usage_error(state, "%s takes no arguments", state->name);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp volume_prune_argp = {.options = options, .parser = parse};

static void done(json_t *result, const holm_error *error, void *data) {
    char size[32];
    size_t index;
    json_t *name;
    if (error) {
        cli_fail(data, error);
        return;
    }
    json_array_foreach (json_object_get(result, "deleted"), index, name)
        printf("deleted: %s\n", json_string_value(name));
    holm_text_bytes((uint64_t)json_integer_value(json_object_get(result, "reclaimedBytes")), size,
                    sizeof size);
    printf("%s given back\n", size);
}

int volume_prune_command(int argc, char **argv) {
    prune self = {0};
    cli_parse("volume.prune", argc, argv, &self);
    const char *which = self.all ? "volume" : "anonymous volume";
    if (!self.force &&
        !cli_confirm("This removes every %s that no container mounts, with all that is in it.", which))
        return 0;
    if (cli_open(&self.owner))
        holm_volume_prune(self.owner.client, self.all, done, &self.owner);
    return cli_close(&self.owner);
}
