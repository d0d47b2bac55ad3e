// Volumes.
#include "tui/action_table.h"
#include "tui/cli/commands.h"

static void prune(holm_client *client, const char *reference, holm_done done, void *data) {
    (void)reference;
    holm_volume_prune(client, false, NULL, done, data);
}

static const action actions[] = {
    ACTION_DASHBOARD("volume.open", ACTION_NOUN_VOLUME, "enter", "open", "Shows the volume's detail"),
    {.name = "volume.create",
     .noun = ACTION_NOUN_VOLUME,
     .title = "create",
     .help = "Makes a volume: a disk that outlives the containers that mount it",
     .flags = ACTION_NO_ITEM,
     .words = "create",
     ACTION_COMMAND(volume_create),
     .arguments = "[NAME]"},
    {.name = "volume.ls",
     .noun = ACTION_NOUN_VOLUME,
     .title = "list",
     .help = "Lists the volumes",
     .flags = ACTION_READONLY | ACTION_NO_ITEM,
     .words = "ls list",
     ACTION_COMMAND(volume_ls)},
    {.name = "volume.inspect",
     .noun = ACTION_NOUN_VOLUME,
     .keys = "i",
     .title = "inspect",
     .help = "Shows all that is known about volumes",
     .flags = ACTION_READONLY,
     .words = "inspect",
     ACTION_COMMAND(volume_inspect),
     .arguments = "VOLUME…",
     .complete = ACTION_COMPLETE_VOLUME},
    {.name = "volume.rm",
     .noun = ACTION_NOUN_VOLUME,
     .keys = "d delete",
     .title = "delete",
     .help = "Removes volumes that no container mounts, with all that is in them",
     .flags = ACTION_MANY | ACTION_CONFIRM | ACTION_DANGEROUS,
     .words = "rm delete remove",
     ACTION_COMMAND(volume_rm),
     .arguments = "VOLUME…",
     .complete = ACTION_COMPLETE_VOLUME,
     .apply = holm_volume_remove},
    {.name = "volume.prune",
     .noun = ACTION_NOUN_VOLUME,
     .title = "prune",
     .help = "Removes the volumes without a name that no container mounts",
     .flags = ACTION_CONFIRM | ACTION_DANGEROUS | ACTION_NO_ITEM,
     .words = "prune",
     ACTION_COMMAND(volume_prune),
     .apply = prune},
};

const action_list action_list_volume = ACTION_LIST(actions);
