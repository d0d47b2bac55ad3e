// What works in every list.
#include "tui/action_table.h"

static const action actions[] = {
    ACTION_DASHBOARD("list.down", ACTION_NOUN_LIST, "j down", "down", "Selects the next item"),
    ACTION_DASHBOARD("list.up", ACTION_NOUN_LIST, "k up", "up", "Selects the item before"),
    ACTION_DASHBOARD("list.first", ACTION_NOUN_LIST, "g home", "first", "Selects the first item"),
    ACTION_DASHBOARD("list.last", ACTION_NOUN_LIST, "G end", "last", "Selects the last item"),
    ACTION_DASHBOARD("list.page-down", ACTION_NOUN_LIST, "pagedown ctrl-f", "page down",
                     "Moves one page down"),
    ACTION_DASHBOARD("list.page-up", ACTION_NOUN_LIST, "pageup ctrl-b", "page up", "Moves one page up"),
    ACTION_DASHBOARD("list.left", ACTION_NOUN_LIST, "left", "left",
                     "Scrolls to the left, or shows the tab before"),
    ACTION_DASHBOARD("list.right", ACTION_NOUN_LIST, "right", "right",
                     "Scrolls to the right, or shows the next tab"),
    ACTION_DASHBOARD("list.mark", ACTION_NOUN_LIST, "space", "mark",
                     "Marks the item; actions then work on all marked ones"),
    ACTION_DASHBOARD("list.mark-range", ACTION_NOUN_LIST, "V", "mark range",
                     "Marks everything from the item that was marked last to this one"),
    ACTION_DASHBOARD("list.mark-all", ACTION_NOUN_LIST, "ctrl-a", "mark all",
                     "Marks every item shown, or none"),
    ACTION_DASHBOARD("list.filter", ACTION_NOUN_LIST, "/", "filter", "Shows only what matches"),
    ACTION_DASHBOARD("list.find-next", ACTION_NOUN_LIST, "n", "next match", "Goes to the next match"),
    ACTION_DASHBOARD("list.find-previous", ACTION_NOUN_LIST, "N", "previous match",
                     "Goes to the match before"),
    ACTION_DASHBOARD("list.columns", ACTION_NOUN_LIST, "C", "columns", "Chooses the columns"),
    ACTION_DASHBOARD("list.group", ACTION_NOUN_LIST, "v", "group",
                     "Groups by network, image, state or a label"),
    ACTION_DASHBOARD("list.sort", ACTION_NOUN_LIST, "o", "sort", "Sorts by the next column"),
    ACTION_DASHBOARD("list.sort-reverse", ACTION_NOUN_LIST, "O", "reverse", "Turns the order round"),
};

const action_list action_list_list = ACTION_LIST(actions);
