// The files tab.
#include "tui/action_table.h"

static const action actions[] = {
    ACTION_DASHBOARD("files.open", ACTION_NOUN_FILES, "enter right", "open",
                     "Goes into the folder, or shows the beginning of the file"),
    ACTION_DASHBOARD("files.up", ACTION_NOUN_FILES, "left backspace", "up",
                     "Goes to the folder above, or back from a file"),
    ACTION_DASHBOARD("files.copy-out", ACTION_NOUN_FILES, "d", "copy out",
                     "Copies the file or folder to this machine"),
    {.name = "files.copy-in",
     .noun = ACTION_NOUN_FILES,
     .keys = "u",
     .title = "copy in",
     .help = "Copies a file or folder of this machine into the folder",
     .flags = ACTION_RUNNING},
    ACTION_DASHBOARD("files.refresh", ACTION_NOUN_FILES, "r", "refresh", "Reads the folder anew"),
};

const action_list action_list_files = ACTION_LIST(actions);
