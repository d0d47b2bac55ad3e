// The reference pages: what the tables of actions and of configuration keys say, as Markdown and as manual
// pages.
#pragma once

#include <argp.h>
#include <stdio.h>

/// docs/commands.md: every subcommand with its options.
void reference_commands_markdown(FILE *out);
/// docs/keys.md: what the keys of the dashboard do, by place.
void reference_keys_markdown(FILE *out);
/// docs/config.md: every key of config.toml.
void reference_config_markdown(FILE *out);
/// holm(1) and holm-config(5), in the man macros.
void reference_holm_man(FILE *out);
void reference_config_man(FILE *out);

/// One option as it is written ("-d, --detach", "--name=NAME") and what it does, for every documented option
/// of an argp and its children.
typedef void (*reference_option)(const char *written, const char *help, FILE *out);
void reference_each_option(const struct argp *argp, reference_option function, FILE *out);
