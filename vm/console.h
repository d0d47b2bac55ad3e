// The serial console of a machine: what the guest prints goes to the boot log, bounded (the first part and
// the last are kept), and lines can be waited for and answered.
#pragma once

#include <uv.h>

#include "core/base/error.h"

#define CONSOLE_HEAD_MOST 524288 ///< bytes of the beginning that are kept
#define CONSOLE_TAIL_MOST 524288 ///< at least this much of the end

typedef struct console console;

/// Takes fd, a connected stream socket, over, always. `log` is the file's path, or NULL. `line` (may be NULL)
/// gets each line without its end, control characters and all; lines longer than 256 bytes are cut.
console *console_create(uv_loop_t *loop, int fd, const char *log, void (*line)(const char *text, void *data),
                        void *data, holm_error **error);
/// The log goes on in this file, behind a copy of what it has so far.
int console_move_log(console *self, const char *log, holm_error **error);
/// Types a short text.
void console_type(console *self, const char *text);
/// Takes what is still under way, after the machine has ended.
void console_drain(console *self);
/// Accepts NULL.
void console_destroy(console *self);
