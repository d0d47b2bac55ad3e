// Events: what has happened.
#include "tui/action_table.h"

static const action actions[] = {
    ACTION_DASHBOARD("event.open", ACTION_NOUN_EVENT, "enter", "go there",
                     "Goes to the thing the event is about"),
};

const action_list action_list_event = ACTION_LIST(actions);
