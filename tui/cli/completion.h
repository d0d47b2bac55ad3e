// Completions for shells, from the action table and its options.
#pragma once

#include "tui/action.h"

/// The script for a shell, to standard output. zsh reads bash's through its own bashcompinit.
void completion_print_bash(void);
void completion_print_zsh(void);
void completion_print_fish(void);

/// The first of blank-separated words, then the next; NULL at the end.
const char *completion_next_word(const char **at, size_t *length);
/// Whether a noun has commands: `holm NOUN …`.
bool completion_has_commands(action_noun noun);
/// The kind of candidates by its name in the scripts; "" for none.
const char *completion_kind(action_complete kind);
/// The candidates for an option's argument: a name of completion_kind(), "" for none, or `words` (separated
/// by blanks).
const char *completion_option_kind(const struct argp_option *option, const char **words);
