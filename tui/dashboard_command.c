// The command line that an action stands for.
#include <stdio.h>
#include <string.h>

#include "tui/dashboard_private.h"
#include "tui/words.h"

static void write_words(const action *what, FILE *out) {
    char words[64];
    action_print_words(what, words, sizeof words);
    fprintf(out, "holm %s", words);
}

char *dashboard_command_line(const dashboard *self, const action *what, char **ids, size_t count) {
    char *text = NULL;
    size_t length;
    if (what->custom)
        return dashboard_custom_line(self, what, ids, count);
    if (!what->words)
        return strdup("");
    FILE *out = open_memstream(&text, &length);
    if (!out)
        abort();
    write_words(what, out);
    // What the key does here, the command does only when told to.
    if (strcmp(what->name, "container.rm") == 0)
        fputs(" --force --volumes", out);
    if (strcmp(what->name, "container.exec") == 0)
        fputs(" -it", out);
    for (size_t i = 0; i < count; i++) {
        fputc(' ', out);
        words_quote(out, dashboard_item_title(self, what->noun, ids[i]));
    }
    if (strcmp(what->name, "container.exec") == 0)
        fputs(" sh", out);
    fclose(out);
    return text;
}

char *dashboard_command_here(const dashboard *self, const action *what) {
    const list_kind *kind = dashboard_kind(what->noun);
    char **ids = NULL;
    size_t count = dashboard_marked(self, what, &ids);
    char *text;
    if (count) {
        text = dashboard_command_line(self, what, ids, count);
    } else {
        char *selected = kind && kind == ui_kind(self->ui.pane) && !(what->flags & ACTION_NO_ITEM)
                             ? self->ui.lists[self->ui.pane].selected
                             : NULL;
        text = dashboard_command_line(self, what, &selected, selected != NULL);
    }
    for (size_t i = 0; i < count; i++)
        free(ids[i]);
    free(ids);
    return text;
}
