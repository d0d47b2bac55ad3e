// A session on this terminal: input, output, size, signals and the keys that leave it.
#pragma once

#include "tui/cli/cli.h"

typedef struct attach_options {
    const char *container;
    const char *session; ///< NULL: the container's own process
    json_t *exec;        ///< borrowed; NULL: none
    bool start;          ///< start the container once attached
    bool input;          ///< send our standard input
    bool terminal;       ///< it has a terminal (raw mode where ours is one)
    bool repaint;
    bool proxy_signals;      ///< without a terminal: ours go to the process
    bool ours;               ///< we made the process: when our output is gone, it ends as by SIGPIPE
    const char *detach_keys; ///< NULL: as configured
    /// Runs after the end (`error` NULL: an exit code), before the loop is left. May be NULL.
    void (*ended)(cli *owner, const holm_error *error, void *data);
    void *data;
} attach_options;

/// Opens the session on an open cli; its end sets the exit code. The rest happens in cli_close.
void attach_open(cli *owner, const attach_options *options);
