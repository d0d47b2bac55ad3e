// A theme: a style for every role on the screen, and the gradients of the graphs.
//
// In a file (themes/NAME.toml) each role is one string of words: a colour ("#rrggbb", "default", a palette
// number 0 to 255), "on" and the background, and any of bold, dim, italic, underline, reverse. Gradients are
// arrays of up to eight colours, from low to high. What a file leaves out is as in the built-in theme.
#pragma once

#include <jansson.h>

#include "core/holm.h"
#include "tui/cell.h"

#define THEME_STEPS 8

typedef enum theme_role {
    THEME_TEXT,   ///< what most is written in; its background is the screen's
    THEME_MUTED,  ///< secondary figures, units, labels
    THEME_STRONG, ///< names, what matters in a row
    THEME_ACCENT, ///< what has the focus; keys
    THEME_BORDER,
    THEME_TITLE,          ///< a pane's title without the focus
    THEME_HEADER,         ///< the first line
    THEME_FOOTER,         ///< the last line
    THEME_KEY,            ///< a key's name in the last line and in help
    THEME_SELECTION,      ///< the selected row where the focus is
    THEME_SELECTION_AWAY, ///< the selected row where it is not
    THEME_COLUMN,         ///< column names
    THEME_GOOD,           ///< running, done
    THEME_BUSY,           ///< starting, stopping, at work
    THEME_BAD,            ///< failed, errors
    THEME_OFF,            ///< stopped
    THEME_INPUT,          ///< text being typed
    THEME_MATCH,          ///< what a filter or a search found
    THEME_DIALOG,         ///< the body of a dialog
    THEME_STDERR,         ///< log lines from standard error
    THEME_ROLE_COUNT
} theme_role;

typedef enum theme_gradient {
    THEME_CPU,
    THEME_MEMORY,
    THEME_NETWORK,
    THEME_PROGRESS,
    THEME_GRADIENT_COUNT
} theme_gradient;

typedef struct theme_table {
    char name[64];
    cell_style roles[THEME_ROLE_COUNT];
    cell_color gradients[THEME_GRADIENT_COUNT][THEME_STEPS];
    int steps[THEME_GRADIENT_COUNT];
} theme_table;

/// The themes that are always there, by how many colours the terminal has: above 16 "night", from 8 "basic",
/// else "mono". Complete by themselves.
const theme_table *theme_builtin(int colors);

/// Reads a theme document over `base`. `path` and `lines` (dotted key → line number; may be NULL) are for
/// the error, which names file, line and key. `out` is untouched on failure.
int theme_parse(const json_t *document, const json_t *lines, const char *path, const theme_table *base,
                theme_table *out, holm_error **error);

/// Reads the theme NAME over the built-in one for this many colours: NAME.toml in `own`/themes, or in
/// `share`/themes. `out` is the built-in one on failure.
int theme_load(const char *name, const char *own, const char *share, int colors, theme_table *out,
               holm_error **error);

/// The role's style. Only THEME_TEXT has a background of its own unless the theme says so: others keep what
/// they are drawn on.
cell_style theme_style(const theme_table *self, theme_role role);
/// The gradient's colour at `share` of 0 to 1.
cell_style theme_gradient_style(const theme_table *self, theme_gradient gradient, double share);
