#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "tui/cli/cli.h"
#include "tui/cli/commands.h"

typedef struct cp {
    cli owner;
    holm_copy_options copy;
    const char *from, *to;
    char *container; ///< owned
    bool out;
} cp;

static const struct argp_option options[] = {
    {"archive", 'a', NULL, 0, "Keep the owners of the files", 0},
    {"follow-link", 'L', NULL, 0, "Where the source is a link, copy what it leads to", 0},
    {0},
};

/// "CONTAINER:PATH": a colon before any slash. The length of the container's name; 0: a path on the host.
static size_t container_length(const char *text) {
    size_t length = strcspn(text, ":/");
    return text[length] == ':' ? length : 0;
}

static void take_apart(cp *self, const struct argp_state *state) {
    if (!self->to)
        cli_usage_error(state, "give what to copy, and where to");
    size_t from = container_length(self->from), to = container_length(self->to);
    if (!from == !to)
        cli_usage_error(state,
                        from ? "files are not copied from one container to another; copy to the host between"
                             : "one of the two is CONTAINER:PATH");
    const char *inside = from ? self->from : self->to;
    self->out = from > 0;
    self->container = strndup(inside, from + to);
    self->copy.container = self->container;
    self->copy.inside = inside + from + to + 1;
    self->copy.outside = from ? self->to : self->from;
    if (!*self->copy.inside || !*self->copy.outside)
        cli_usage_error(state, "a path is empty");
}

static error_t parse(int key, char *argument, struct argp_state *state) {
    cp *self = state->input;
    switch (key) {
    case 'a':
        self->copy.owner = true;
        return 0;
    case 'L':
        self->copy.follow = true;
        return 0;
    case ARGP_KEY_ARG:
        if (self->to)
            cli_usage_error(state, "give what to copy, and where to");
        *(self->from ? &self->to : &self->from) = argument;
        return 0;
    case ARGP_KEY_END:
        take_apart(self, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp cp_argp = {.options = options, .parser = parse};

static void done(json_t *result, const holm_error *error, void *data) {
    cp *self = data;
    if (error) {
        cli_fail(&self->owner, error);
        return;
    }
    long long left_out = json_integer_value(json_object_get(result, "leftOut"));
    if (left_out)
        fprintf(stderr, "holm: left out: %lld devices or pipes\n", left_out);
}

int cp_command(int argc, char **argv) {
    cp self = {0};
    cli_parse("container.copy", argc, argv, &self);
    if (self.out && strcmp(self.copy.outside, "-") == 0 && isatty(STDOUT_FILENO)) {
        fputs("holm: a tar is nothing for a terminal\n", stderr);
        free(self.container);
        return CLI_EXIT_HOLM;
    }
    signal(SIGPIPE, SIG_IGN); // of a helper or reader that has ended
    if (cli_open(&self.owner))
        (self.out ? holm_container_copy_out : holm_container_copy_in)(self.owner.client, &self.copy, done,
                                                                      &self);
    int code = cli_close(&self.owner);
    free(self.container);
    return code;
}
