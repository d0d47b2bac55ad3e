// Registries: who is known where.
#include "tui/action_table.h"
#include "tui/cli/commands.h"

static const action actions[] = {
    {.name = "registry.login",
     .noun = ACTION_NOUN_REGISTRY,
     .title = "log in",
     .help = "Checks a user name and password with a registry, and keeps them",
     .flags = ACTION_NO_ITEM,
     .words = "login",
     ACTION_COMMAND(registry_login),
     .shortcuts = "login",
     .arguments = "[REGISTRY]"},
    {.name = "registry.logout",
     .noun = ACTION_NOUN_REGISTRY,
     .title = "log out",
     .help = "Forgets the user name and password for a registry",
     .flags = ACTION_NO_ITEM,
     .words = "logout",
     ACTION_COMMAND(registry_logout),
     .shortcuts = "logout",
     .arguments = "[REGISTRY]"},
    {.name = "registry.ls",
     .noun = ACTION_NOUN_REGISTRY,
     .title = "list",
     .help = "Lists the registries that one is logged in to",
     .flags = ACTION_READONLY | ACTION_NO_ITEM,
     .words = "ls list",
     ACTION_COMMAND(registry_ls)},
    {.name = "registry.tags",
     .noun = ACTION_NOUN_REGISTRY,
     .title = "tags",
     .help = "Lists the tags that a registry has of an image",
     .flags = ACTION_READONLY | ACTION_NO_ITEM,
     .words = "tags",
     ACTION_COMMAND(registry_tags),
     .arguments = "NAME",
     .complete = ACTION_COMPLETE_IMAGE},
};

const action_list action_list_registry = ACTION_LIST(actions);
