// How the action table is put together: one file for each noun (action_NOUN.c) with a list of its actions;
// action.c lines them up.
#pragma once

#include "tui/action.h"

typedef struct action_list {
    const action *actions;
    size_t count;
} action_list;

#define ACTION_LIST(actions_) \
    { actions_, array_length(actions_) }

/// An action that only the dashboard has, and that changes nothing but the view.
#define ACTION_DASHBOARD(name_, noun_, keys_, title_, help_)                                   \
    {                                                                                          \
        .name = (name_), .noun = (noun_), .keys = (keys_), .title = (title_), .help = (help_), \
        .flags = ACTION_READONLY                                                               \
    }

/// Its options and its function on the command line (tui/cli/NAME.c).
#define ACTION_COMMAND(name_) .argp = &name_##_argp, .command = name_##_command

extern const action_list action_list_view;
extern const action_list action_list_list;
extern const action_list action_list_logs;
extern const action_list action_list_files;
extern const action_list action_list_console;
extern const action_list action_list_container;
extern const action_list action_list_image;
extern const action_list action_list_network;
extern const action_list action_list_volume;
extern const action_list action_list_registry;
extern const action_list action_list_task;
extern const action_list action_list_event;
extern const action_list action_list_system;
extern action_list action_list_custom; ///< the user's own
