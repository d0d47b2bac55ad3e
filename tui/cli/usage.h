// What holm can be told on the command line.
#pragma once

#include <stdio.h>

#include "tui/action.h"

/// The commands about `noun`, or all of them (ACTION_NOUN_COUNT) with holm's own options.
void usage_print(FILE *out, action_noun noun);
