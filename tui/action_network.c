// Networks.
#include "tui/action_table.h"

static const action actions[] = {
    ACTION_DASHBOARD("network.open", ACTION_NOUN_NETWORK, "enter", "open", "Shows the network's detail"),
    ACTION_DASHBOARD("network.inspect", ACTION_NOUN_NETWORK, "i", "inspect",
                     "Shows all that is known about the network"),
};

const action_list action_list_network = ACTION_LIST(actions);
