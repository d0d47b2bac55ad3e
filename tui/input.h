// Keys from the bytes of a terminal: UTF-8, the CSI and SS3 forms of xterm and its kin (ECMA-48; ctlseqs),
// SGR mouse reports, bracketed paste. No curses, no waiting: a lone escape is told apart from the start of a
// sequence by input_flush, which the owner calls when nothing more has come for a while.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    INPUT_UP = 0x110000, ///< above every character
    INPUT_DOWN,
    INPUT_LEFT,
    INPUT_RIGHT,
    INPUT_HOME,
    INPUT_END,
    INPUT_PAGE_UP,
    INPUT_PAGE_DOWN,
    INPUT_INSERT,
    INPUT_DELETE,
    INPUT_FUNCTION_1, ///< up to INPUT_FUNCTION_1 + 11
    INPUT_FUNCTION_12 = INPUT_FUNCTION_1 + 11,
    INPUT_PASTE, ///< text holds what was pasted; a long paste comes in pieces, of whole characters
    INPUT_PASTE_END,
    INPUT_MOUSE,
    INPUT_FOCUS_IN,
    INPUT_FOCUS_OUT,
};

#define INPUT_ENTER     '\r'
#define INPUT_TAB       '\t'
#define INPUT_ESCAPE    0x1b
#define INPUT_BACKSPACE 0x7f
#define INPUT_CTRL(c)   ((c)&0x1f) ///< control characters are their own codes

enum { INPUT_SHIFT = 1, INPUT_ALT = 2, INPUT_CONTROL = 4 };

typedef struct input_event {
    uint32_t key;       ///< a character (control characters included) or one of the above
    unsigned modifiers; ///< as far as the terminal tells; a control character does not repeat it here
    const char *text;   ///< INPUT_PASTE: not terminated, borrowed
    size_t length;
    int button, x, y; ///< INPUT_MOUSE: xterm's button code without modifiers; 0-based
    bool pressed;
} input_event;

typedef void (*input_handler)(const input_event *event, void *data);

typedef struct input_decoder {
    char pending[256]; ///< the start of a sequence
    size_t length;
    bool pasting;
} input_decoder;

/// Decodes what it can; what may be the start of more stays pending.
void input_feed(input_decoder *self, const char *bytes, size_t length, input_handler handler, void *data);
/// Whether something is pending that input_flush would give out as it is.
bool input_pending(const input_decoder *self);
void input_flush(input_decoder *self, input_handler handler, void *data);
