#include <string.h>

#include "core/config/config.h"
#include "docs/reference.h"
#include "tui/action.h"

// In a cell of a table a bar would end it.
static void write_cell(const char *text, FILE *out) {
    for (; *text; text++) {
        if (*text == '|')
            fputc('\\', out);
        fputc(*text, out);
    }
}

static void write_option(const char *written, const char *help, FILE *out) {
    fprintf(out, "| `");
    write_cell(written, out);
    fprintf(out, "` | ");
    write_cell(help, out);
    fprintf(out, " |\n");
}

// "ls list ps": the first is the name, the others are as good.
static void write_other_names(const action *self, FILE *out) {
    char other[256] = "";
    size_t length = 0;
    const char *first_end = self->words + strcspn(self->words, " ");
    for (const char *word = first_end; *word; word += strcspn(word, " ")) {
        word += strspn(word, " ");
        length += (size_t)snprintf(other + length, sizeof other - length, "%s`%s %.*s`", length ? ", " : "",
                                   action_noun_name(self->noun), (int)strcspn(word, " "), word);
    }
    for (const char *word = self->shortcuts ? self->shortcuts : ""; *word; word += strcspn(word, " ")) {
        word += strspn(word, " ");
        length += (size_t)snprintf(other + length, sizeof other - length, "%s`%.*s`", length ? ", " : "",
                                   (int)strcspn(word, " "), word);
    }
    if (self->phrase)
        length += (size_t)snprintf(other + length, sizeof other - length, "%s`%s`", length ? ", " : "",
                                   self->phrase);
    if (length)
        fprintf(out, "Also: %s.\n\n", other);
}

static void write_command(const action *self, FILE *out) {
    int word = (int)strcspn(self->words, " ");
    fprintf(out, "### holm %s %.*s\n\n%s.\n\n", action_noun_name(self->noun), word, self->words, self->help);
    fprintf(out, "    holm %s %.*s%s%s%s\n\n", action_noun_name(self->noun), word, self->words,
            self->argp ? " [OPTION…]" : "", self->arguments ? " " : "",
            self->arguments ? self->arguments : "");
    write_other_names(self, out);
    char *table = NULL;
    size_t length = 0;
    FILE *memory = open_memstream(&table, &length);
    reference_each_option(self->argp, write_option, memory);
    fclose(memory);
    if (length)
        fprintf(out, "| Option | |\n|---|---|\n%s\n", table);
    free(table);
}

void reference_commands_markdown(FILE *out) {
    fprintf(out, "# Commands\n\n"
                 "Made from the action table; `holm COMMAND --help` says the same. A command is a noun and a "
                 "verb; the "
                 "usual ones have a short form. Plain `holm` opens the dashboard.\n\n");
    for (action_noun noun = 0; noun < ACTION_NOUN_COUNT; noun++) {
        bool title = false;
        for (size_t i = 0; i < action_count(); i++) {
            const action *self = action_at(i);
            if (self->noun != noun || !self->words)
                continue;
            if (!title)
                fprintf(out, "## %s\n\n", action_noun_name(noun));
            title = true;
            write_command(self, out);
        }
    }
}

static const char *place_title(action_noun noun) {
    static const char *const titles[ACTION_NOUN_COUNT] = {
        [ACTION_NOUN_VIEW] = "Everywhere but in a console",
        [ACTION_NOUN_LIST] = "In every list",
        [ACTION_NOUN_LOGS] = "In the logs tab",
        [ACTION_NOUN_FILES] = "In the files tab",
        [ACTION_NOUN_CONSOLE] = "In a console",
        [ACTION_NOUN_CONTAINER] = "On a container",
        [ACTION_NOUN_IMAGE] = "On an image",
        [ACTION_NOUN_NETWORK] = "On a network",
        [ACTION_NOUN_VOLUME] = "On a volume",
        [ACTION_NOUN_REGISTRY] = "On a registry",
        [ACTION_NOUN_TASK] = "On a task",
        [ACTION_NOUN_EVENT] = "On an event",
        [ACTION_NOUN_SYSTEM] = "On the system",
    };
    return titles[noun] ? titles[noun] : action_noun_name(noun);
}

void reference_keys_markdown(FILE *out) {
    fprintf(
        out,
        "# Keys of the dashboard\n\n"
        "Made from the action table. Every key can be changed in the section `[keys]` of config.toml by the "
        "action's name, for example `\"container.stop\" = \"s\"`; two actions that would share a key in one "
        "place "
        "are an error that names both.\n\n");
    for (action_noun noun = 0; noun < ACTION_NOUN_COUNT; noun++) {
        bool title = false;
        for (size_t i = 0; i < action_count(); i++) {
            const action *self = action_at(i);
            if (self->noun != noun || (!self->keys && noun != ACTION_NOUN_CONSOLE))
                continue;
            if (!title)
                fprintf(out, "## %s\n\n| Key | Action | What it does |\n|---|---|---|\n", place_title(noun));
            title = true;
            fprintf(out, "| ");
            write_cell(self->keys ? self->keys : "", out);
            fprintf(out, " | `%s` | ", self->name);
            write_cell(self->help, out);
            fprintf(out, " |\n");
        }
        if (title)
            fprintf(out, "\n");
    }
}

void reference_config_markdown(FILE *out) {
    fprintf(out, "# config.toml\n\n"
                 "Made from the table of keys. The file is `$XDG_CONFIG_HOME/holm/config.toml` (usually "
                 "`~/.config/holm/config.toml`), or the one that `HOLM_CONFIG` names. An unknown key and a "
                 "value of the "
                 "wrong kind are errors that name file and line. The part before the dot is the section: "
                 "`container.cpus` "
                 "is `cpus` under `[container]`.\n\n"
                 "| Key | Default | Values | What it is |\n|---|---|---|---|\n");
    static const char *const types[] = {
        [CONFIG_STRING] = "text",
        [CONFIG_STRINGS] = "array of texts",
        [CONFIG_BOOLEAN] = "true, false",
        [CONFIG_INTEGER] = "whole number",
        [CONFIG_NUMBER] = "number above zero",
        [CONFIG_SIZE] = "size (\"1g\"), or bytes",
        [CONFIG_TABLE] = "table of texts",
    };
    for (size_t i = 0; i < config_key_count; i++) {
        const config_key *key = &config_keys[i];
        fprintf(out, "| `%s` | %s%s%s | ", key->name, key->standard ? "`" : "",
                key->standard ? key->standard : "", key->standard ? "`" : "");
        write_cell(key->choices ? key->choices : types[key->type], out);
        fprintf(out, " | ");
        write_cell(key->help, out);
        fprintf(out, " |\n");
    }
}
