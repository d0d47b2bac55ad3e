// The logs tab.
#include "tui/action_table.h"

static const action actions[] = {
    ACTION_DASHBOARD("logs.follow", ACTION_NOUN_LOGS, "f", "follow",
                     "Stays at the newest line, or stops doing so"),
    ACTION_DASHBOARD("logs.wrap", ACTION_NOUN_LOGS, "w", "wrap", "Wraps long lines, or cuts them"),
    ACTION_DASHBOARD("logs.timestamps", ACTION_NOUN_LOGS, "t", "times",
                     "Shows or hides the time of each line"),
    ACTION_DASHBOARD("logs.boot", ACTION_NOUN_LOGS, "b", "boot log",
                     "Shows the machine's boot log, or the container's own"),
};

const action_list action_list_logs = ACTION_LIST(actions);
