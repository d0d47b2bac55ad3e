// What the subcommands share: a loop with a client, errors as one sentence, exit codes.
#pragma once

#include <argp.h>
#include <stdbool.h>

#include "core/holm.h"
#include "tui/action.h"

#define CLI_EXIT_HOLM           125 ///< holm's own error
#define CLI_EXIT_NOT_EXECUTABLE 126
#define CLI_EXIT_NOT_FOUND      127

/// One run of one command.
typedef struct cli {
    uv_loop_t loop;
    holm_client *client; ///< NULL: could not be opened, and the error has been told
    int exit_code;
} cli;

/// Opens the client; on failure tells the error, and cli_close returns 125.
bool cli_open(cli *self);
/// Runs the loop until nothing is under way; everything is let go of. Returns the exit code.
int cli_close(cli *self);

/// "holm: SENTENCE" and the hint on standard error; with --debug the chain. Takes nothing.
void cli_print_error(const holm_error *error);
/// The same, and sets the exit code that belongs to it, unless one is set.
void cli_fail(cli *self, const holm_error *error);
/// Standard `name` ("output", "error") could not be written: says so, but not of a reader that has gone away.
/// The exit code for it.
int cli_output_lost(const char *name, int number);
/// 126, 127 or 125.
int cli_exit_code(const holm_error *error);
/// "holm: …" for a mistake in the command line, and exits with 125.
void cli_usage_error(const struct argp_state *state, const char *format, ...)
    __attribute__((format(printf, 2, 3), noreturn));

/// Parses a command's line by the argp of its action; usage and help come from the action table.
void cli_parse(const char *action, int argc, char **argv, void *input);

/// One request for each reference, at once; prints the reference for each that went well. `act` starts it.
typedef void (*cli_act)(cli *self, const char *reference, holm_done done, void *data, const void *options);
/// Prints what came of one; NULL: the reference as it was given.
typedef void (*cli_print)(const char *reference, json_t *result);
int cli_each(char **references, cli_act act, cli_print print, const void *options);

/// A text of a foreign origin, safe for the terminal. The caller frees it.
char *cli_escape(const char *text);
/// Members of a document by a dotted path ("status.state"); "" where there is none.
const json_t *cli_member(const json_t *document, const char *path);
const char *cli_text(const json_t *document, const char *path);

/// A signal's number by name or number ("TERM", "SIGTERM", "15"); 0: there is none.
int cli_signal(const char *text);
/// Asks whether to go on, where somebody is at a terminal to be asked; elsewhere the answer is yes.
bool cli_confirm(const char *format, ...) __attribute__((format(printf, 1, 2)));
/// Puts the label "KEY" or "KEY=VALUE" into the "labels" of a configuration; what is none ends with a usage
/// error.
void cli_label(const struct argp_state *state, json_t *configuration, const char *text);
/// Milliseconds from seconds, UINT_MAX (for ever) from what is below zero; what is no number ends with a
/// usage error.
unsigned cli_grace_ms(const struct argp_state *state, const char *option, const char *text);
/// A size of the command line; what is none ends with a usage error.
uint64_t cli_size(const struct argp_state *state, const char *option, const char *text);
