// Volumes.
#include "tui/action_table.h"

static const action actions[] = {
    ACTION_DASHBOARD("volume.open", ACTION_NOUN_VOLUME, "enter", "open", "Shows the volume's detail"),
    ACTION_DASHBOARD("volume.inspect", ACTION_NOUN_VOLUME, "i", "inspect",
                     "Shows all that is known about the volume"),
};

const action_list action_list_volume = ACTION_LIST(actions);
