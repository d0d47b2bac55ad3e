// Completions for fish.
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "tui/cli/completion.h"
#include "tui/cli/options_walk.h"

static const char functions[] =
    "function __holm_command --description 'The command of the line: \"run\", \"image pull\", or the noun "
    "alone'\n"
    "    set -l words (commandline -opc)[2..-1]\n"
    "    while test (count $words) -gt 0; and string match -q -- '-*' $words[1]\n"
    "        set -e words[1]\n"
    "    end\n"
    "    test (count $words) -gt 0; or return\n"
    "    if contains -- $words[1] $__holm_nouns; and test (count $words) -gt 1\n"
    "        echo $words[1..2]\n"
    "    else if test (count $words) -gt 1; and contains -- \"$words[1..2]\" $__holm_phrases\n"
    "        echo $words[1..2]\n"
    "    else\n"
    "        echo $words[1]\n"
    "    end\n"
    "end\n"
    "function __holm_in --description 'Whether the command of the line is one of these'\n"
    "    set -l now (__holm_command)\n"
    "    contains -- \"$now\" $argv\n"
    "end\n"
    "function __holm_list\n"
    "    switch $argv[1]\n"
    "        case containers\n"
    "            holm ls -a 2>/dev/null | awk 'NR > 1 {print $2}'\n"
    "        case running\n"
    "            holm ls 2>/dev/null | awk 'NR > 1 {print $2}'\n"
    "        case stopped\n"
    "            holm ls -a --filter status=exited --filter status=created 2>/dev/null | awk 'NR > 1 {print "
    "$2}'\n"
    "        case images\n"
    "            holm images 2>/dev/null | awk 'NR > 1 && $1 != \"-\" && $2 !~ /^sha256:/ {print $1 \":\" "
    "$2}'\n"
    "        case volumes networks\n"
    "            holm (string replace -r 's$' '' -- $argv[1]) ls -q 2>/dev/null\n"
    "        case shells\n"
    "            printf '%s\\n' bash zsh fish\n"
    "    end\n"
    "end\n"
    "complete -c holm -f";

// Within single quotes.
static void print_quoted(const char *text) {
    putchar('\'');
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\')
            putchar('\\');
        putchar(*text);
    }
    putchar('\'');
}

// "complete -c holm -n '__holm_in run "container run"'"
static void print_condition(const action *listed) {
    const char *at = listed->shortcuts ? listed->shortcuts : "", *word;
    size_t length;
    fputs("complete -c holm -n '__holm_in", stdout);
    while ((word = completion_next_word(&at, &length)))
        printf(" %.*s", (int)length, word);
    for (at = listed->words; (word = completion_next_word(&at, &length));)
        printf(" \"%s %.*s\"", action_noun_name(listed->noun), (int)length, word);
    if (listed->phrase)
        printf(" \"%s\"", listed->phrase);
    fputs("'", stdout);
}

static void print_words(const char *condition, const char *words, const char *help) {
    printf("complete -c holm -n '%s' -a '%s' -d ", condition, words);
    print_quoted(help);
    puts("");
}

static void print_option(const struct argp_option *option, void *data) {
    print_condition(data);
    if (isgraph(option->key) && option->key < 0x80)
        printf(" -s %c", option->key);
    if (option->name)
        printf(" -l %s", option->name);
    if (option->arg) {
        const char *words, *kind = completion_option_kind(option, &words);
        if (strcmp(kind, completion_kind(ACTION_COMPLETE_FILE)) == 0)
            printf(" -r -F");
        else if (*kind)
            printf(" -x -a '(__holm_list %s)'", kind);
        else
            printf(" -x -a '%s'", words ? words : "");
    }
    printf(" -d ");
    print_quoted(option->doc ? option->doc : "");
    puts("");
}

static void print_action(const action *listed) {
    const char *noun = action_noun_name(listed->noun);
    char condition[64];
    snprintf(condition, sizeof condition, "__holm_in %s", noun);
    print_words(condition, listed->words, listed->help);
    if (listed->shortcuts)
        print_words("__holm_in \"\"", listed->shortcuts, listed->help);
    options_walk(listed->argp, print_option, (void *)listed);
    const char *kind = completion_kind(listed->complete);
    if (!*kind)
        return;
    print_condition(listed);
    if (listed->complete == ACTION_COMPLETE_FILE)
        puts(" -F");
    else
        printf(" -a '(__holm_list %s)'\n", kind);
}

void completion_print_fish(void) {
    puts("# fish completion for holm; made by `holm completion fish`");
    fputs("set -g __holm_nouns", stdout);
    for (action_noun noun = 0; noun < ACTION_NOUN_COUNT; noun++)
        if (completion_has_commands(noun))
            printf(" %s", action_noun_name(noun));
    puts("");
    puts(functions);
    for (action_noun noun = 0; noun < ACTION_NOUN_COUNT; noun++) {
        char help[64];
        snprintf(help, sizeof help, "Commands of %ss", action_noun_name(noun));
        if (completion_has_commands(noun))
            print_words("__holm_in \"\"", action_noun_name(noun), help);
    }
    for (size_t i = 0; i < action_count(); i++)
        if (action_at(i)->words)
            print_action(action_at(i));
}
