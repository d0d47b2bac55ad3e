// holm: plain, the dashboard; with arguments, one action of the table.
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "tui/cli/cli.h"
#include "tui/cli/usage.h"
#include "tui/dashboard.h"

// A descriptor below 3 that is closed would become that of the next file. What stands in for it fails where
// it is used.
static void keep_standard_streams(void) {
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) < 0)
            exit(CLI_EXIT_HOLM);
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

static bool is_help(const char *word) {
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "-?") == 0;
}

static int run_command(int argc, char **argv) {
    const action *found = argc > 1 ? action_find_phrase(argv[0], argv[1]) : NULL;
    if (found)
        return found->command(argc - 1, argv + 1);
    found = action_find_command(NULL, argv[0]);
    if (found)
        return found->command(argc, argv);
    action_noun noun = action_noun_parse(argv[0]);
    if (noun == ACTION_NOUN_COUNT)
        return fail_unknown(argv[0], NULL);
    bool asked = argc > 1 && is_help(argv[1]);
    if (argc < 2 || asked) {
        usage_print(asked ? stdout : stderr, noun);
        return asked ? 0 : CLI_EXIT_HOLM;
    }
    found = action_find_command(argv[0], argv[1]);
    return found ? found->command(argc - 1, argv + 1) : fail_unknown(argv[0], argv[1]);
}

static int print_usage(void) {
    usage_print(stdout, ACTION_NOUN_COUNT);
    return 0;
}

// `holm help COMMAND` is `holm COMMAND --help`. A second word counts where it can be part of a command only:
// behind "run" it would be an image, and --help that one's.
static int help(int argc, char **argv) {
    if (argc == 1 || is_help(argv[1]))
        return print_usage();
    char option[] = "--help";
    bool pair = argc > 2 && (action_find_phrase(argv[1], argv[2]) || !action_find_command(NULL, argv[1]));
    char *words[] = {argv[1], pair ? argv[2] : option, pair ? option : NULL, NULL};
    return run_command(pair ? 3 : 2, words);
}

static int run_command_line(int argc, char **argv) {
    return strcmp(argv[0], "help") == 0 ? help(argc, argv) : run_command(argc, argv);
}

static int fail_option(const char *option) {
    cleanup_free char *word = cli_escape(option);
    fprintf(stderr, "holm: there is no option \"%s\"\n      holm --help lists those there are\n", word);
    return CLI_EXIT_HOLM;
}

int main(int argc, char **argv) {
    int next = 1;
    bool read_only = false, plain = false;
    keep_standard_streams();
    for (; next < argc && argv[next][0] == '-'; next++) {
        if (strcmp(argv[next], "--debug") == 0)
            setenv("HOLM_DEBUG", "1", 1);
        else if (strcmp(argv[next], "--read-only") == 0)
            read_only = true;
        else if (strcmp(argv[next], "--plain") == 0)
            plain = true;
        else if (is_help(argv[next]))
            return print_usage();
        else if (strcmp(argv[next], "--version") == 0)
            return puts("holm " HOLM_VERSION) < 0;
        else
            return fail_option(argv[next]);
    }
    return next == argc ? open_dashboard(read_only, plain) : run_command_line(argc - next, argv + next);
}
