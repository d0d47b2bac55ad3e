#include <limits.h>

#include "tui/cli/cli.h"
#include "tui/cli/commands.h"
#include "tui/cli/progress.h"
#include "tui/cli/references.h"

enum { KEY_PLATFORM = 0x100, KEY_SCHEME };

typedef struct pull {
    cli owner;
    char **references; // the one that is on its way
    const char *platform, *scheme;
    bool quiet;
    progress progress;
} pull;

static const struct argp_option options[] = {
    {"platform", KEY_PLATFORM, "PLATFORM", 0, "linux/amd64, linux/arm64 …", 0},
    {"scheme", KEY_SCHEME, "SCHEME", 0, "http or https", 0},
    {"quiet", 'q', NULL, 0, "No progress", 0},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state) {
    pull *self = state->input;
    switch (key) {
    case KEY_PLATFORM:
        self->platform = argument;
        return 0;
    case KEY_SCHEME:
        self->scheme = argument;
        return 0;
    case 'q':
        self->quiet = true;
        return 0;
    default:
        return references_parse(key, state, 1, UINT_MAX, &self->references);
    }
}

const struct argp pull_argp = {.options = options, .parser = parse};

static void pull_next(pull *self);

static void on_item(holm_watch *watch, json_t *item, void *data) {
    pull *self = data;
    (void)watch;
    progress_show(&self->progress, item);
    if (json_is_true(json_object_get(item, "done")) && *cli_text(item, "digest"))
        puts(cli_text(item, "digest"));
}

static void on_ended(holm_watch *watch, const holm_error *error, void *data) {
    pull *self = data;
    (void)watch;
    progress_finish(&self->progress);
    if (error)
        cli_fail(&self->owner, error);
    self->references++;
    pull_next(self);
}

static void pull_next(pull *self) {
    if (!*self->references)
        return;
    progress_init(&self->progress, self->quiet);
    holm_image_pull(self->owner.client, *self->references, self->platform, self->scheme, on_item, on_ended,
                    self);
}

int pull_command(int argc, char **argv) {
    pull self = {0};
    cli_parse("image.pull", argc, argv, &self);
    if (cli_open(&self.owner))
        pull_next(&self);
    return cli_close(&self.owner);
}
