// pull and push.
#include <limits.h>
#include <string.h>

#include "tui/cli/cli.h"
#include "tui/cli/commands.h"
#include "tui/cli/progress.h"
#include "tui/cli/references.h"

enum { KEY_PLATFORM = 0x100, KEY_SCHEME, KEY_CONCURRENCY, KEY_ALL_PLATFORMS };

typedef struct pull pull;

/// One of the names. Digests are printed in the order of the names, however they end.
typedef struct pull_one {
    pull *owner;
    char *digest, *note;
    bool over;
} pull_one;

struct pull {
    cli owner;
    bool push;
    char **references;
    holm_image_pull_options options;
    progress_mode mode;
    progress progress;
    pull_one *all;
    size_t count, printed;
};

static const struct argp_option options[] = {
    {"platform", KEY_PLATFORM, "PLATFORM", 0, "linux/amd64, linux/arm64 …", 0},
    {"all-platforms", KEY_ALL_PLATFORMS, NULL, 0,
     "Keep the images for all platforms; those for others are unpacked when they are first needed", 0},
    {"scheme", KEY_SCHEME, "SCHEME", 0, "http or https; auto: http for registries on this machine", 0},
    {"max-concurrent-downloads", KEY_CONCURRENCY, "COUNT", 0, "Layers brought at the same time, 1 to 8", 0},
    {0},
};

static const struct argp_option push_options[] = {
    {"platform", KEY_PLATFORM, "PLATFORM", 0, "Only the image for this platform", 0},
    {"all-platforms", KEY_ALL_PLATFORMS, NULL, 0,
     "An index of the images that are here, also where some of its platforms are missing", 0},
    {"scheme", KEY_SCHEME, "SCHEME", 0, "http or https; auto: http for registries on this machine", 0},
    {0},
};

static const struct argp_child children[] = {{&progress_argp, 0, NULL, 0}, {0}};

static unsigned parse_count(const struct argp_state *state, const char *text) {
    char *end;
    unsigned long count = strtoul(text, &end, 10);
    if (!*text || *end || count < 1 || count > HOLM_PULL_CONCURRENCY_MAX)
        cli_usage_error(state, "--max-concurrent-downloads needs a number from 1 to %d, and \"%s\" is none",
                        HOLM_PULL_CONCURRENCY_MAX, text);
    return (unsigned)count;
}

static error_t parse(int key, char *argument, struct argp_state *state) {
    pull *self = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &self->mode;
        return 0;
    case KEY_PLATFORM:
        self->options.platform = argument;
        return 0;
    case KEY_ALL_PLATFORMS:
        self->options.all_platforms = true;
        return 0;
    case KEY_SCHEME:
        self->options.scheme = argument;
        return 0;
    case KEY_CONCURRENCY:
        self->options.concurrency = parse_count(state, argument);
        return 0;
    default:
        return references_parse(key, state, 1, UINT_MAX, &self->references);
    }
}

const struct argp pull_argp = {.options = options, .parser = parse, .children = children};
const struct argp push_argp = {.options = push_options, .parser = parse, .children = children};

static void on_item(holm_watch *watch, json_t *item, void *data) {
    pull_one *one = data;
    (void)watch;
    progress_show(&one->owner->progress, item);
    if (one->digest || !json_is_true(json_object_get(item, "done")) || !*cli_text(item, "digest"))
        return;
    one->digest = strdup(cli_text(item, "digest"));
    one->note = strdup(cli_text(item, "note"));
}

// It may have several lines, some of them of a registry.
static void print_note(char *note) {
    for (const char *line; (line = strsep(&note, "\n"));) {
        cleanup_free char *safe = cli_escape(line);
        if (*safe)
            fprintf(stderr, "holm: %s\n", safe);
    }
}

static void on_ended(holm_watch *watch, const holm_error *error, void *data) {
    pull_one *one = data;
    pull *self = one->owner;
    (void)watch;
    one->over = true;
    if (error) {
        progress_interrupt(&self->progress);
        cli_fail(&self->owner, error);
    }
    for (; self->printed < self->count && self->all[self->printed].over; self->printed++) {
        if (!self->all[self->printed].digest)
            continue;
        progress_interrupt(&self->progress);
        print_note(self->all[self->printed].note);
        puts(self->all[self->printed].digest);
    }
}

static void pull_all(pull *self) {
    while (self->references[self->count])
        self->count++;
    self->all = calloc(self->count, sizeof *self->all);
    if (!self->all)
        abort();
    for (size_t i = 0; i < self->count; i++) {
        pull_one *one = &self->all[i];
        one->owner = self;
        const holm_image_push_options push = {.scheme = self->options.scheme,
                                              .platform = self->options.platform,
                                              .all_platforms = self->options.all_platforms};
        if (self->push)
            holm_image_push(self->owner.client, self->references[i], &push, on_item, on_ended, one);
        else
            holm_image_pull(self->owner.client, self->references[i], &self->options, on_item, on_ended, one);
    }
}

static int move_command(const char *name, bool push, int argc, char **argv) {
    pull self = {.push = push};
    cli_parse(name, argc, argv, &self);
    progress_init(&self.progress, self.mode);
    if (cli_open(&self.owner))
        pull_all(&self);
    int exit_code = cli_close(&self.owner);
    progress_finish(&self.progress);
    for (size_t i = 0; i < self.count; i++) {
        free(self.all[i].digest);
        free(self.all[i].note);
    }
    free(self.all);
    return exit_code;
}

int pull_command(int argc, char **argv) {
    return move_command("image.pull", false, argc, argv);
}

int push_command(int argc, char **argv) {
    return move_command("image.push", true, argc, argv);
}
