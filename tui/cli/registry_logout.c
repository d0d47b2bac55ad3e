#include "tui/cli/cli.h"
#include "tui/cli/commands.h"
#include "tui/cli/references.h"

typedef struct logout {
    cli owner;
    char **registry;
} logout;

static error_t parse(int key, char *argument, struct argp_state *state) {
    (void)argument;
    return references_parse(key, state, 0, 1, &((logout *)state->input)->registry);
}

const struct argp registry_logout_argp = {.parser = parse};

static void done(json_t *result, const holm_error *error, void *data) {
    logout *self = data;
    if (error) {
        cli_fail(&self->owner, error);
        return;
    }
    cleanup_free char *registry = cli_escape(cli_text(result, "registry"));
    printf("logged out of %s\n", registry);
}

int registry_logout_command(int argc, char **argv) {
    logout self = {0};
    cli_parse("registry.logout", argc, argv, &self);
    if (cli_open(&self.owner))
        holm_registry_logout(self.owner.client, self.registry ? *self.registry : NULL, done, &self);
    return cli_close(&self.owner);
}
