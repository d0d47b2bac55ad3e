#include "tui/action.h"

#include <string.h>

#include "tui/cli/commands.h"

static void start(holm_client *client, const char *reference, holm_done done, void *data) {
    holm_container_start(client, reference, done, data);
}

static void stop(holm_client *client, const char *reference, holm_done done, void *data) {
    holm_container_stop(client, reference, 0, 0, done, data);
}

static void restart(holm_client *client, const char *reference, holm_done done, void *data) {
    holm_container_restart(client, reference, 0, 0, done, data);
}

static void kill_now(holm_client *client, const char *reference, holm_done done, void *data) {
    holm_container_kill(client, reference, 9, done, data);
}

static void remove_container(holm_client *client, const char *reference, holm_done done, void *data) {
    holm_container_remove(client, reference, true, done, data);
}

static void remove_image(holm_client *client, const char *reference, holm_done done, void *data) {
    holm_image_remove(client, reference, false, done, data);
}

static void cancel_task(holm_client *client, const char *reference, holm_done done, void *data) {
    holm_task_cancel(client, reference, done, data);
}

#define DASHBOARD(name_, noun_, keys_, title_, help_)                                          \
    {                                                                                          \
        .name = (name_), .noun = (noun_), .keys = (keys_), .title = (title_), .help = (help_), \
        .flags = ACTION_READONLY                                                               \
    }

#define COMMAND(name_) .argp = &name_##_argp, .command = name_##_command

const action action_table[] = {
    // ---- the dashboard ----
    DASHBOARD("view.help", ACTION_NOUN_VIEW, "? f1", "help", "Shows the keys that work here"),
    DASHBOARD("view.palette", ACTION_NOUN_VIEW, ":", "command", "Runs any action by its name"),
    DASHBOARD("view.menu", ACTION_NOUN_VIEW, "x", "menu", "Shows what can be done with the selected item"),
    DASHBOARD("view.next-pane", ACTION_NOUN_VIEW, "tab", "next pane", "Moves the focus to the next pane"),
    DASHBOARD("view.previous-pane", ACTION_NOUN_VIEW, "backtab", "previous pane",
              "Moves the focus to the pane before"),
    DASHBOARD("view.pane-1", ACTION_NOUN_VIEW, "1", "containers", "Moves the focus to the containers"),
    DASHBOARD("view.pane-2", ACTION_NOUN_VIEW, "2", "images", "Moves the focus to the images"),
    DASHBOARD("view.pane-3", ACTION_NOUN_VIEW, "3", "third pane", "Moves the focus to the third pane"),
    DASHBOARD("view.pane-4", ACTION_NOUN_VIEW, "4", "fourth pane", "Moves the focus to the fourth pane"),
    DASHBOARD("view.pane-5", ACTION_NOUN_VIEW, "5", "tasks", "Moves the focus to the tasks"),
    DASHBOARD("view.pane-6", ACTION_NOUN_VIEW, "6", "detail", "Moves the focus to the detail pane"),
    DASHBOARD("view.previous-tab", ACTION_NOUN_VIEW, "[", "previous tab", "Shows the tab before"),
    DASHBOARD("view.next-tab", ACTION_NOUN_VIEW, "]", "next tab", "Shows the next tab"),
    DASHBOARD("view.zoom", ACTION_NOUN_VIEW, "z", "zoom",
              "Gives the focused pane the whole screen, or takes it back"),
    DASHBOARD("view.back", ACTION_NOUN_VIEW, "esc", "back",
              "Closes what is on top, clears a filter, or goes one level up"),
    DASHBOARD("view.mouse", ACTION_NOUN_VIEW, "m", "mouse",
              "Switches the mouse on or off (off: the terminal selects text)"),
    DASHBOARD("view.copy", ACTION_NOUN_VIEW, "c", "copy",
              "Copies the selected item's id or the selected text to the clipboard"),
    DASHBOARD("view.redraw", ACTION_NOUN_VIEW, "ctrl-l", "redraw", "Paints the whole screen anew"),
    DASHBOARD("view.suspend", ACTION_NOUN_VIEW, "ctrl-z", "suspend", "Goes back to the shell; fg returns"),
    DASHBOARD("view.quit", ACTION_NOUN_VIEW, "q ctrl-c", "quit",
              "Leaves the dashboard; containers and pulls go on"),

    // ---- lists ----
    DASHBOARD("list.down", ACTION_NOUN_LIST, "j down", "down", "Selects the next item"),
    DASHBOARD("list.up", ACTION_NOUN_LIST, "k up", "up", "Selects the item before"),
    DASHBOARD("list.first", ACTION_NOUN_LIST, "g home", "first", "Selects the first item"),
    DASHBOARD("list.last", ACTION_NOUN_LIST, "G end", "last", "Selects the last item"),
    DASHBOARD("list.page-down", ACTION_NOUN_LIST, "pagedown ctrl-f", "page down", "Moves one page down"),
    DASHBOARD("list.page-up", ACTION_NOUN_LIST, "pageup ctrl-b", "page up", "Moves one page up"),
    DASHBOARD("list.left", ACTION_NOUN_LIST, "left", "left", "Scrolls to the left, or shows the tab before"),
    DASHBOARD("list.right", ACTION_NOUN_LIST, "right", "right",
              "Scrolls to the right, or shows the next tab"),
    DASHBOARD("list.mark", ACTION_NOUN_LIST, "space", "mark",
              "Marks the item; actions then work on all marked ones"),
    DASHBOARD("list.mark-all", ACTION_NOUN_LIST, "ctrl-a", "mark all", "Marks every item shown, or none"),
    DASHBOARD("list.filter", ACTION_NOUN_LIST, "/", "filter", "Shows only what matches"),
    DASHBOARD("list.find-next", ACTION_NOUN_LIST, "n", "next match", "Goes to the next match"),
    DASHBOARD("list.find-previous", ACTION_NOUN_LIST, "N", "previous match", "Goes to the match before"),
    DASHBOARD("list.sort", ACTION_NOUN_LIST, "o", "sort", "Sorts by the next column"),
    DASHBOARD("list.sort-reverse", ACTION_NOUN_LIST, "O", "reverse", "Turns the order round"),

    // ---- logs ----
    DASHBOARD("logs.follow", ACTION_NOUN_LOGS, "f", "follow", "Stays at the newest line, or stops doing so"),
    DASHBOARD("logs.wrap", ACTION_NOUN_LOGS, "w", "wrap", "Wraps long lines, or cuts them"),
    DASHBOARD("logs.timestamps", ACTION_NOUN_LOGS, "t", "times", "Shows or hides the time of each line"),
    DASHBOARD("logs.boot", ACTION_NOUN_LOGS, "b", "boot log",
              "Shows the machine's boot log, or the container's own"),

    // ---- consoles ----
    DASHBOARD("console.leave", ACTION_NOUN_CONSOLE, NULL, "leave",
              "Leaves the console by the detach keys (console.detach-keys); its program goes on"),

    // ---- containers ----
    {.name = "container.run",
     .noun = ACTION_NOUN_CONTAINER,
     .title = "run",
     .help = "Makes a container from an image and starts it, pulling the image where it is missing",
     .flags = ACTION_PROGRAM,
     .words = "run",
     COMMAND(run),
     .shortcuts = "run",
     .arguments = "IMAGE [COMMAND [ARGUMENT…]]",
     .complete = ACTION_COMPLETE_IMAGE},
    {.name = "container.create",
     .noun = ACTION_NOUN_CONTAINER,
     .title = "create",
     .help = "Makes a container from an image without starting it",
     .flags = ACTION_PROGRAM,
     .words = "create",
     COMMAND(create),
     .shortcuts = "create",
     .arguments = "IMAGE [COMMAND [ARGUMENT…]]",
     .complete = ACTION_COMPLETE_IMAGE},
    {.name = "container.open",
     .noun = ACTION_NOUN_CONTAINER,
     .keys = "enter",
     .title = "open",
     .help = "Shows the container's detail",
     .flags = ACTION_READONLY},
    {.name = "container.start",
     .noun = ACTION_NOUN_CONTAINER,
     .keys = "S",
     .title = "start",
     .help = "Starts stopped containers",
     .flags = ACTION_MANY | ACTION_STOPPED,
     .words = "start",
     COMMAND(start),
     .shortcuts = "start",
     .arguments = "CONTAINER…",
     .complete = ACTION_COMPLETE_STOPPED,
     .apply = start},
    {.name = "container.stop",
     .noun = ACTION_NOUN_CONTAINER,
     .keys = "s",
     .title = "stop",
     .help = "Stops running containers: their stop signal, and after the grace SIGKILL",
     .flags = ACTION_MANY | ACTION_RUNNING,
     .words = "stop",
     COMMAND(stop),
     .shortcuts = "stop",
     .arguments = "CONTAINER…",
     .complete = ACTION_COMPLETE_RUNNING,
     .apply = stop},
    {.name = "container.restart",
     .noun = ACTION_NOUN_CONTAINER,
     .keys = "r",
     .title = "restart",
     .help = "Stops containers where they run, and starts them again",
     .flags = ACTION_MANY,
     .words = "restart",
     COMMAND(restart),
     .shortcuts = "restart",
     .arguments = "CONTAINER…",
     .complete = ACTION_COMPLETE_CONTAINER,
     .apply = restart},
    {.name = "container.kill",
     .noun = ACTION_NOUN_CONTAINER,
     .keys = "K",
     .title = "kill",
     .help = "Sends a signal to the process of running containers",
     .flags = ACTION_MANY | ACTION_RUNNING | ACTION_CONFIRM,
     .words = "kill",
     COMMAND(kill),
     .shortcuts = "kill",
     .arguments = "CONTAINER…",
     .complete = ACTION_COMPLETE_RUNNING,
     .apply = kill_now},
    {.name = "container.wait",
     .noun = ACTION_NOUN_CONTAINER,
     .title = "wait",
     .help = "Waits until containers have ended and prints their exit codes",
     .flags = ACTION_READONLY,
     .words = "wait",
     COMMAND(wait),
     .shortcuts = "wait",
     .arguments = "CONTAINER…",
     .complete = ACTION_COMPLETE_CONTAINER},
    {.name = "container.rename",
     .noun = ACTION_NOUN_CONTAINER,
     .keys = "R",
     .title = "rename",
     .help = "Gives a container another name",
     .words = "rename",
     COMMAND(rename),
     .shortcuts = "rename",
     .arguments = "CONTAINER NAME",
     .complete = ACTION_COMPLETE_CONTAINER},
    {.name = "container.rm",
     .noun = ACTION_NOUN_CONTAINER,
     .keys = "d delete",
     .title = "delete",
     .help = "Removes containers with their writable layer and logs",
     .flags = ACTION_MANY | ACTION_CONFIRM | ACTION_DANGEROUS,
     .words = "rm delete remove",
     COMMAND(rm),
     .shortcuts = "rm delete",
     .arguments = "CONTAINER…",
     .complete = ACTION_COMPLETE_CONTAINER,
     .apply = remove_container},
    {.name = "container.ls",
     .noun = ACTION_NOUN_CONTAINER,
     .title = "list",
     .help = "Lists containers: those that run, or all",
     .flags = ACTION_READONLY,
     .words = "ls list ps",
     COMMAND(ls),
     .shortcuts = "ls ps list"},
    {.name = "container.exec",
     .noun = ACTION_NOUN_CONTAINER,
     .keys = "e",
     .title = "console",
     .help = "Runs another process in a running container (in the dashboard: a shell in a console)",
     .flags = ACTION_PROGRAM | ACTION_RUNNING,
     .words = "exec",
     COMMAND(exec),
     .shortcuts = "exec",
     .arguments = "CONTAINER COMMAND [ARGUMENT…]",
     .complete = ACTION_COMPLETE_RUNNING},
    {.name = "container.attach",
     .noun = ACTION_NOUN_CONTAINER,
     .keys = "a",
     .title = "attach",
     .help = "Joins this terminal to the container's own process",
     .flags = ACTION_RUNNING,
     .words = "attach",
     COMMAND(attach),
     .shortcuts = "attach",
     .arguments = "CONTAINER",
     .complete = ACTION_COMPLETE_RUNNING},
    {.name = "container.logs",
     .noun = ACTION_NOUN_CONTAINER,
     .keys = "l",
     .title = "logs",
     .help = "Shows what a container has written",
     .flags = ACTION_READONLY,
     .words = "logs",
     COMMAND(logs),
     .shortcuts = "logs",
     .arguments = "CONTAINER",
     .complete = ACTION_COMPLETE_CONTAINER},
    {.name = "container.inspect",
     .noun = ACTION_NOUN_CONTAINER,
     .keys = "i",
     .title = "inspect",
     .help = "Shows all that is known about containers",
     .flags = ACTION_READONLY,
     .words = "inspect",
     COMMAND(inspect),
     .shortcuts = "inspect",
     .arguments = "CONTAINER…",
     .complete = ACTION_COMPLETE_CONTAINER},
    {.name = "container.stats",
     .noun = ACTION_NOUN_CONTAINER,
     .keys = "t",
     .title = "stats",
     .help = "Shows what running containers use, live",
     .flags = ACTION_READONLY,
     .words = "stats",
     COMMAND(stats),
     .shortcuts = "stats",
     .arguments = "[CONTAINER…]",
     .complete = ACTION_COMPLETE_RUNNING},
    {.name = "container.top",
     .noun = ACTION_NOUN_CONTAINER,
     .title = "processes",
     .help = "Lists the processes of a running container",
     .flags = ACTION_READONLY | ACTION_RUNNING,
     .words = "top",
     COMMAND(top),
     .shortcuts = "top",
     .arguments = "CONTAINER",
     .complete = ACTION_COMPLETE_RUNNING},

    // ---- images ----
    {.name = "image.run",
     .noun = ACTION_NOUN_IMAGE,
     .keys = "enter",
     .title = "run",
     .help = "Makes a container from the image and starts it"},
    {.name = "image.pull",
     .noun = ACTION_NOUN_IMAGE,
     .keys = "p",
     .title = "pull",
     .help = "Brings images from a registry",
     .words = "pull",
     COMMAND(pull),
     .shortcuts = "pull",
     .arguments = "IMAGE…",
     .complete = ACTION_COMPLETE_IMAGE},
    {.name = "image.ls",
     .noun = ACTION_NOUN_IMAGE,
     .title = "list",
     .help = "Lists the images that are here",
     .flags = ACTION_READONLY,
     .words = "ls list",
     COMMAND(images),
     .shortcuts = "images"},
    {.name = "image.inspect",
     .noun = ACTION_NOUN_IMAGE,
     .keys = "i",
     .title = "inspect",
     .help = "Shows all that is known about images",
     .flags = ACTION_READONLY,
     .words = "inspect",
     COMMAND(image_inspect),
     .arguments = "IMAGE…",
     .complete = ACTION_COMPLETE_IMAGE},
    {.name = "image.rm",
     .noun = ACTION_NOUN_IMAGE,
     .keys = "d delete",
     .title = "delete",
     .help = "Removes images; layers that another image has stay",
     .flags = ACTION_MANY | ACTION_CONFIRM | ACTION_DANGEROUS,
     .words = "rm delete remove",
     COMMAND(image_rm),
     .shortcuts = "rmi",
     .arguments = "IMAGE…",
     .complete = ACTION_COMPLETE_IMAGE,
     .apply = remove_image},
    {.name = "image.tag",
     .noun = ACTION_NOUN_IMAGE,
     .title = "tag",
     .help = "Gives an image one more name",
     .words = "tag",
     COMMAND(tag),
     .shortcuts = "tag",
     .arguments = "IMAGE NAME",
     .complete = ACTION_COMPLETE_IMAGE},
    {.name = "image.load",
     .noun = ACTION_NOUN_IMAGE,
     .title = "load",
     .help = "Brings images from an archive (OCI layout or docker save)",
     .words = "load",
     COMMAND(load),
     .shortcuts = "load",
     .arguments = "FILE",
     .complete = ACTION_COMPLETE_FILE},
    {.name = "image.import",
     .noun = ACTION_NOUN_IMAGE,
     .title = "import",
     .help = "Makes an image from the tar of a root file system",
     .words = "import",
     COMMAND(import),
     .shortcuts = "import",
     .arguments = "FILE IMAGE",
     .complete = ACTION_COMPLETE_FILE},

    // ---- tasks ----
    {.name = "task.cancel",
     .noun = ACTION_NOUN_TASK,
     .keys = "d delete",
     .title = "cancel",
     .help = "Ends a pull or another task; what it has brought so far is kept for the next try",
     .flags = ACTION_MANY | ACTION_CONFIRM,
     .apply = cancel_task},

    // ---- the system ----
    {.name = "system.events",
     .noun = ACTION_NOUN_SYSTEM,
     .title = "events",
     .help = "Shows what happens, as it happens",
     .flags = ACTION_READONLY,
     .words = "events",
     COMMAND(events),
     .shortcuts = "events"},
    {.name = "system.info",
     .noun = ACTION_NOUN_SYSTEM,
     .title = "information",
     .help = "Shows what this machine and this holm can do",
     .flags = ACTION_READONLY,
     .words = "info",
     COMMAND(info),
     .shortcuts = "info"},
    {.name = "system.version",
     .noun = ACTION_NOUN_SYSTEM,
     .title = "version",
     .help = "Shows the version",
     .flags = ACTION_READONLY,
     .words = "version",
     COMMAND(version),
     .shortcuts = "version"},
    {.name = "system.completion",
     .noun = ACTION_NOUN_SYSTEM,
     .title = "completion",
     .help = "Prints the completions for a shell",
     .flags = ACTION_READONLY,
     .words = "completion",
     COMMAND(completion),
     .shortcuts = "completion",
     .arguments = "bash|zsh|fish",
     .complete = ACTION_COMPLETE_SHELL},
};

const size_t action_count = array_length(action_table);

static const struct {
    const char *name;
    const char *plural;
} nouns[ACTION_NOUN_COUNT] = {
    [ACTION_NOUN_VIEW] = {"view", NULL},
    [ACTION_NOUN_LIST] = {"list", NULL},
    [ACTION_NOUN_LOGS] = {"logs", NULL},
    [ACTION_NOUN_CONSOLE] = {"console", NULL},
    [ACTION_NOUN_CONTAINER] = {"container", "containers"},
    [ACTION_NOUN_IMAGE] = {"image", "images"},
    [ACTION_NOUN_TASK] = {"task", "tasks"},
    [ACTION_NOUN_SYSTEM] = {"system", NULL},
};

const char *action_noun_name(action_noun noun) {
    return nouns[noun].name;
}

action_noun action_noun_parse(const char *name) {
    for (action_noun noun = 0; noun < ACTION_NOUN_COUNT; noun++)
        if (strcmp(nouns[noun].name, name) == 0 ||
            (nouns[noun].plural && strcmp(nouns[noun].plural, name) == 0))
            return noun;
    return ACTION_NOUN_COUNT;
}

const action *action_find(const char *name) {
    for (size_t i = 0; i < action_count; i++)
        if (strcmp(action_table[i].name, name) == 0)
            return &action_table[i];
    return NULL;
}

// Whether `word` is one of the blank-separated `words`.
static bool among(const char *words, const char *word) {
    size_t length = strlen(word);
    for (const char *at = words; at && *at; at += strspn(at, " ")) {
        size_t next = strcspn(at, " ");
        if (next == length && strncmp(at, word, length) == 0)
            return true;
        at += next;
    }
    return false;
}

const action *action_find_command(const char *noun, const char *word) {
    action_noun wanted = noun ? action_noun_parse(noun) : ACTION_NOUN_COUNT;
    for (size_t i = 0; i < action_count; i++) {
        const action *candidate = &action_table[i];
        if (noun ? candidate->noun == wanted && among(candidate->words, word)
                 : among(candidate->shortcuts, word))
            return candidate;
    }
    return NULL;
}
