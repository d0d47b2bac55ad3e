// Tasks: pulls and what else takes its time.
#include "tui/action_table.h"

static void cancel_task(holm_client *client, const char *reference, holm_done done, void *data) {
    holm_task_cancel(client, reference, done, data);
}

static const action actions[] = {
    {.name = "task.cancel",
     .noun = ACTION_NOUN_TASK,
     .keys = "d delete",
     .title = "cancel",
     .help = "Ends a pull or another task; what it has brought so far is kept for the next try",
     .flags = ACTION_MANY | ACTION_CONFIRM,
     .apply = cancel_task},
};

const action_list action_list_task = ACTION_LIST(actions);
