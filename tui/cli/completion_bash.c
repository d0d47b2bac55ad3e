// Completions for bash, and for zsh by its bashcompinit.
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "tui/cli/completion.h"
#include "tui/cli/options_walk.h"

// Names of what is there, one a line, for a kind.
static const char lists[] =
    "_holm_list() {\n"
    "  case $1 in\n"
    "    containers) holm ls -a 2>/dev/null | awk 'NR > 1 {print $2}' ;;\n"
    "    running) holm ls 2>/dev/null | awk 'NR > 1 {print $2}' ;;\n"
    "    stopped) holm ls -a --filter status=exited --filter status=created 2>/dev/null |\n"
    "      awk 'NR > 1 {print $2}' ;;\n"
    "    images) holm images 2>/dev/null |\n"
    "      awk 'NR > 1 && $1 != \"-\" && $2 !~ /^sha256:/ {print $1 \":\" $2}' ;;\n"
    "    volumes) holm volume ls -q 2>/dev/null ;;\n"
    "    networks) holm network ls -q 2>/dev/null ;;\n"
    "    shells) echo bash zsh fish ;;\n"
    "  esac\n"
    "}\n";

// Goes over the words before the one at the cursor: the command, how many arguments it has, and the option
// that the next word belongs to. Readline breaks words at colons and completes what follows the last one.
static const char function[] =
    "# What follows an option: \":\" and its kind, or words between commas.\n"
    "_holm_expect() {\n"
    "  case $valued in *\" $1=\"*) expects=${valued#*\" $1=\"}; expects=:${expects%%' '*} ;; esac\n"
    "}\n"
    "_holm_complete() {\n"
    "  local line=${COMP_LINE:0:$COMP_POINT} command='' expects='' count=0 at=0 this words='' prefix=''\n"
    "  local options='' valued='' kind='' program='' verbs=''\n"
    "  local word=${line##*[[:space:]]}\n"
    "  [ -n \"${ZSH_VERSION-}\" ] || { local -; set -f; }\n"
    "  for this in ${line%\"$word\"}; do\n"
    "    at=$((at + 1))\n"
    "    if [ $at -eq 1 ]; then continue; fi\n"
    "    if [ -n \"$expects\" ]; then expects=''; continue; fi\n"
    "    case $this in\n"
    "      -*) _holm_expect \"$this\" ;;\n"
    "      *)\n"
    "        if [ -z \"$command\" ] || [ -n \"$verbs\" ]; then\n"
    "          command=${verbs:+$command }$this\n"
    "          _holm_command \"$command\"\n"
    "        else\n"
    "          case $count$_holm_phrases in\n"
    "            0*\"|$command $this|\"*) command=\"$command $this\"; _holm_command \"$command\" ;;\n"
    "            *) count=$((count + 1)) ;;\n"
    "          esac\n"
    "        fi ;;\n"
    "    esac\n"
    "  done\n"
    "  case $word in --*=*) _holm_expect \"${word%%=*}\"; word=${word#*=} ;; esac\n"
    "  if [ -n \"$expects\" ]; then\n"
    "    kind=${expects#:}\n"
    "    case $kind in *,*) words=${kind//,/ } kind='' ;; esac\n"
    "  elif [ -z \"$command\" ]; then\n"
    "    words=$_holm_commands\n"
    "    case $word in -*) words='--debug --read-only --plain --help --version' ;; esac\n"
    "  elif [ -n \"$verbs\" ]; then\n"
    "    words=$verbs\n"
    "  elif [ -n \"$program\" ] && [ $count -gt 0 ]; then\n"
    "    kind=''\n"
    "  else\n"
    "    case $word in -*) words=$options ;; esac\n"
    "  fi\n"
    "  if [ -z \"$words\" ] && [ \"$kind\" = files ]; then\n"
    "    COMPREPLY=($(compgen -f -- \"$word\"))\n"
    "    return\n"
    "  fi\n"
    "  COMPREPLY=($(compgen -W \"${words:-$(_holm_list \"$kind\")}\" -- \"$word\"))\n"
    "  case ${COMP_WORDBREAKS-} in\n"
    "    *:*) case $word in *:*) prefix=${word%\"${word##*:}\"} ;; esac ;;\n"
    "  esac\n"
    "  COMPREPLY=(\"${COMPREPLY[@]#\"$prefix\"}\")\n"
    "}";

static bool is_short(const struct argp_option *option) {
    return isgraph(option->key) && option->key < 0x80;
}

static void print_option(const struct argp_option *option, void *data) {
    (void)data;
    if (option->name)
        printf("--%s ", option->name);
    if (is_short(option))
        printf("-%c ", option->key);
}

// "--pull=missing,always,never"
static void print_valued(const struct argp_option *option, void *data) {
    (void)data;
    const char *words, *word;
    size_t length;
    for (int is_long = 0; option->arg && is_long < 2; is_long++) {
        if (is_long ? !option->name : !is_short(option))
            continue;
        const char *kind = completion_option_kind(option, &words), *between = "";
        if (is_long)
            printf(" --%s=%s", option->name, kind);
        else
            printf(" -%c=%s", option->key, kind);
        for (; words && (word = completion_next_word(&words, &length)); between = ",")
            printf("%s%.*s", between, (int)length, word);
    }
}

// What the function above wants to know of a command, at one of its names.
static void print_command(const action *listed) {
    printf(") options='");
    options_walk(listed->argp, print_option, NULL);
    printf("--help' valued='");
    options_walk(listed->argp, print_valued, NULL);
    printf(" ' kind='%s' program='%s' ;;\n", completion_kind(listed->complete),
           listed->flags & ACTION_PROGRAM ? "1" : "");
}

// "run|'container run'|'containers run'"
static void print_patterns(const action *listed) {
    const char *at = listed->shortcuts ? listed->shortcuts : "", *word, *between = "    ";
    const char *noun = action_noun_name(listed->noun);
    size_t length;
    for (; (word = completion_next_word(&at, &length)); between = "|")
        printf("%s%.*s", between, (int)length, word);
    for (at = listed->words; (word = completion_next_word(&at, &length)); between = "|")
        printf("%s'%s %.*s'|'%ss %.*s'", between, noun, (int)length, word, noun, (int)length, word);
    if (listed->phrase)
        printf("|'%s'", listed->phrase);
}

static void print_verbs(action_noun noun) {
    printf("    %s|%ss) verbs='", action_noun_name(noun), action_noun_name(noun));
    for (size_t i = 0; i < action_count(); i++)
        if (action_at(i)->noun == noun && action_at(i)->words)
            printf("%s ", action_at(i)->words);
    puts("' ;;");
}

static void print_commands(void) {
    puts("_holm_command() {\n  verbs=''\n  case $1 in");
    for (size_t i = 0; i < action_count(); i++) {
        if (!action_at(i)->words)
            continue;
        print_patterns(action_at(i));
        print_command(action_at(i));
    }
    for (action_noun noun = 0; noun < ACTION_NOUN_COUNT; noun++)
        if (completion_has_commands(noun) && !action_find_command(NULL, action_noun_name(noun)))
            print_verbs(noun);
    puts("  esac\n}");
    fputs("_holm_commands='", stdout);
    for (action_noun noun = 0; noun < ACTION_NOUN_COUNT; noun++)
        if (completion_has_commands(noun))
            printf("%s ", action_noun_name(noun));
    for (size_t i = 0; i < action_count(); i++)
        if (action_at(i)->words && action_at(i)->shortcuts)
            printf("%s ", action_at(i)->shortcuts);
    fputs("'\n_holm_phrases='|", stdout);
    for (size_t i = 0; i < action_count(); i++)
        if (action_at(i)->phrase)
            printf("%s|", action_at(i)->phrase);
    puts("'");
}

void completion_print_bash(void) {
    puts("# bash completion for holm; made by `holm completion bash`");
    fputs(lists, stdout);
    print_commands();
    puts(function);
    puts("complete -F _holm_complete holm");
}

// As a file _holm in zsh's $fpath this is the body of a function, and its first call has a word to complete
// already.
void completion_print_zsh(void) {
    puts("#compdef holm\nautoload -U +X bashcompinit && bashcompinit");
    completion_print_bash();
    puts("if [[ ${funcstack[1]-} == _holm ]]; then _bash_complete -F _holm_complete; fi");
}
