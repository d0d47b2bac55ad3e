// The user's terminal: raw while a session has it, given back on every way out, a crash included.
#pragma once

#include <stdbool.h>

/// Whether standard input is a terminal.
bool terminal_present(void);
/// Its size; false: it has none.
bool terminal_size(unsigned *columns, unsigned *rows);
/// Switches standard input to raw mode, and sees to it that it is given back at exit and on fatal signals.
bool terminal_set_raw(void);
void terminal_restore(void);
/// The handler of a signal that ends us: gives the terminal back first.
void terminal_restore_and_die(int number);
