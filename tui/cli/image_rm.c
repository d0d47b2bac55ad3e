#include <limits.h>

#include "tui/cli/cli.h"
#include "tui/cli/commands.h"
#include "tui/cli/references.h"

enum { KEY_PLATFORM = 0x100 };

typedef struct image_rm_options {
    char **references;
    const char *platform;
    bool force;
} image_rm_options;

static const struct argp_option options[] = {
    {"force", 'f', NULL, 0, "Also by an id that has several names", 0},
    {"platform", KEY_PLATFORM, "PLATFORM", 0, "Only the image for this platform, of several of one name", 0},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state) {
    image_rm_options *self = state->input;
    if (key == KEY_PLATFORM) {
        self->platform = argument;
        return 0;
    }
    if (key != 'f')
        return references_parse(key, state, 1, UINT_MAX, &self->references);
    self->force = true;
    return 0;
}

const struct argp image_rm_argp = {.options = options, .parser = parse};

static void act(cli *self, const char *reference, holm_done done, void *data, const void *given) {
    const image_rm_options *options_given = given;
    holm_image_remove(self->client, reference, options_given->platform, options_given->force, done, data);
}

static void print_list(const char *what, const json_t *list) {
    size_t index;
    json_t *value;
    json_array_foreach (list, index, value) {
        cleanup_free char *safe = cli_escape(json_string_value(value));
        printf("%s: %s\n", what, safe);
    }
}

static void print(const char *reference, json_t *result) {
    (void)reference;
    print_list("untagged", json_object_get(result, "untagged"));
    print_list("deleted", json_object_get(result, "deleted"));
}

int image_rm_command(int argc, char **argv) {
    image_rm_options given = {0};
    cli_parse("image.rm", argc, argv, &given);
    return cli_each(given.references, act, print, &given);
}
