// Networks.
#include "tui/action_table.h"

const action_list action_list_network = {0};
