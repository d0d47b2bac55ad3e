// `holm completion`, and what the scripts for all shells are made from.
#include "tui/cli/completion.h"

#include <string.h>

#include "tui/cli/cli.h"
#include "tui/cli/commands.h"
#include "tui/cli/references.h"

static error_t parse(int key, char *argument, struct argp_state *state) {
    (void)argument;
    return references_parse(key, state, 1, 1, state->input);
}

const struct argp completion_argp = {.parser = parse};

const char *completion_next_word(const char **at, size_t *length) {
    *at += strspn(*at, " ");
    const char *word = *at;
    *length = strcspn(word, " ");
    *at += *length;
    return *length ? word : NULL;
}

bool completion_has_commands(action_noun noun) {
    for (size_t i = 0; i < action_count(); i++)
        if (action_at(i)->noun == noun && action_at(i)->words)
            return true;
    return false;
}

const char *completion_kind(action_complete kind) {
    switch (kind) {
    case ACTION_COMPLETE_CONTAINER:
        return "containers";
    case ACTION_COMPLETE_RUNNING:
        return "running";
    case ACTION_COMPLETE_STOPPED:
        return "stopped";
    case ACTION_COMPLETE_IMAGE:
        return "images";
    case ACTION_COMPLETE_VOLUME:
        return "volumes";
    case ACTION_COMPLETE_NETWORK:
        return "networks";
    case ACTION_COMPLETE_FILE:
        return "files";
    case ACTION_COMPLETE_SHELL:
        return "shells";
    case ACTION_COMPLETE_NOTHING:
        break;
    }
    return "";
}

const char *completion_option_kind(const struct argp_option *option, const char **words) {
    static const struct {
        const char *name, *words;
    } choices[] = {{"driver", "user bridge"},
                   {"format", "table json yaml toml"},
                   {"pull", "missing always never"},
                   {"restart", "no on-failure always unless-stopped"},
                   {"scheme", "http https"}};
    *words = NULL;
    for (size_t i = 0; option->name && i < array_length(choices); i++)
        if (strcmp(option->name, choices[i].name) == 0)
            *words = choices[i].words;
    if (option->name && strcmp(option->name, "network") == 0)
        return completion_kind(ACTION_COMPLETE_NETWORK);
    if (option->name && strcmp(option->name, "volume") == 0)
        return completion_kind(ACTION_COMPLETE_VOLUME);
    return completion_kind(strcmp(option->arg, "FILE") == 0 ? ACTION_COMPLETE_FILE : ACTION_COMPLETE_NOTHING);
}

int completion_command(int argc, char **argv) {
    static const struct {
        const char *name;
        void (*print)(void);
    } shells[] = {
        {"bash", completion_print_bash}, {"zsh", completion_print_zsh}, {"fish", completion_print_fish}};
    char **arguments = NULL;
    cli_parse("system.completion", argc, argv, &arguments);
    for (size_t i = 0; i < array_length(shells); i++) {
        if (strcmp(shells[i].name, arguments[0]) == 0) {
            shells[i].print();
            return 0;
        }
    }
    cleanup_free char *safe = cli_escape(arguments[0]);
    fprintf(
        stderr,
        "holm: there are no completions for the shell \"%s\"\n      they are there for bash, zsh and fish\n",
        safe);
    return CLI_EXIT_HOLM;
}
