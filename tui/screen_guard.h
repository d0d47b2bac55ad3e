// What gives the terminal back where the dashboard itself cannot any more.
#pragma once

#include <stdbool.h>
#include <termios.h>

#include "core/holm.h"

/// The terminal has been taken: what it was before, and what is written to leave it, beside what terminfo
/// says.
void screen_guard_prepare(int fd, const struct termios *before, const char *leave);
/// Starts the child that outlives SIGKILL; once, when the first frame is out.
void screen_guard_start(void);
/// Whether the terminal is ours at the moment: not while the dashboard is stopped or has lent it.
void screen_guard_hold(bool held);
/// The terminal has been given back.
void screen_guard_drop(void);
