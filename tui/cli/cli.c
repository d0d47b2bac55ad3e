#include "tui/cli/cli.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

bool cli_open(cli *self) {
    *self = (cli){0};
    uv_loop_init(&self->loop);
    holm_error *error = NULL;
    self->client = holm_client_create(&self->loop, &error);
    if (self->client)
        return true;
    cli_fail(self, error);
    holm_error_free(error);
    return false;
}

int cli_close(cli *self) {
    uv_run(&self->loop, UV_RUN_DEFAULT);
    holm_client_destroy(self->client);
    uv_run(&self->loop, UV_RUN_DEFAULT);
    uv_loop_close(&self->loop);
    bool lost_before = ferror(stdout); // and errno is no longer what it was
    if (fflush(stdout) == 0 && !lost_before)
        return self->exit_code;
    int code = cli_output_lost("output", lost_before ? EIO : errno); // what was asked for did not get out
    return self->exit_code ? self->exit_code : code;
}

int cli_output_lost(const char *name, int number) {
    if (number == EPIPE)
        return 128 + SIGPIPE;
    fprintf(stderr, "holm: write to standard %s: %s\n", name, strerror(number));
    return CLI_EXIT_HOLM;
}

void cli_print_error(const holm_error *error) {
    cleanup_free char *sentence = cli_escape(holm_error_message(error));
    fprintf(stderr, "holm: %s\n", sentence);
    if (holm_error_hint_of(error)) {
        cleanup_free char *hint = cli_escape(holm_error_hint_of(error));
        fprintf(stderr, "      %s\n", hint);
    }
    if (!getenv("HOLM_DEBUG"))
        return;
    cleanup_free char *chain = holm_error_chain(error);
    fprintf(stderr, "code: %s\n%s", holm_error_code_name(holm_error_code_of(error)), chain ? chain : "");
}

int cli_exit_code(const holm_error *error) {
    switch (holm_error_code_of(error)) {
    case HOLM_ERROR_NOT_EXECUTABLE:
        return CLI_EXIT_NOT_EXECUTABLE;
    case HOLM_ERROR_PROGRAM_NOT_FOUND:
        return CLI_EXIT_NOT_FOUND;
    default:
        return CLI_EXIT_HOLM;
    }
}

void cli_fail(cli *self, const holm_error *error) {
    cli_print_error(error);
    if (self->exit_code == 0)
        self->exit_code = cli_exit_code(error);
}

void cli_usage_error(const struct argp_state *state, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("holm: ", stderr);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\n      %s --help shows how it is used\n", state->name);
    exit(CLI_EXIT_HOLM);
}

void cli_parse(const char *name, int argc, char **argv, void *input) {
    const action *found = action_find(name);
    cleanup_free char *doc = NULL;
    if (asprintf(&doc, "%s.", found->help) < 0)
        abort();
    struct argp argp = *found->argp;
    argp.args_doc = found->arguments;
    argp.doc = doc;
    // argp names the program by argv[0].
    char words[64], program[80];
    action_print_words(found, words, sizeof words);
    snprintf(program, sizeof program, "holm %s", words);
    char *word = argv[0];
    argv[0] = program;
    argp_err_exit_status = CLI_EXIT_HOLM;
    argp_parse(&argp, argc, argv, found->flags & ACTION_PROGRAM ? ARGP_IN_ORDER : 0, NULL, input);
    argv[0] = word;
}

char *cli_escape(const char *text) {
    return holm_text_escape(text, strlen(text));
}

const json_t *cli_member(const json_t *document, const char *path) {
    while (document) {
        size_t length = strcspn(path, ".");
        char key[64];
        snprintf(key, sizeof key, "%.*s", (int)length, path);
        document = json_object_get(document, key);
        if (!path[length])
            break;
        path += length + 1;
    }
    return document;
}

const char *cli_text(const json_t *document, const char *path) {
    const char *text = json_string_value(cli_member(document, path));
    return text ? text : "";
}

int cli_signal(const char *text) {
    if (isdigit((unsigned char)text[0])) {
        char *end;
        long number = strtol(text, &end, 10);
        return *end == 0 && number > 0 && number <= 64 ? (int)number : 0;
    }
    if (strncasecmp(text, "SIG", 3) == 0)
        text += 3;
    for (int number = 1; number < SIGRTMIN; number++) {
        const char *name = sigabbrev_np(number);
        if (name && strcasecmp(name, text) == 0)
            return number;
    }
    if (strncasecmp(text, "RTMIN+", 6) == 0 && isdigit((unsigned char)text[6])) {
        int above = atoi(text + 6);
        return above <= 30 ? 34 + above : 0;
    }
    return 0;
}

uint64_t cli_size(const struct argp_state *state, const char *option, const char *text) {
    uint64_t bytes = 0;
    if (!holm_text_parse_bytes(text, &bytes))
        cli_usage_error(state, "%s needs a size like 512m or 1g, and \"%s\" is none", option, text);
    return bytes;
}

unsigned cli_grace_ms(const struct argp_state *state, const char *option, const char *text) {
    char *end;
    double seconds = strtod(text, &end);
    if (*end || end == text || !(seconds <= 4e6))
        cli_usage_error(state, "%s needs a number of seconds, and \"%s\" is none", option, text);
    return seconds < 0 ? UINT_MAX : (unsigned)(seconds * 1000);
}

void cli_label(const struct argp_state *state, json_t *configuration, const char *text) {
    const char *equals = strchr(text, '=');
    if (equals == text || !*text)
        cli_usage_error(state, "--label needs KEY[=VALUE], and \"%s\" is none", text);
    if (!json_object_get(configuration, "labels"))
        json_object_set_new(configuration, "labels", json_object());
    cleanup_free char *key = strndup(text, equals ? (size_t)(equals - text) : strlen(text));
    json_object_set_new(json_object_get(configuration, "labels"), key, json_string(equals ? equals + 1 : ""));
}

bool cli_confirm(const char *format, ...) {
    char answer[16] = "";
    if (!isatty(STDIN_FILENO))
        return true;
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputs(" Go on? [y/N] ", stderr);
    return fgets(answer, sizeof answer, stdin) && (*answer == 'y' || *answer == 'Y');
}
