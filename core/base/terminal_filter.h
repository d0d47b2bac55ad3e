// What a program prints, made plain before it goes into libvterm. Version 0.1.4, which Debian 12 has, writes
// out of its bounds when told to: control sequences of more than 16 parameters, wide characters behind the
// right edge (REP, combining marks that count as wide), C1 controls as UTF-8, a cursor restored beyond a
// screen that has shrunk, margins outside of it, strings that end in another write. Nothing but well-formed
// UTF-8 and sequences of a short list comes out of here, in the form that 0.1.4 gets right:
// ECMA-48 5.4 and 8.3, xterm's control sequences, ISO 8613-6 for colours.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TERMINAL_FILTER_PIECE      4096 ///< the most that is passed on in one call
#define TERMINAL_FILTER_PARAMETERS 32   ///< of a control sequence; the rest is dropped
#define TERMINAL_FILTER_TITLE      1024 ///< bytes

/// Takes bytes that libvterm may read. A character, sequence or string is never cut.
typedef void (*terminal_filter_pass)(const char *bytes, size_t length, void *data);

/// A value; its fields belong to the filter.
typedef struct terminal_filter {
    terminal_filter_pass pass;
    void *data;
    unsigned columns;
    bool margins;            ///< left and right ones are in force (DECLRMM)
    bool region;             ///< margins of any kind have been set
    bool may_switch_columns; ///< DECCOLM counts (xterm's mode 40)

    int state;
    uint8_t leader, between; ///< of the sequence being read
    bool spoiled;            ///< more than one of either: nothing that is known
    unsigned count;
    int parameters[TERMINAL_FILTER_PARAMETERS]; ///< -1: left out
    uint32_t joined;                            ///< bit n: a colon stands before parameter n
    uint8_t string_kind;
    size_t string_length; ///< all of it; what is kept is at most sizeof(string)
    char string[TERMINAL_FILTER_TITLE];

    uint32_t character, least; ///< of the UTF-8 sequence being read
    unsigned missing;
    unsigned marks; ///< behind the last character
    char last[4];   ///< the last character, for REP
    size_t last_length;

    size_t used;
    char piece[TERMINAL_FILTER_PIECE];
} terminal_filter;

/// `pass` is called from terminal_filter_write and terminal_filter_resize only.
void terminal_filter_init(terminal_filter *self, unsigned columns, terminal_filter_pass pass, void *data);
/// Hostile bytes, cut anywhere.
void terminal_filter_write(terminal_filter *self, const void *bytes, size_t length);
/// To be called after vterm_set_size, with where libvterm has the cursor: brings it back inside, and margins
/// to the whole screen, as xterm does.
void terminal_filter_resize(terminal_filter *self, unsigned columns, int cursor_row, int cursor_column);
