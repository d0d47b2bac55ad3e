// holm create, and what run shares with it.
#include "tui/cli/create.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "tui/cli/commands.h"

static void create(creation *self);

// The file is made first: an id that cannot be told is no reason to have made a container.
static bool open_cidfile(creation *self) {
    self->cidfile = open(self->options.cidfile, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    self->has_cidfile = self->cidfile >= 0;
    if (self->has_cidfile)
        return true;
    cleanup_error holm_error *error = NULL;
    holm_error_set_errno(&error, errno, "make the file %s for the id", self->options.cidfile);
    if (errno == EEXIST)
        holm_error_hint(&error, "remove it, or name another one");
    cli_fail(&self->owner, error);
    return false;
}

static void write_cidfile(creation *self, const char *id) {
    if (!self->has_cidfile || write(self->cidfile, id, strlen(id)) == (ssize_t)strlen(id))
        return;
    cleanup_error holm_error *error = NULL;
    holm_error_set_errno(&error, errno, "write the id into %s", self->options.cidfile);
    cli_fail(&self->owner, error);
}

static void on_progress(holm_watch *watch, json_t *item, void *data) {
    creation *self = data;
    (void)watch;
    progress_show(&self->progress, item);
}

static void on_pulled(holm_watch *watch, const holm_error *error, void *data) {
    creation *self = data;
    (void)watch;
    if (error) {
        cli_fail(&self->owner, error);
        return;
    }
    self->pulled = true;
    create(self);
}

static void pull(creation *self) {
    const char *image = json_string_value(json_object_get(self->request, "image"));
    const char *platform = json_string_value(json_object_get(self->request, "platform"));
    const holm_image_pull_options options = {.platform = platform, .scheme = self->options.scheme};
    holm_image_pull(self->owner.client, image, &options, on_progress, on_pulled, self);
}

// Nothing but a missing image (or one for another platform) is a reason to pull: what else was not found
// stays an error.
static void on_looked_up(json_t *document, const holm_error *error, void *data) {
    creation *self = data;
    (void)document;
    if (holm_error_code_of(error) == HOLM_ERROR_NOT_FOUND || json_object_get(self->request, "platform"))
        pull(self);
    else
        cli_fail(&self->owner, self->refused);
}

static void on_created(json_t *document, const holm_error *error, void *data) {
    creation *self = data;
    if (!error) {
        write_cidfile(self, cli_text(document, "id"));
        self->made = true;
        self->done(self, document);
    } else if (holm_error_code_of(error) == HOLM_ERROR_NOT_FOUND && !self->pulled &&
               strcmp(self->options.pull, "missing") == 0) {
        self->refused = holm_error_copy(error);
        holm_image_inspect(self->owner.client, json_string_value(json_object_get(self->request, "image")),
                           on_looked_up, self);
    } else {
        cli_fail(&self->owner, error);
    }
}

static void create(creation *self) {
    holm_container_create(self->owner.client, json_deep_copy(self->request), on_created, self);
}

void creation_begin(creation *self, creation_done done) {
    self->done = done;
    self->request = container_options_steal(&self->options);
    progress_init(&self->progress, self->options.quiet ? PROGRESS_NONE : PROGRESS_AUTO);
    if (self->options.cidfile && !open_cidfile(self))
        return;
    if (strcmp(self->options.pull, "always") == 0) {
        pull(self);
    } else {
        create(self);
    }
}

void creation_finish(creation *self) {
    json_decref(self->request);
    holm_error_free(self->refused);
    if (self->has_cidfile) {
        close(self->cidfile);
        if (!self->made)
            unlink(self->options.cidfile);
    }
    progress_finish(&self->progress);
}

bool creation_take_arguments(creation *self, int key, struct argp_state *state) {
    if (key == ARGP_KEY_NO_ARGS)
        cli_usage_error(state, "%s needs an image", state->name);
    if (key != ARGP_KEY_ARG)
        return false;
    // What follows the image belongs to the command, options and all.
    container_options_set_image(&self->options, state->argv + state->next - 1);
    state->next = state->argc;
    return true;
}

static error_t parse(int key, char *argument, struct argp_state *state) {
    creation *self = state->input;
    (void)argument;
    if (key == ARGP_KEY_INIT) {
        state->child_inputs[0] = &self->options;
        return 0;
    }
    return creation_take_arguments(self, key, state) ? 0 : ARGP_ERR_UNKNOWN;
}

static const struct argp_child children[] = {{&container_argp, 0, NULL, 0}, {0}};
const struct argp create_argp = {.parser = parse, .children = children};

static void print_id(creation *self, json_t *document) {
    (void)self;
    puts(cli_text(document, "id"));
}

int create_command(int argc, char **argv) {
    creation self = {0};
    container_options_init(&self.options);
    cli_parse("container.create", argc, argv, &self);
    if (cli_open(&self.owner))
        creation_begin(&self, print_id);
    int exit_code = cli_close(&self.owner);
    creation_finish(&self);
    return exit_code;
}
