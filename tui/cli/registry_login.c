#include <string.h>
#include <unistd.h>

#include "tui/cli/cli.h"
#include "tui/cli/commands.h"
#include "tui/cli/references.h"
#include "tui/cli/secret.h"

enum { KEY_STDIN = 0x100, KEY_SCHEME };

typedef struct login {
    cli owner;
    char **registry;
    holm_login given;
    bool from_stdin;
} login;

static const struct argp_option options[] = {
    {"username", 'u', "NAME", 0, "User name; asked for where it is not given", 0},
    {"password-stdin", KEY_STDIN, NULL, 0, "Take the password from standard input", 0},
    {"scheme", KEY_SCHEME, "SCHEME", 0, "http or https; auto: http for registries on this machine", 0},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state) {
    login *self = state->input;
    switch (key) {
    case 'u':
        self->given.username = argument;
        return 0;
    case KEY_STDIN:
        self->from_stdin = true;
        return 0;
    case KEY_SCHEME:
        self->given.scheme = argument;
        return 0;
    case ARGP_KEY_END:
        if (self->from_stdin && !self->given.username)
            cli_usage_error(state, "--password-stdin needs --username");
        if (!self->from_stdin && !isatty(STDIN_FILENO))
            cli_usage_error(state,
                            "there is no terminal to ask for the password on: --password-stdin takes it "
                            "from standard input");
        return 0;
    default:
        return references_parse(key, state, 0, 1, &self->registry);
    }
}

const struct argp registry_login_argp = {.options = options, .parser = parse};

static void done(json_t *result, const holm_error *error, void *data) {
    login *self = data;
    if (error) {
        cli_fail(&self->owner, error);
        return;
    }
    cleanup_free char *registry = cli_escape(cli_text(result, "registry"));
    cleanup_free char *source = cli_escape(cli_text(result, "source"));
    printf("logged in to %s\n", registry);
    fprintf(stderr, "kept in %s\n", source);
}

static bool ask_username(char out[256]) {
    fputs("User name: ", stderr);
    if (!fgets(out, 256, stdin))
        return false;
    out[strcspn(out, "\r\n")] = 0;
    return *out;
}

static char *get_password(login *self) {
    return self->from_stdin ? secret_read() : secret_ask("Password: ");
}

int registry_login_command(int argc, char **argv) {
    login self = {0};
    char username[256];
    cli_parse("registry.login", argc, argv, &self);
    self.given.registry = self.registry ? *self.registry : NULL;
    if (!self.given.username && ask_username(username))
        self.given.username = username;
    char *password = self.given.username ? get_password(&self) : NULL;
    if (!password) {
        fputs("holm: no user name or password was given\n", stderr);
        return CLI_EXIT_HOLM;
    }
    self.given.password = password;
    if (cli_open(&self.owner))
        holm_registry_login(self.owner.client, &self.given, done, &self);
    secret_free(password); // the request has its copy
    return cli_close(&self.owner);
}
