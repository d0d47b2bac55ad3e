#include <string.h>

#include "tui/cli/cli.h"
#include "tui/cli/options.h"

enum {
    KEY_COMMAND = 0x300,
    KEY_INTERVAL,
    KEY_TIMEOUT,
    KEY_START_PERIOD,
    KEY_START_INTERVAL,
    KEY_RETRIES,
    KEY_NONE
};

static const struct argp_option options[] = {
    {NULL, 0, NULL, 0, "Health:", 8},
    {"health-cmd", KEY_COMMAND, "LINE", 0, "A shell line that says by its exit code 0 that all is well", 8},
    {"health-interval", KEY_INTERVAL, "TIME", 0, "Between two checks (30s)", 8},
    {"health-timeout", KEY_TIMEOUT, "TIME", 0, "How long one may take (30s)", 8},
    {"health-retries", KEY_RETRIES, "NUMBER", 0, "Failures in a row that make it unhealthy (3)", 8},
    {"health-start-period", KEY_START_PERIOD, "TIME", 0, "Failures count only after that (0s)", 8},
    {"health-start-interval", KEY_START_INTERVAL, "TIME", 0,
     "Between two checks within the start period (5s)", 8},
    {"no-healthcheck", KEY_NONE, NULL, 0, "No check, also where the image has one", 8},
    {0},
};

static void set_duration(const struct argp_state *state, json_t *check, const char *option, const char *key,
                         const char *text) {
    int64_t ns;
    if (!holm_text_parse_duration(text, &ns) || ns < 0 || ns / 1000000 > INT32_MAX)
        cli_usage_error(state, "%s needs a time like 30s or 5m, and \"%s\" is none", option, text);
    json_object_set_new(check, key, json_integer(ns / 1000000));
}

static error_t parse(int key, char *argument, struct argp_state *state) {
    static const struct {
        int key;
        const char *option, *member;
    } durations[] = {{KEY_INTERVAL, "--health-interval", "intervalMs"},
                     {KEY_TIMEOUT, "--health-timeout", "timeoutMs"},
                     {KEY_START_PERIOD, "--health-start-period", "startPeriodMs"},
                     {KEY_START_INTERVAL, "--health-start-interval", "startIntervalMs"}};
    json_t *configuration = state->input;
    if (key < KEY_COMMAND || key > KEY_NONE)
        return ARGP_ERR_UNKNOWN;
    json_t *check = json_object_get(configuration, "healthcheck");
    if (!check)
        json_object_set_new(configuration, "healthcheck", check = json_object());
    if (key == KEY_COMMAND)
        return json_object_set_new(check, "command", json_pack("[s, s]", "CMD-SHELL", argument));
    if (key == KEY_NONE)
        return json_object_set_new(check, "command", json_pack("[s]", "NONE"));
    if (key == KEY_RETRIES) {
        char *end;
        long retries = strtol(argument, &end, 10);
        if (*end || end == argument || retries < 1 || retries > 1000)
            cli_usage_error(state, "--health-retries needs a number from 1 to 1000, not \"%s\"", argument);
        return json_object_set_new(check, "retries", json_integer(retries));
    }
    for (size_t i = 0; i < array_length(durations); i++)
        if (durations[i].key == key)
            set_duration(state, check, durations[i].option, durations[i].member, argument);
    return 0;
}

const struct argp health_argp = {.options = options, .parser = parse};
