// Registries: who is known where.
#include "tui/action_table.h"

const action_list action_list_registry = {0};
