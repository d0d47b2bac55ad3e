// holm prune, and the prune of each noun: ask first, remove, say what was given back.
#include <string.h>

#include "tui/cli/cli.h"
#include "tui/cli/commands.h"
#include "tui/cli/options.h"

enum { KEY_FILTER = 0x180 };

typedef struct prune {
    cli owner;
    bool force;
    filter_options filter;
    holm_prune_options what;
} prune;

#define COMMON_OPTIONS                                                                               \
    {"force", 'f', NULL, 0, "Do not ask first", 0}, {                                                \
        "filter", KEY_FILTER, "KEY=VALUE", 0,                                                        \
            "Only what matches all of them: until= (a time, or a duration ago), label=KEY[=VALUE], " \
            "label!=KEY[=VALUE]",                                                                    \
            0                                                                                        \
    }
#define ALL_OPTION(help) \
    { "all", 'a', NULL, 0, help, 0 }

static const struct argp_option plain_options[] = {COMMON_OPTIONS, {0}};
static const struct argp_option image_options[] = {
    ALL_OPTION("Every image that no container uses, not only those without a name"), COMMON_OPTIONS, {0}};
static const struct argp_option volume_options[] = {
    ALL_OPTION("Those with a name, too"), COMMON_OPTIONS, {0}};
static const struct argp_option system_options[] = {
    ALL_OPTION("Also images with a name that no container uses, templates of machines, and kernels that no "
               "build uses"),
    {"volumes", 'v', NULL, 0, "Also volumes without a name that no container mounts", 0},
    COMMON_OPTIONS,
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state) {
    prune *self = state->input;
    switch (key) {
    case 'a':
        self->what.all = true;
        return 0;
    case 'v':
        self->what.volumes = true;
        return 0;
    case 'f':
        self->force = true;
        return 0;
    case KEY_FILTER:
        filter_options_add(&self->filter, state, argument);
        return 0;
    case ARGP_KEY_ARG:
        cli_usage_error(state, "%s takes no arguments", state->name);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp container_prune_argp = {.options = plain_options, .parser = parse};
const struct argp network_prune_argp = {.options = plain_options, .parser = parse};
const struct argp image_prune_argp = {.options = image_options, .parser = parse};
const struct argp volume_prune_argp = {.options = volume_options, .parser = parse};
const struct argp prune_argp = {.options = system_options, .parser = parse};

static void print_list(const char *what, const json_t *list) {
    size_t index;
    json_t *value;
    json_array_foreach (list, index, value) {
        cleanup_free char *safe = cli_escape(json_string_value(value));
        printf("%s: %s\n", what, safe);
    }
}

static void print_pruned(json_t *result, const holm_error *error, void *data) {
    static const struct {
        const char *key, *word;
    } lists[] = {
        {"untagged", "untagged"},          {"deleted", "deleted"},        {"containers", "deleted container"},
        {"networks", "deleted network"},   {"volumes", "deleted volume"}, {"images", "deleted image"},
        {"templates", "deleted template"}, {"kernels", "deleted kernel"}};
    char size[32];
    if (error) {
        cli_fail(data, error);
        return;
    }
    for (size_t i = 0; i < array_length(lists); i++)
        print_list(lists[i].word, json_object_get(result, lists[i].key));
    holm_text_bytes((uint64_t)json_integer_value(json_object_get(result, "reclaimedBytes")), size,
                    sizeof size);
    printf("%s given back\n", size);
}

// ---- what each asks and removes ----

static bool confirm_containers(const prune *self) {
    (void)self;
    return cli_confirm("This removes every container that does not run, with its writable layer and logs.");
}

static void prune_containers(prune *self) {
    holm_container_prune(self->owner.client, self->filter.filters, print_pruned, &self->owner);
}

static bool confirm_networks(const prune *self) {
    (void)self;
    return cli_confirm("This removes every network that has no members, but for default.");
}

static void prune_networks(prune *self) {
    holm_network_prune(self->owner.client, self->filter.filters, print_pruned, &self->owner);
}

static bool confirm_images(const prune *self) {
    return cli_confirm("This removes every %s.", self->what.all
                                                     ? "image that no container uses"
                                                     : "image without a name that no container uses");
}

static void prune_images(prune *self) {
    holm_image_prune(self->owner.client, self->what.all, self->filter.filters, print_pruned, &self->owner);
}

static bool confirm_volumes(const prune *self) {
    return cli_confirm("This removes every %s that no container mounts, with all that is in it.",
                       self->what.all ? "volume" : "anonymous volume");
}

static void prune_volumes(prune *self) {
    holm_volume_prune(self->owner.client, self->what.all, self->filter.filters, print_pruned, &self->owner);
}

static bool confirm_all(const prune *self) {
    const char *images = self->what.all ? "every image that no container uses, templates and old kernels"
                                        : "every image without a name";
    const char *volumes = self->what.volumes ? ", every volume without a name" : "";
    return cli_confirm(
        "This removes every container that does not run, every network without members%s, and %s.", volumes,
        images);
}

static void prune_all(prune *self) {
    holm_system_prune(self->owner.client, &self->what, self->filter.filters, print_pruned, &self->owner);
}

static int run(const char *name, int argc, char **argv, bool (*confirm)(const prune *self),
               void (*remove)(prune *self)) {
    prune self = {0};
    int exit_code = 0;
    cli_parse(name, argc, argv, &self);
    if (self.force || confirm(&self)) {
        if (cli_open(&self.owner))
            remove(&self);
        exit_code = cli_close(&self.owner);
    }
    json_decref(self.filter.filters);
    return exit_code;
}

int container_prune_command(int argc, char **argv) {
    return run("container.prune", argc, argv, confirm_containers, prune_containers);
}

int network_prune_command(int argc, char **argv) {
    return run("network.prune", argc, argv, confirm_networks, prune_networks);
}

int image_prune_command(int argc, char **argv) {
    return run("image.prune", argc, argv, confirm_images, prune_images);
}

int volume_prune_command(int argc, char **argv) {
    return run("volume.prune", argc, argv, confirm_volumes, prune_volumes);
}

int prune_command(int argc, char **argv) {
    return run("system.prune", argc, argv, confirm_all, prune_all);
}
