// The one action table. It drives the keys, palette, menu and help of the dashboard, the command line, the
// completions and the pages under docs/.
//
// An action belongs to a noun: what it is about, and for keys: where they work. Names are "noun.verb" and
// stable: users bind keys to them ([keys] in config.toml).
#pragma once

#include <argp.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/holm.h"

typedef enum action_noun {
    ACTION_NOUN_VIEW,    ///< the dashboard itself: works everywhere but in a console
    ACTION_NOUN_LIST,    ///< every list: moving, marking, filtering
    ACTION_NOUN_LOGS,    ///< the logs tab
    ACTION_NOUN_FILES,   ///< the files tab
    ACTION_NOUN_CONSOLE, ///< a console (all other keys go to the program)
    ACTION_NOUN_CONTAINER,
    ACTION_NOUN_IMAGE,
    ACTION_NOUN_NETWORK,
    ACTION_NOUN_VOLUME,
    ACTION_NOUN_REGISTRY,
    ACTION_NOUN_TASK,
    ACTION_NOUN_EVENT,
    ACTION_NOUN_SYSTEM,
    ACTION_NOUN_COUNT,
} action_noun;

enum action_flags {
    ACTION_READONLY = 1 << 0,  ///< changes nothing: allowed in read-only mode
    ACTION_CONFIRM = 1 << 1,   ///< ask first
    ACTION_DANGEROUS = 1 << 2, ///< what it takes does not come back: the dialog says what is lost
    ACTION_MANY = 1 << 3,      ///< works on all marked items, one `apply` each
    ACTION_RUNNING = 1 << 4,   ///< makes sense only while the container runs
    ACTION_STOPPED = 1 << 5,   ///< makes sense only while it does not
    ACTION_PROGRAM =
        1 << 6, ///< what follows the first argument belongs to a program: its options are not ours
    ACTION_NO_ITEM = 1 << 7, ///< is about no item in particular (create, pull): nothing needs to be selected
    ACTION_EVERYWHERE = 1 << 8, ///< its key works in every pane
    ACTION_OUTPUT = 1 << 9,     ///< the dashboard runs its command as it is and shows what it prints
    ACTION_ASKS = 1 << 10,      ///< its command asks: the dashboard lends it the terminal
};

/// What the arguments of a command are, for completions.
typedef enum action_complete {
    ACTION_COMPLETE_NOTHING,
    ACTION_COMPLETE_CONTAINER,
    ACTION_COMPLETE_RUNNING,
    ACTION_COMPLETE_STOPPED,
    ACTION_COMPLETE_IMAGE,
    ACTION_COMPLETE_VOLUME,
    ACTION_COMPLETE_NETWORK,
    ACTION_COMPLETE_FILE,
    ACTION_COMPLETE_SHELL, ///< bash, zsh, fish
} action_complete;

typedef struct action {
    const char *name; ///< "container.stop"
    action_noun noun;
    const char *keys;  ///< default keys, separated by blanks: "j down", or NULL
    const char *title; ///< a few words for the bottom line and menus: "stop"
    const char *help;  ///< one sentence, without its full stop
    unsigned flags;    ///< of action_flags

    // The command line; words is NULL for what only the dashboard has.
    const char *words;        ///< of the noun: "rm delete": `holm container rm`; the first one is documented
    const char *shortcuts;    ///< without the noun: "rm": `holm rm`, or NULL
    const char *phrase;       ///< two words that also call it: "port add": `holm port add`, or NULL
    const char *arguments;    ///< "CONTAINER…"
    action_complete complete; ///< what the arguments are
    const struct argp *argp;  ///< its options, shared groups as children
    int (*command)(int argc, char **argv); ///< argv[0] is the word; returns the exit code
    /// What stands behind the selected things when the dashboard lets its command line be completed and runs
    /// it: "-o ". NULL: it does not.
    const char *line;

    /// The whole action on one item (reference or id), without options: what the dashboard does on a key.
    /// NULL where it takes more than that (a dialog, a pane): the dashboard then has a handler of its own.
    void (*apply)(holm_client *client, const char *reference, holm_done done, void *data);

    const json_t *custom; ///< the user's command that it is (as holm_configuration_get gives it), or NULL
} action;

/// Puts the user's commands (holm_configuration_get "command"; borrowed, NULL: none) at the end of the table:
/// "command.NAME". Before a keymap is made.
void action_set_commands(const json_t *commands);

/// The table: the actions by their place, 0 to action_count() - 1 (action_at is NULL from there on), and
/// back.
size_t action_count(void);
const action *action_at(size_t index);
size_t action_index(const action *wanted);

/// By name ("container.stop"); NULL when there is none.
const action *action_find(const char *name);
/// By the words of a command line: ("container", "stop") or (NULL, "stop"). noun may be plural. NULL when
/// there is none.
const action *action_find_command(const char *noun, const char *word);
/// By its phrase; NULL when there is none.
const action *action_find_phrase(const char *first, const char *second);
/// What it is called by on a command line, as short as can be: "run", "port add", "image rm".
void action_print_words(const action *self, char *out, size_t size);
/// "container"; and back, plurals too; ACTION_NOUN_COUNT when it is none.
const char *action_noun_name(action_noun noun);
action_noun action_noun_parse(const char *name);
/// Whether its actions work on things that can be selected in a list.
bool action_is_about_items(action_noun noun);

// ---- keys ----
// A key is written as the user sees it: "a", "G", "?", "space", "enter", "esc", "tab", "backtab", "up",
// "down", "left", "right", "home", "end", "pageup", "pagedown", "backspace", "delete", "insert", "f1" to
// "f12", with "ctrl-" and "alt-" before it.

typedef struct action_keymap action_keymap;

/// The default keys, changed by `overrides`: an object {"container.stop": "s", "list.down": "j down", …}
/// (NULL: none; "" takes the key away). An action or key that is not known, and two actions that would share
/// a key in one place, are an error that names both, and where `origins` has the name of an override, its
/// "FILE:LINE".
action_keymap *action_keymap_create(const json_t *overrides, const json_t *origins, holm_error **error);
void action_keymap_destroy(action_keymap *keymap);
/// What the key means in a place of this noun: the noun's own actions first, then (in lists) those of LIST,
/// then those of VIEW; in a console only its own. NULL: nothing.
const action *action_keymap_look_up(const action_keymap *keymap, action_noun noun, bool list,
                                    const char *key);
/// The action whose key works in every pane (ACTION_EVERYWHERE), or NULL.
const action *action_keymap_look_up_everywhere(const action_keymap *keymap, const char *key);
/// The keys of an action, separated by blanks; "" when it has none. Owned by the keymap.
const char *action_keymap_keys(const action_keymap *keymap, const action *action);
/// Whether this is how a key is written.
bool action_key_valid(const char *key);
