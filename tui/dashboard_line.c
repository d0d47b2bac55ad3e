// Actions that the command line does: what it takes beside the thing is typed, and this same program runs it
// as a task whose output is shown.
#include <stdio.h>
#include <string.h>

#include "tui/cli/options_walk.h"
#include "tui/dashboard_private.h"
#include "tui/words.h"

bool dashboard_line_can(const action *what) {
    return what->words && (what->line || what->flags & ACTION_OUTPUT);
}

// argv[0] as it is called becomes this program.
static void run(dashboard *self, const action *what, const char *line) {
    json_t *words = NULL;
    if (!words_split(line, &words)) {
        dashboard_prompt_wrong(self, "a quote is left open");
        return;
    }
    size_t count = json_array_size(words);
    char **argv = calloc(count + 1, sizeof(*argv));
    if (!argv)
        abort();
    argv[0] = (char *)"/proc/self/exe";
    for (size_t i = 1; i < count; i++)
        argv[i] = (char *)json_string_value(json_array_get(words, i));
    cleanup_free char *shown = holm_text_escape(line, strlen(line));
    dashboard_program_start(self, shown, what->flags & ACTION_ASKS ? "terminal" : "pane", argv);
    free(argv);
    json_decref(words);
}

static void entered(dashboard *self, const char *text) {
    const action *what = action_find(self->subject);
    cleanup_free char *words = dashboard_command_line(self, what, NULL, 0);
    char line[LINE_EDIT_SIZE + 64];
    snprintf(line, sizeof(line), "%s %s", words, text);
    run(self, what, line);
}

static void write_option(const struct argp_option *option, void *data) {
    FILE *out = data;
    if (option->name && option->key != '?' && !(option->flags & OPTION_HIDDEN))
        fprintf(out, "--%s%s%s ", option->name, option->arg ? "=" : "", option->arg ? option->arg : "");
    else if (!option->name && option->key > ' ' && option->key < 127)
        fprintf(out, "-%c ", option->key);
}

static char *describe(const action *what) {
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    if (!out)
        abort();
    fprintf(out, "%s\n", what->help);
    if (what->arguments)
        fprintf(out, "%s\n", what->arguments);
    options_walk(what->argp, write_option, out);
    fclose(out);
    return text;
}

// Registries have no pane: what they are asked about is the image that is selected.
static char *line_here(const dashboard *self, const action *what) {
    char *image = self->ui.pane == PANE_IMAGES ? self->ui.lists[PANE_IMAGES].selected : NULL;
    if (what->noun != ACTION_NOUN_REGISTRY || what->complete != ACTION_COMPLETE_IMAGE || !image)
        return dashboard_command_here(self, what);
    cleanup_free char *words = dashboard_command_line(self, what, NULL, 0);
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    if (!out)
        abort();
    fprintf(out, "%s ", words);
    words_quote(out, dashboard_item_title(self, ACTION_NOUN_IMAGE, image));
    fclose(out);
    return text;
}

void dashboard_line(dashboard *self, const action *what) {
    cleanup_free char *here = line_here(self, what);
    if (!what->line) {
        run(self, what, here);
        return;
    }
    cleanup_free char *words = dashboard_command_line(self, what, NULL, 0), *text = describe(what);
    const char *things = here + strlen(words) + strspn(here + strlen(words), " ");
    char value[LINE_EDIT_SIZE];
    snprintf(value, sizeof(value), "%s%s%s", things, *things ? " " : "", what->line);
    snprintf(self->subject, sizeof(self->subject), "%s", what->name);
    dashboard_open_prompt(self, words, text, value, entered);
}
