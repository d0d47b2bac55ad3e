// Completions for bash, zsh and fish, from the action table and its options.
#include <ctype.h>
#include <string.h>

#include "tui/cli/cli.h"
#include "tui/cli/commands.h"
#include "tui/cli/options_walk.h"
#include "tui/cli/references.h"

static error_t parse(int key, char *argument, struct argp_state *state) {
    (void)argument;
    return references_parse(key, state, 1, 1, state->input);
}

const struct argp completion_argp = {.parser = parse};

// The first of blank-separated words, then the next; NULL at the end.
static const char *next_word(const char **at, size_t *length) {
    *at += strspn(*at, " ");
    const char *word = *at;
    *length = strcspn(word, " ");
    *at += *length;
    return *length ? word : NULL;
}

static const char *candidates(action_complete kind) {
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

static void print_option_words(const struct argp_option *option, void *data) {
    (void)data;
    if (option->name)
        printf("--%s ", option->name);
    if (isgraph(option->key) && option->key < 0x80)
        printf("-%c ", option->key);
}

// ---- bash, and zsh by its bashcompinit ----

static void print_case(const action *listed, const char *pattern) {
    printf("    %s) options='", pattern);
    options_walk(listed->argp, print_option_words, NULL);
    printf("--help'; kind='%s' ;;\n", candidates(listed->complete));
}

static bool has_commands(action_noun noun) {
    for (size_t i = 0; i < action_count(); i++)
        if (action_at(i)->noun == noun && action_at(i)->words)
            return true;
    return false;
}

static void print_bash(void) {
    puts("# bash completion for holm; made by `holm completion bash`\n"
         "_holm() {\n"
         "  local word=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]} options='' kind=''\n"
         "  case $command in\n"
         "    container|containers|image|images|network|networks|volume|volumes|registry|system)\n"
         "      [ \"$COMP_CWORD\" -gt 2 ] && command=\"${command%s} ${COMP_WORDS[2]}\" ;;\n"
         "  esac\n"
         "  case $command in");
    for (size_t i = 0; i < action_count(); i++) {
        const action *listed = action_at(i);
        const char *at = listed->shortcuts ? listed->shortcuts : "", *word;
        size_t length;
        char pattern[128];
        while (listed->words && (word = next_word(&at, &length))) {
            snprintf(pattern, sizeof pattern, "%.*s", (int)length, word);
            print_case(listed, pattern);
        }
        at = listed->words ? listed->words : "";
        while ((word = next_word(&at, &length))) {
            snprintf(pattern, sizeof pattern, "'%s %.*s'", action_noun_name(listed->noun), (int)length, word);
            print_case(listed, pattern);
        }
    }
    puts("  esac\n"
         "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
         "    COMPREPLY=($(compgen -W \"$(_holm_commands)\" -- \"$word\"))\n"
         "  elif [ \"$COMP_CWORD\" -eq 2 ] && [ -n \"$(_holm_verbs \"$command\")\" ]; then\n"
         "    COMPREPLY=($(compgen -W \"$(_holm_verbs \"$command\")\" -- \"$word\"))\n"
         "  elif [[ $word == -* ]]; then\n"
         "    COMPREPLY=($(compgen -W \"$options\" -- \"$word\"))\n"
         "  else\n"
         "    case $kind in\n"
         "      containers) COMPREPLY=($(compgen -W \"$(holm ls -a 2>/dev/null | awk 'NR > 1 {print $2}')\" "
         "-- \"$word\")) ;;\n"
         "      running) COMPREPLY=($(compgen -W \"$(holm ls 2>/dev/null | awk 'NR > 1 {print $2}')\" -- "
         "\"$word\")) ;;\n"
         "      stopped) COMPREPLY=($(compgen -W \"$(holm ls -a --filter status=exited --filter "
         "status=created 2>/dev/null"
         " | awk 'NR > 1 {print $2}')\" -- \"$word\")) ;;\n"
         "      images) COMPREPLY=($(compgen -W \"$(holm images 2>/dev/null | awk 'NR > 1 {print $1 \":\" "
         "$2}')\" --"
         " \"$word\")) ;;\n"
         "      volumes) COMPREPLY=($(compgen -W \"$(holm volume ls -q 2>/dev/null)\" -- \"$word\")) ;;\n"
         "      networks) COMPREPLY=($(compgen -W \"$(holm network ls -q 2>/dev/null)\" -- \"$word\")) ;;\n"
         "      shells) COMPREPLY=($(compgen -W 'bash zsh fish' -- \"$word\")) ;;\n"
         "      files) COMPREPLY=($(compgen -f -- \"$word\")) ;;\n"
         "    esac\n"
         "  fi\n"
         "}");
    fputs("_holm_commands() { echo '", stdout);
    for (action_noun noun = 0; noun < ACTION_NOUN_COUNT; noun++)
        if (has_commands(noun))
            printf("%s ", action_noun_name(noun));
    for (size_t i = 0; i < action_count(); i++)
        if (action_at(i)->shortcuts)
            printf("%s ", action_at(i)->shortcuts);
    puts("'; }\n_holm_verbs() {\n  case $1 in");
    for (action_noun noun = 0; noun < ACTION_NOUN_COUNT; noun++) {
        if (!has_commands(noun))
            continue;
        printf("    %s) echo '", action_noun_name(noun));
        for (size_t i = 0; i < action_count(); i++)
            if (action_at(i)->noun == noun && action_at(i)->words)
                printf("%s ", action_at(i)->words);
        puts("' ;;");
    }
    puts("  esac\n}\ncomplete -F _holm holm");
}

static void print_zsh(void) {
    puts("#compdef holm\nautoload -U +X bashcompinit && bashcompinit");
    print_bash();
}

// ---- fish ----

// Within single quotes.
static void print_quoted(const char *text) {
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\')
            putchar('\\');
        putchar(*text);
    }
}

static void print_fish_option(const struct argp_option *option, void *data) {
    printf("complete -c holm -n '__fish_seen_subcommand_from %s'", (const char *)data);
    if (isgraph(option->key) && option->key < 0x80)
        printf(" -s %c", option->key);
    if (option->name)
        printf(" -l %s", option->name);
    printf(option->arg ? " -r -d '" : " -d '");
    print_quoted(option->doc ? option->doc : "");
    puts("'");
}

static const char *fish_candidates(action_complete kind) {
    switch (kind) {
    case ACTION_COMPLETE_CONTAINER:
        return "(holm ls -a 2>/dev/null | awk \"NR > 1 {print \\$2}\")";
    case ACTION_COMPLETE_RUNNING:
        return "(holm ls 2>/dev/null | awk \"NR > 1 {print \\$2}\")";
    case ACTION_COMPLETE_STOPPED:
        return "(holm ls -a --filter status=exited --filter status=created 2>/dev/null | awk \"NR > 1 {print "
               "\\$2}\")";
    case ACTION_COMPLETE_IMAGE:
        return "(holm images 2>/dev/null | awk \"NR > 1 {print \\$1 \\\":\\\" \\$2}\")";
    case ACTION_COMPLETE_VOLUME:
        return "(holm volume ls -q 2>/dev/null)";
    case ACTION_COMPLETE_NETWORK:
        return "(holm network ls -q 2>/dev/null)";
    case ACTION_COMPLETE_SHELL:
        return "bash zsh fish";
    default:
        return "";
    }
}

static void print_fish(void) {
    puts("# fish completion for holm; made by `holm completion fish`");
    for (size_t i = 0; i < action_count(); i++) {
        const action *listed = action_at(i);
        const char *at = listed->shortcuts ? listed->shortcuts : "", *word;
        size_t length;
        while (listed->words && (word = next_word(&at, &length))) {
            char name[32];
            snprintf(name, sizeof name, "%.*s", (int)length, word);
            printf("complete -c holm -n __fish_use_subcommand -f -a %s -d '", name);
            print_quoted(listed->help);
            puts("'");
            options_walk(listed->argp, print_fish_option, name);
            if (listed->complete != ACTION_COMPLETE_FILE)
                printf("complete -c holm -n '__fish_seen_subcommand_from %s' -f -a '%s'\n", name,
                       fish_candidates(listed->complete));
        }
    }
}

int completion_command(int argc, char **argv) {
    static const struct {
        const char *name;
        void (*print)(void);
    } shells[] = {{"bash", print_bash}, {"zsh", print_zsh}, {"fish", print_fish}};
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
