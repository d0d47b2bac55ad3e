#include <string.h>
#include <time.h>

#include "tui/cli/cli.h"
#include "tui/cli/commands.h"
#include "tui/cli/options.h"
#include "tui/cli/table.h"

enum { KEY_NO_TRUNC = 0x100 };

typedef struct ls_options {
    output_options output;
    filter_options filter;
    bool all, whole;
} ls_options;

static const struct argp_option options[] = {
    {"all", 'a', NULL, 0, "Also those that do not run", 0},
    {"no-trunc", KEY_NO_TRUNC, NULL, 0, "Ids in full", 0},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state) {
    ls_options *self = state->input;
    (void)argument;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &self->output;
        state->child_inputs[1] = &self->filter;
        return 0;
    case 'a':
        self->all = true;
        return 0;
    case KEY_NO_TRUNC:
        self->whole = true;
        return 0;
    case ARGP_KEY_ARG:
        cli_usage_error(state, "%s takes no arguments", state->name);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {
    {&list_output_argp, 0, NULL, 0}, {&filter_argp, 0, NULL, 0}, {0}};
const struct argp ls_argp = {.options = options, .parser = parse, .children = children};

static const char *since(const char *time_text, char *out, size_t size) {
    int64_t then = 0;
    if (!holm_text_parse_time(time_text, &then))
        return "";
    return holm_text_duration(time(NULL) - then / 1000000000, out, size);
}

// What is behind an exit code, where that is not the program itself: "" where it is.
static const char *reason_text(const char *reason) {
    static const struct {
        const char *reason, *text;
    } known[] = {{"out-of-memory", "out of memory"},
                 {"vm-lost", "VM lost"},
                 {"shim-lost", "shim lost"},
                 {"start-failed", "did not start"}};
    for (size_t i = 0; i < array_length(known); i++)
        if (strcmp(known[i].reason, reason) == 0)
            return known[i].text;
    return "";
}

// "running 3 minutes", "exited 137 (out of memory) 2 hours ago"
static void add_state(table *out, const json_t *document) {
    const char *now = cli_text(document, "status.state"), *reason = cli_text(document, "status.reason");
    char age[48];
    if (strcmp(now, "exited") == 0) {
        const char *text = reason_text(reason);
        table_add_format(out, "exited %d%s%s%s %s ago",
                         (int)json_integer_value(cli_member(document, "status.exitCode")), *text ? " (" : "",
                         text, *text ? ")" : "",
                         since(cli_text(document, "status.finishedAt"), age, sizeof age));
    } else if (strcmp(now, "created") == 0) {
        table_add_format(out, "created %s ago",
                         since(cli_text(document, "status.createdAt"), age, sizeof age));
    } else {
        const char *how = strcmp(now, "running") == 0 ? cli_text(document, "status.health.status") : "";
        if (json_is_true(cli_member(document, "status.stalled")))
            how = "disk full";
        table_add_format(out, "%s %s%s%s%s", now,
                         since(cli_text(document, "status.startedAt"), age, sizeof age), *how ? " (" : "",
                         how, *how ? ")" : "");
    }
}

// docker.io/library/busybox:latest is busybox:latest to people.
static const char *familiar(const char *image) {
    static const char *const usual[] = {"docker.io/library/", "docker.io/"};
    for (size_t i = 0; i < array_length(usual); i++)
        if (strncmp(image, usual[i], strlen(usual[i])) == 0)
            return image + strlen(usual[i]);
    return image;
}

// Ports lead somewhere only while it runs.
static void add_ports(table *out, const json_t *document) {
    char text[512] = "";
    size_t index, length = 0;
    json_t *port;
    bool running = strcmp(cli_text(document, "status.state"), "running") == 0;
    json_array_foreach (running ? cli_member(document, "status.ports") : NULL, index, port) {
        char one[96];
        int wanted = snprintf(text + length, sizeof text - length, "%s%s", index ? ", " : "",
                              port_text(port, one, sizeof one));
        if ((size_t)wanted >= sizeof text - length) {
            snprintf(text + (length < sizeof text - 8 ? length : sizeof text - 8), 8, ", …");
            break;
        }
        length += (size_t)wanted;
    }
    table_add(out, text);
}

static void add_addresses(table *out, const json_t *document) {
    char text[512] = "";
    size_t index, length = 0;
    json_t *network;
    json_array_foreach (cli_member(document, "status.networks"), index, network)
        if (length < sizeof text - 64)
            length += (size_t)snprintf(text + length, sizeof text - length, "%s%.48s", index ? ", " : "",
                                       cli_text(network, "address"));
    table_add(out, text);
}

static void print_table(const json_t *list, int id_length) {
    static const char *const titles[] = {"ID",      "NAME",  "IMAGE",   "STATE",
                                         "ADDRESS", ">CPUS", ">MEMORY", "PORTS"};
    table out;
    table_init(&out, titles, array_length(titles));
    size_t index;
    json_t *document;
    json_array_foreach (list, index, document) {
        char memory[32];
        table_add_format(&out, "%.*s", id_length, cli_text(document, "id"));
        table_add(&out, cli_text(document, "configuration.name"));
        table_add(&out, familiar(cli_text(document, "configuration.image")));
        add_state(&out, document);
        add_addresses(&out, document);
        table_add_format(&out, "%g", json_number_value(cli_member(document, "configuration.resources.cpus")));
        table_add(&out, holm_text_bytes((uint64_t)json_integer_value(
                                            cli_member(document, "configuration.resources.memoryBytes")),
                                        memory, sizeof memory));
        add_ports(&out, document);
    }
    table_print(&out);
    table_finish(&out);
}

typedef struct ls {
    cli owner;
    ls_options given;
} ls;

static void done(json_t *list, const holm_error *error, void *data) {
    ls *self = data;
    int id_length = self->given.whole ? 64 : 12;
    if (error) {
        cli_fail(&self->owner, error);
    } else if (self->given.output.quiet) {
        size_t index;
        json_t *document;
        json_array_foreach (list, index, document)
            printf("%.*s\n", id_length, cli_text(document, "id"));
    } else if (output_is_table(&self->given.output)) {
        print_table(list, id_length);
    } else {
        self->owner.exit_code = output_print(&self->given.output, list);
    }
}

int ls_command(int argc, char **argv) {
    ls self = {0};
    cli_parse("container.ls", argc, argv, &self.given);
    if (cli_open(&self.owner))
        holm_container_list(self.owner.client, self.given.all, self.given.filter.filters, done, &self);
    json_decref(self.given.filter.filters);
    return cli_close(&self.owner);
}
