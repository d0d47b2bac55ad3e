// This machine and this holm.
#include "tui/action_table.h"
#include "tui/cli/commands.h"

static const action actions[] = {
    {.name = "system.events",
     .noun = ACTION_NOUN_SYSTEM,
     .title = "events",
     .help = "Shows what happens, as it happens",
     .flags = ACTION_READONLY,
     .words = "events",
     ACTION_COMMAND(events),
     .shortcuts = "events"},
    {.name = "system.info",
     .noun = ACTION_NOUN_SYSTEM,
     .title = "information",
     .help = "Shows what this machine and this holm can do",
     .flags = ACTION_READONLY,
     .words = "info",
     ACTION_COMMAND(info),
     .shortcuts = "info"},
    {.name = "system.version",
     .noun = ACTION_NOUN_SYSTEM,
     .title = "version",
     .help = "Shows the version",
     .flags = ACTION_READONLY,
     .words = "version",
     ACTION_COMMAND(version),
     .shortcuts = "version"},
    {.name = "system.completion",
     .noun = ACTION_NOUN_SYSTEM,
     .title = "completion",
     .help = "Prints the completions for a shell",
     .flags = ACTION_READONLY,
     .words = "completion",
     ACTION_COMMAND(completion),
     .shortcuts = "completion",
     .arguments = "bash|zsh|fish",
     .complete = ACTION_COMPLETE_SHELL},
};

const action_list action_list_system = ACTION_LIST(actions);
