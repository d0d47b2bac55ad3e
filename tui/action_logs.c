// The logs tab.
#include "tui/action_table.h"

static const action actions[] = {
    ACTION_DASHBOARD("logs.follow", ACTION_NOUN_LOGS, "f", "follow",
                     "Stays at the newest line, or stops doing so"),
    ACTION_DASHBOARD("logs.wrap", ACTION_NOUN_LOGS, "w", "wrap", "Wraps long lines, or cuts them"),
    ACTION_DASHBOARD("logs.timestamps", ACTION_NOUN_LOGS, "t", "times",
                     "Shows or hides the time of each line"),
    ACTION_DASHBOARD("logs.boot", ACTION_NOUN_LOGS, "b", "boot log",
                     "Shows the machine's boot log, then both together, then the container's own"),
    ACTION_DASHBOARD("logs.filter", ACTION_NOUN_LOGS, "&", "only",
                     "Shows only the lines that hold a text (\"!\" before it: that do not)"),
    ACTION_DASHBOARD("logs.since", ACTION_NOUN_LOGS, "@", "since",
                     "Shows the lines since a time, or a duration ago"),
    ACTION_DASHBOARD("logs.merge", ACTION_NOUN_LOGS, "+", "merge",
                     "Shows the logs of all marked containers (none is marked: of all that run) in one"),
    ACTION_DASHBOARD("logs.mark", ACTION_NOUN_LOGS, "M", "mark",
                     "Marks the last line shown, or takes its mark away"),
    ACTION_DASHBOARD("logs.next-mark", ACTION_NOUN_LOGS, "'", "next mark",
                     "Goes to the next marked line upwards"),
    ACTION_DASHBOARD("logs.save", ACTION_NOUN_LOGS, "ctrl-s", "save",
                     "Writes the lines shown into a new file"),
};

const action_list action_list_logs = ACTION_LIST(actions);
