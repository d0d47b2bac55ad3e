// holm: plain, the dashboard; with arguments, one action of the table.
#include <string.h>

#include "tui/cli/cli.h"
#include "tui/dashboard.h"

static int print_usage(FILE *out) {
    fputs("Usage: holm [--debug] [COMMAND [ARGUMENT…]]\n       holm [--read-only] [--plain]\n\nWithout a "
          "command: the "
          "dashboard.\n\nCommands:\n",
          out);
    for (size_t i = 0; i < action_count(); i++) {
        const action *listed = action_at(i);
        if (!listed->words)
            continue;
        char words[64];
        action_print_words(listed, words, sizeof words);
        fprintf(out, "  %-14s %s\n", words, listed->help);
    }
    fputs("\n`holm COMMAND --help` tells more; the commands are also there as `holm container …`, `holm "
          "image …`.\n",
          out);
    return out == stderr ? CLI_EXIT_HOLM : 0;
}

static int open_dashboard(bool read_only, bool plain) {
    cli self;
    if (!cli_open(&self))
        return cli_close(&self);
    cleanup_error holm_error *error = NULL;
    self.exit_code = dashboard_run(self.client, &self.loop, read_only, plain, &error);
    if (self.exit_code < 0) {
        self.exit_code = 0;
        cli_fail(&self, error);
    }
    return cli_close(&self);
}

static int fail_unknown(const char *first, const char *second) {
    cleanup_free char *word = cli_escape(second ? second : first);
    if (second)
        fprintf(stderr, "holm: there is no command \"%s %s\"\n", first, word);
    else
        fprintf(stderr, "holm: there is no command \"%s\"\n", word);
    fputs("      holm --help lists the commands\n", stderr);
    return CLI_EXIT_HOLM;
}

static int run_command_line(int argc, char **argv) {
    const action *found = argc > 1 ? action_find_phrase(argv[0], argv[1]) : NULL;
    if (found) {
        argv[1] = (char *)found->phrase;
        return found->command(argc - 1, argv + 1);
    }
    found = action_find_command(NULL, argv[0]);
    if (found)
        return found->command(argc, argv);
    action_noun noun = action_noun_parse(argv[0]);
    if (noun == ACTION_NOUN_COUNT)
        return fail_unknown(argv[0], NULL);
    if (argc < 2)
        return print_usage(stderr);
    found = action_find_command(argv[0], argv[1]);
    return found ? found->command(argc - 1, argv + 1) : fail_unknown(argv[0], argv[1]);
}

int main(int argc, char **argv) {
    int next = 1;
    bool read_only = false, plain = false;
    for (; next < argc && argv[next][0] == '-'; next++) {
        if (strcmp(argv[next], "--debug") == 0)
            setenv("HOLM_DEBUG", "1", 1);
        else if (strcmp(argv[next], "--read-only") == 0)
            read_only = true;
        else if (strcmp(argv[next], "--plain") == 0)
            plain = true;
        else if (strcmp(argv[next], "--help") == 0 || strcmp(argv[next], "-h") == 0)
            return print_usage(stdout);
        else if (strcmp(argv[next], "--version") == 0)
            return puts("holm " HOLM_VERSION) < 0;
        else
            return print_usage(stderr);
    }
    return next == argc ? open_dashboard(read_only, plain) : run_command_line(argc - next, argv + next);
}
