// The dashboard itself: what works everywhere but in a console.
#include "tui/action_table.h"

static const action actions[] = {
    ACTION_DASHBOARD("view.help", ACTION_NOUN_VIEW, "? f1", "help", "Shows the keys that work here"),
    ACTION_DASHBOARD("view.palette", ACTION_NOUN_VIEW, ":", "command", "Runs any action by its name"),
    ACTION_DASHBOARD("view.menu", ACTION_NOUN_VIEW, "x", "menu",
                     "Shows what can be done with the selected item"),
    ACTION_DASHBOARD("view.next-pane", ACTION_NOUN_VIEW, "tab", "next pane",
                     "Moves the focus to the next pane"),
    ACTION_DASHBOARD("view.previous-pane", ACTION_NOUN_VIEW, "backtab", "previous pane",
                     "Moves the focus to the pane before"),
    ACTION_DASHBOARD("view.pane-1", ACTION_NOUN_VIEW, "1", "containers", "Moves the focus to the containers"),
    ACTION_DASHBOARD("view.pane-2", ACTION_NOUN_VIEW, "2", "images", "Moves the focus to the images"),
    ACTION_DASHBOARD("view.pane-3", ACTION_NOUN_VIEW, "3", "networks", "Moves the focus to the networks"),
    ACTION_DASHBOARD("view.pane-4", ACTION_NOUN_VIEW, "4", "volumes", "Moves the focus to the volumes"),
    ACTION_DASHBOARD("view.pane-5", ACTION_NOUN_VIEW, "5", "tasks", "Moves the focus to the tasks"),
    ACTION_DASHBOARD("view.pane-6", ACTION_NOUN_VIEW, "6", "events", "Moves the focus to the events"),
    ACTION_DASHBOARD("view.detail", ACTION_NOUN_VIEW, "0", "detail", "Moves the focus to the detail side"),
    ACTION_DASHBOARD("view.previous-tab", ACTION_NOUN_VIEW, "[", "previous tab", "Shows the tab before"),
    ACTION_DASHBOARD("view.next-tab", ACTION_NOUN_VIEW, "]", "next tab", "Shows the next tab"),
    ACTION_DASHBOARD("view.zoom", ACTION_NOUN_VIEW, "z", "zoom",
                     "Gives the focused pane the whole screen, or takes it back"),
    ACTION_DASHBOARD("view.layout", ACTION_NOUN_VIEW, "L", "layout",
                     "Goes through the layouts: even, wide lists, wide detail, detail below"),
    ACTION_DASHBOARD("view.wider", ACTION_NOUN_VIEW, ">", "wider", "Gives the lists more room"),
    ACTION_DASHBOARD("view.narrower", ACTION_NOUN_VIEW, "<", "narrower", "Gives the lists less room"),
    ACTION_DASHBOARD("view.taller", ACTION_NOUN_VIEW, "}", "taller", "Gives the focused list more rows"),
    ACTION_DASHBOARD("view.shorter", ACTION_NOUN_VIEW, "{", "shorter", "Gives the focused list fewer rows"),
    ACTION_DASHBOARD("view.theme", ACTION_NOUN_VIEW, "T", "theme", "Chooses a theme, shown while choosing"),
    ACTION_DASHBOARD("view.copy-command", ACTION_NOUN_VIEW, "Y", "copy command",
                     "Copies the command line that does the same as an action of the selected item"),
    ACTION_DASHBOARD("view.back", ACTION_NOUN_VIEW, "esc", "back",
                     "Closes what is on top, clears a filter, or goes one level up"),
    ACTION_DASHBOARD("view.mouse", ACTION_NOUN_VIEW, "m", "mouse",
                     "Switches the mouse on or off (off: the terminal selects text)"),
    ACTION_DASHBOARD(
        "view.copy", ACTION_NOUN_VIEW, "c", "copy",
        "Copies the selected item's id to the clipboard; in the logs the marked lines or the last one shown, "
        "in inspect and processes all of it"),
    ACTION_DASHBOARD("view.redraw", ACTION_NOUN_VIEW, "ctrl-l", "redraw", "Paints the whole screen anew"),
    ACTION_DASHBOARD("view.suspend", ACTION_NOUN_VIEW, "ctrl-z", "suspend",
                     "Goes back to the shell; fg returns"),
    ACTION_DASHBOARD("view.quit", ACTION_NOUN_VIEW, "q ctrl-c", "quit",
                     "Leaves the dashboard; containers and pulls go on"),
};

const action_list action_list_view = ACTION_LIST(actions);
