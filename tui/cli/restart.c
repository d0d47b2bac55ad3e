#include "tui/cli/cli.h"
#include "tui/cli/commands.h"
#include "tui/cli/stop.h"

static void act(cli *self, const char *reference, holm_done done, void *data, const void *options) {
    const stop_options *given = options;
    holm_container_restart(self->client, reference, given->signal, given->grace_ms, done, data);
}

int restart_command(int argc, char **argv) {
    stop_options given = {0};
    cli_parse("container.restart", argc, argv, &given);
    return cli_each(given.references, act, NULL, &given);
}
