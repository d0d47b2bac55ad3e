// Consoles: all other keys go to the program. None has a key of its own at first: the detach keys lead to
// them.
#include "tui/action_table.h"

static const action actions[] = {
    ACTION_DASHBOARD("console.leave", ACTION_NOUN_CONSOLE, NULL, "leave",
                     "Leaves the console by the detach keys (console.detach-keys); its program goes on"),
    ACTION_DASHBOARD("console.next", ACTION_NOUN_CONSOLE, NULL, "next",
                     "Shows the next console of the container; also the first detach key, then n"),
    ACTION_DASHBOARD(
        "console.copy", ACTION_NOUN_CONSOLE, NULL, "look back",
        "Looks back over what has scrolled by, to select and copy; also the first detach key, then [, "
        "or shift-pageup, or the mouse"),
    ACTION_DASHBOARD(
        "console.search", ACTION_NOUN_CONSOLE, NULL, "search",
        "Searches what the console shows and what has scrolled by; also the first detach key, then /"),
    ACTION_DASHBOARD("console.zoom", ACTION_NOUN_CONSOLE, NULL, "zoom",
                     "Gives the console the whole screen; also the first detach key, then ctrl-z"),
    ACTION_DASHBOARD("console.split", ACTION_NOUN_CONSOLE, NULL, "split",
                     "Puts another console beside it (a new shell where no other is open), or takes it away; "
                     "also the first detach key, then |"),
    ACTION_DASHBOARD("console.other", ACTION_NOUN_CONSOLE, NULL, "other",
                     "Moves the keys to the other one of two consoles side by side; also the first detach "
                     "key, then tab"),
};

const action_list action_list_console = ACTION_LIST(actions);
