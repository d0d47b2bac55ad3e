// Consoles: all other keys go to the program.
#include "tui/action_table.h"

static const action actions[] = {
    ACTION_DASHBOARD("console.leave", ACTION_NOUN_CONSOLE, NULL, "leave",
                     "Leaves the console by the detach keys (console.detach-keys); its program goes on"),
};

const action_list action_list_console = ACTION_LIST(actions);
