// The options of a command, children included: for completions and pages.
#pragma once

#include <argp.h>

typedef void (*options_visit)(const struct argp_option *option, void *data);
/// Visits each option that a user can give, in order; headings and aliases are left out.
void options_walk(const struct argp *argp, options_visit visit, void *data);
