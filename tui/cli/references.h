// The arguments of commands that take only references: at least `least`, at most `most` of them.
#pragma once

#include <argp.h>

/// Takes all arguments at once into *out (NULL-terminated, pointing into argv). For the parser of a command;
/// returns ARGP_ERR_UNKNOWN for other keys.
error_t references_parse(int key, struct argp_state *state, unsigned least, unsigned most, char ***out);
