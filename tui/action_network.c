// Networks.
#include "tui/action_table.h"
#include "tui/cli/commands.h"

static void prune(holm_client *client, const char *reference, holm_done done, void *data) {
    (void)reference;
    holm_network_prune(client, NULL, done, data);
}

static const action actions[] = {
    ACTION_DASHBOARD("network.open", ACTION_NOUN_NETWORK, "enter", "open", "Shows the network's detail"),
    {.name = "network.create",
     .noun = ACTION_NOUN_NETWORK,
     .title = "create",
     .help = "Makes a network of its own: containers on others cannot see it",
     .flags = ACTION_NO_ITEM,
     .words = "create",
     ACTION_COMMAND(network_create),
     .arguments = "NAME"},
    {.name = "network.ls",
     .noun = ACTION_NOUN_NETWORK,
     .title = "list",
     .help = "Lists the networks",
     .flags = ACTION_READONLY | ACTION_NO_ITEM,
     .words = "ls list",
     ACTION_COMMAND(network_ls)},
    {.name = "network.inspect",
     .noun = ACTION_NOUN_NETWORK,
     .keys = "i",
     .title = "inspect",
     .help = "Shows all that is known about networks",
     .flags = ACTION_READONLY,
     .words = "inspect",
     ACTION_COMMAND(network_inspect),
     .arguments = "NETWORK…",
     .complete = ACTION_COMPLETE_NETWORK},
    {.name = "network.rm",
     .noun = ACTION_NOUN_NETWORK,
     .keys = "d delete",
     .title = "delete",
     .help = "Removes networks that have no members",
     .flags = ACTION_MANY | ACTION_CONFIRM | ACTION_DANGEROUS,
     .words = "rm delete remove",
     ACTION_COMMAND(network_rm),
     .arguments = "NETWORK…",
     .complete = ACTION_COMPLETE_NETWORK,
     .apply = holm_network_remove},
    {.name = "network.prune",
     .noun = ACTION_NOUN_NETWORK,
     .title = "prune",
     .help = "Removes every network that has no members, but for default",
     .flags = ACTION_CONFIRM | ACTION_DANGEROUS | ACTION_NO_ITEM,
     .words = "prune",
     ACTION_COMMAND(network_prune),
     .apply = prune},
};

const action_list action_list_network = ACTION_LIST(actions);
