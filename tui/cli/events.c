#include <string.h>

#include "tui/cli/cli.h"
#include "tui/cli/commands.h"
#include "tui/cli/options.h"

enum { KEY_SINCE = 0x100, KEY_UNTIL };

typedef struct events {
    cli owner;
    output_options output;
    filter_options filter;
    int64_t since_ns, until_ns;
} events;

static const struct argp_option options[] = {
    {"since", KEY_SINCE, "TIME", 0, "Also those from a time on, or a duration ago (10m)", 0},
    {"until", KEY_UNTIL, "TIME", 0, "Only up to a time", 0},
    {0},
};

static int64_t parse_time(const struct argp_state *state, const char *option, const char *text) {
    int64_t unix_ns = 0;
    if (!holm_text_parse_time(text, &unix_ns))
        cli_usage_error(state, "%s needs a time or a duration, and \"%s\" is neither", option, text);
    return unix_ns;
}

static error_t parse(int key, char *argument, struct argp_state *state) {
    events *self = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &self->output;
        state->child_inputs[1] = &self->filter;
        return 0;
    case KEY_SINCE:
        self->since_ns = parse_time(state, "--since", argument);
        return 0;
    case KEY_UNTIL:
        self->until_ns = parse_time(state, "--until", argument);
        return 0;
    case ARGP_KEY_ARG:
        cli_usage_error(state, "%s takes no arguments", state->name);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&output_argp, 0, NULL, 0}, {&filter_argp, 0, NULL, 0}, {0}};
const struct argp events_argp = {.options = options, .parser = parse, .children = children};

// Filters name a field of the event: kind, action, id or name; "event" and "container" as others call them.
static bool passes(const json_t *event, const json_t *filters) {
    const char *key;
    json_t *values;
    json_object_foreach ((json_t *)filters, key, values) {
        const char *field = strcmp(key, "event") == 0 ? "action" : strcmp(key, "type") == 0 ? "kind" : key;
        bool any = false;
        size_t index;
        json_t *value;
        json_array_foreach (values, index, value) {
            const char *wanted = json_string_value(value);
            bool container = strcmp(field, "container") == 0 || strcmp(field, "image") == 0;
            any = any || strcmp(cli_text(event, field), wanted) == 0 ||
                  (container && strcmp(cli_text(event, "kind"), field) == 0 &&
                   (strcmp(cli_text(event, "name"), wanted) == 0 ||
                    strncmp(cli_text(event, "id"), wanted, strlen(wanted)) == 0));
        }
        if (!any)
            return false;
    }
    return true;
}

static void print_line(const json_t *event) {
    char time[32];
    cleanup_free char *name = cli_escape(cli_text(event, "name"));
    printf("%s %s %s %.19s %s",
           holm_text_time(json_integer_value(json_object_get(event, "unixNs")), time, sizeof time),
           cli_text(event, "kind"), cli_text(event, "action"), cli_text(event, "id"), name);
    const char *key;
    json_t *value;
    json_object_foreach (json_object_get(event, "attributes"), key, value) {
        cleanup_free char *text = json_is_string(value) ? cli_escape(json_string_value(value))
                                                        : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
        printf(" %s=%s", key, text ? text : "");
    }
    putchar('\n');
}

static void on_item(holm_watch *watch, json_t *event, void *data) {
    events *self = data;
    if (!passes(event, self->filter.filters))
        return;
    if (output_is_table(&self->output)) {
        print_line(event);
    } else if (strcmp(self->output.format, "json") == 0) {
        cleanup_free char *line = json_dumps(event, JSON_COMPACT);
        puts(line);
    } else {
        output_print(&self->output, event);
    }
    if (fflush(stdout) == 0)
        return;
    self->owner.exit_code = CLI_EXIT_HOLM; // nobody reads any more
    holm_watch_close(watch);
}

static void on_ended(holm_watch *watch, const holm_error *error, void *data) {
    events *self = data;
    (void)watch;
    if (error)
        cli_fail(&self->owner, error);
}

int events_command(int argc, char **argv) {
    events self = {0};
    cli_parse("system.events", argc, argv, &self);
    if (cli_open(&self.owner))
        holm_event_watch(self.owner.client, -1, self.since_ns, self.until_ns, on_item, on_ended, &self);
    int exit_code = cli_close(&self.owner);
    json_decref(self.filter.filters);
    return exit_code;
}
