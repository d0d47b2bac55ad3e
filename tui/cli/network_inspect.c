#include "tui/cli/commands.h"
#include "tui/cli/inspect.h"

int network_inspect_command(int argc, char **argv) {
    inspect_options given = {0};
    cli_parse("network.inspect", argc, argv, &given);
    return inspect_all(&given, holm_network_inspect);
}
