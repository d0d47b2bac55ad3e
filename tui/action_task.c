// Tasks: pulls and what else takes its time.
#include "tui/action_table.h"

static void cancel_task(holm_client *client, const char *reference, holm_done done, void *data) {
    holm_task_cancel(client, reference, done, data);
}

static const action actions[] = {
    ACTION_DASHBOARD("task.open", ACTION_NOUN_TASK, "enter", "open", "Shows the task's detail"),
    {.name = "task.pause",
     .noun = ACTION_NOUN_TASK,
     .keys = "s",
     .title = "pause",
     .help = "Pauses a pull, or lets one go on that is paused, was cancelled or has failed; what it has "
             "brought is kept"},
    {.name = "task.run",
     .noun = ACTION_NOUN_TASK,
     .keys = "ctrl-r",
     .title = "run pulled",
     .help = "Runs the image of the selected pull, or of the last one that is done",
     .flags = ACTION_NO_ITEM | ACTION_EVERYWHERE},
    {.name = "task.cancel",
     .noun = ACTION_NOUN_TASK,
     .keys = "d delete",
     .title = "cancel",
     .help = "Ends a pull or another task; what it has brought so far is kept for the next try",
     .flags = ACTION_MANY | ACTION_CONFIRM,
     .apply = cancel_task},
};

const action_list action_list_task = ACTION_LIST(actions);
