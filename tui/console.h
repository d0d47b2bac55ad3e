// A console that is open: a session with a process in a container, and the terminal that shows it.
#pragma once

#include "core/holm.h"
#include "tui/ui.h"

typedef struct console console;

typedef struct console_events {
    void (*changed)(console *self, void *data);                ///< something to draw
    void (*left)(console *self, void *data);                   ///< the detach keys were typed
    void (*zoom)(console *self, void *data);                   ///< the first detach key, then ctrl-z
    void (*next)(console *self, void *data);                   ///< the first detach key, then n
    void (*split)(console *self, void *data);                  ///< the first detach key, then |
    void (*other)(console *self, void *data);                  ///< the first detach key, then tab
    void (*copy)(console *self, const char *text, void *data); ///< for the clipboard
} console_events;

typedef struct console_options {
    const char *container_id, *container_name;
    const char *session; ///< one that is there, or NULL
    bool exec;           ///< a shell; else the container's own process
    bool start;          ///< start the container once attached
    int columns, rows;
    const char *detach_keys; ///< "ctrl-p,ctrl-q"; "" is off
} console_options;

console *console_open(holm_client *client, uv_loop_t *loop, const console_options *options,
                      const console_events *events, void *data);
/// Detaches where it is still attached; the process goes on. Accepts NULL.
void console_close(console *self);

ui_console *console_view(console *self);
/// Brings the screen up to date: once in each turn of the loop, before it is drawn.
void console_flush(console *self);
/// A key that was typed while the console has the focus. `at` is where its area starts on the screen, for
/// the mouse.
void console_key(console *self, const input_event *event, const rect *at);
/// Copy mode, with the search's input open or not.
void console_look_back(console *self, bool search);
/// Moves what is shown by so many lines, back where they are negative.
void console_scroll(console *self, int64_t lines);
void console_resize(console *self, int columns, int rows);

/// Parses "ctrl-p,ctrl-q" into at most `size` characters; returns their count, -1 when it makes no sense.
int console_parse_keys(const char *text, uint32_t *out, int size);
