// The user's own commands, as actions: so they have keys, and are in the palette, the menu and help.
#include <stdio.h>
#include <string.h>

#include "tui/action_table.h"

static action *actions;
action_list action_list_custom;

// "Runs: holm exec -it {{name}} sh", as it was written.
static char *make_help(const json_t *run) {
    char *text = NULL;
    size_t length, i;
    FILE *out = open_memstream(&text, &length);
    json_t *argument;
    if (!out)
        abort();
    fputs("Runs:", out);
    json_array_foreach ((json_t *)run, i, argument) {
        const char *word = json_string_value(argument);
        if (!word)
            fprintf(out, " {{%s}}", json_string_value(json_object_get(argument, "name")));
        else
            fprintf(out, strpbrk(word, " \"'") || !*word ? " \"%s\"" : " %s", word);
    }
    fclose(out);
    cleanup_free char *raw = text;
    return holm_text_escape(raw, strlen(raw));
}

static action make(const json_t *command) {
    const char *context = json_string_value(json_object_get(command, "context"));
    const char *title = json_string_value(json_object_get(command, "name"));
    const char *keys = json_string_value(json_object_get(command, "key"));
    action_noun noun = action_noun_parse(context);
    bool anywhere = noun == ACTION_NOUN_COUNT;
    char *name = NULL;
    if (asprintf(&name, "command.%s", title) < 0)
        abort();
    return (action){.name = name,
                    .noun = anywhere ? ACTION_NOUN_VIEW : noun,
                    .keys = keys ? keys : "",
                    .title = title,
                    .help = make_help(json_object_get(command, "run")),
                    .flags = (anywhere ? ACTION_NO_ITEM : ACTION_MANY) |
                             (json_is_true(json_object_get(command, "read-only")) ? ACTION_READONLY : 0),
                    .custom = command};
}

void action_set_commands(const json_t *commands) {
    for (size_t i = 0; i < action_list_custom.count; i++) {
        free((char *)actions[i].name);
        free((char *)actions[i].help);
    }
    free(actions);
    size_t count = json_array_size(commands);
    actions = calloc(count + 1, sizeof *actions);
    if (!actions)
        abort();
    for (size_t i = 0; i < count; i++)
        actions[i] = make(json_array_get(commands, i));
    action_list_custom = (action_list){actions, count};
}
