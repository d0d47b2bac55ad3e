// holm system start, enable and disable: what runs after a boot.
#include <string.h>

#include "tui/cli/cli.h"
#include "tui/cli/commands.h"
#include "tui/cli/references.h"

static error_t parse(int key, char *argument, struct argp_state *state) {
    (void)argument;
    if (key == ARGP_KEY_ARG)
        cli_usage_error(state, "%s takes no arguments", state->name);
    return ARGP_ERR_UNKNOWN;
}

const struct argp system_start_argp = {.parser = parse};
const struct argp system_enable_argp = {.parser = parse};
const struct argp system_disable_argp = {.parser = parse};

static void started(json_t *result, const holm_error *error, void *data) {
    cli *self = data;
    if (error) {
        cli_fail(self, error);
        return;
    }
    size_t index;
    json_t *one;
    json_array_foreach (result, index, one) {
        const char *why = json_string_value(json_object_get(one, "error"));
        cleanup_free char *text = why ? cli_escape(why) : NULL;
        if (!why) {
            puts(cli_text(one, "name"));
            continue;
        }
        fprintf(stderr, "holm: %s was not started: %s\n", cli_text(one, "name"), text);
        self->exit_code = CLI_EXIT_HOLM;
    }
}

int system_start_command(int argc, char **argv) {
    cli self = {0};
    cli_parse("system.start", argc, argv, NULL);
    if (cli_open(&self))
        holm_system_start(self.client, started, &self);
    return cli_close(&self);
}

static void enabled(json_t *result, const holm_error *error, void *data) {
    if (error) {
        cli_fail(data, error);
        return;
    }
    puts(cli_text(result, "unit"));
    if (!json_is_true(json_object_get(result, "lingers")))
        fputs("holm: it starts when you log in; at boot only after: loginctl enable-linger\n", stderr);
}

int system_enable_command(int argc, char **argv) {
    cli self = {0};
    cli_parse("system.enable", argc, argv, NULL);
    if (cli_open(&self))
        holm_system_enable(self.client, true, enabled, &self);
    return cli_close(&self);
}

static void disabled(json_t *result, const holm_error *error, void *data) {
    (void)result;
    if (error)
        cli_fail(data, error);
}

int system_disable_command(int argc, char **argv) {
    cli self = {0};
    cli_parse("system.disable", argc, argv, NULL);
    if (cli_open(&self))
        holm_system_enable(self.client, false, disabled, &self);
    return cli_close(&self);
}
