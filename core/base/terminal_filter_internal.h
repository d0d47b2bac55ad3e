// What the files of the terminal filter share.
#pragma once

#include "core/base/terminal_filter.h"

/// Adds bytes that stay together: at most TERMINAL_FILTER_PIECE.
void filter_put(terminal_filter *self, const char *bytes, size_t length);
void filter_put_text(terminal_filter *self, const char *text);
/// Adds a control sequence with the first `count` parameters; leader and between are 0 when there is none.
void filter_put_control(terminal_filter *self, char leader, const int *parameters, unsigned count,
                        char between, char final);

/// A control sequence has been read to its final byte.
void filter_control(terminal_filter *self, char final);
/// SGR.
void filter_graphics(terminal_filter *self);
/// RIS, with what libvterm forgets.
void filter_reset(terminal_filter *self);
/// A character that was written as UTF-8.
void filter_character(terminal_filter *self, uint32_t character);
