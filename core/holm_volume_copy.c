// What is in volumes: out as a tar, in from one, and over to a disk of another size. A disk that guests have
// written and a tar from anywhere are hostile: the program holm-disk reads them, not we.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/holm_helper.h"
#include "core/holm_output.h"
#include "core/holm_volume.h"
#include "core/volume/volume.h"

// ---- the helper, on a worker ----

static int start(const holm_request *self, const char *mode, const process_fd *fds, size_t count,
                 holm_helper *out, holm_error **error) {
    cleanup_free char *program = path_join(self->handle.client->where.libexec, "holm-disk", NULL);
    const char *const argv[] = {program, mode, NULL};
    return holm_helper_start(out, argv, fds, count, error);
}

static int run_export(const holm_request *self, int disk, int output, holm_error **error) {
    cleanup(holm_helper_finish) holm_helper helper = HOLM_HELPER_INIT;
    const process_fd fds[] = {{output, 1}, {disk, 3}};
    if (start(self, "volume", fds, array_length(fds), &helper, error) < 0)
        return -1;
    return holm_helper_wait(&helper, error);
}

static int run_import(const holm_request *self, int input, const volume_draft *draft, holm_error **error) {
    cleanup(holm_helper_finish) holm_helper helper = HOLM_HELPER_INIT;
    cleanup_close int disk = open(draft->path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (disk < 0) {
        holm_error_set_errno(error, errno, "open %s", draft->path);
        return -1;
    }
    const process_fd fds[] = {{input, 0}, {disk, 3}};
    if (start(self, "import", fds, array_length(fds), &helper, error) < 0)
        return -1;
    return holm_helper_wait(&helper, error);
}

// Both at once. Where the reader fails the writer only sees an archive that ends too early, so the reader's
// word counts first.
static int run_copy(const holm_request *self, int disk, const volume_draft *draft, holm_error **error) {
    cleanup(holm_helper_finish) holm_helper reader = HOLM_HELPER_INIT;
    cleanup_error holm_error *written = NULL;
    int pipes[2];
    if (pipe2(pipes, O_CLOEXEC) < 0) {
        holm_error_set_errno(error, errno, "make a pipe");
        return -1;
    }
    cleanup_close int input = pipes[0];
    const process_fd fds[] = {{pipes[1], 1}, {disk, 3}};
    int started = start(self, "volume", fds, array_length(fds), &reader, error);
    close(pipes[1]);
    if (started < 0)
        return -1;
    int result = run_import(self, input, draft, &written);
    close(steal_fd(&input)); // a writer that has ended early lets the reader end, too
    cleanup_error holm_error *read = NULL;
    if (holm_helper_wait(&reader, &read) < 0 && holm_error_code_of(read) != HOLM_ERROR_INTERNAL &&
        !(result < 0 && holm_error_code_of(written) == HOLM_ERROR_NO_SPACE)) {
        holm_error_propagate(error, steal_pointer(&read));
        return -1;
    }
    if (result == 0 && !read)
        return 0;
    holm_error_propagate(error, steal_pointer(result < 0 ? &written : &read));
    return -1;
}

// ---- export ----

static int write_tar(holm_request *self, int disk, holm_error **error) {
    cleanup(holm_output_finish) holm_output output = HOLM_OUTPUT_INIT;
    if (holm_output_open(&output, self->text, error) < 0 || run_export(self, disk, output.fd, error) < 0)
        return -1;
    return holm_output_keep(&output, error);
}

static int export_volume(holm_request *self, state *db, holm_error **error) {
    self->document = state_volume_get(db, self->reference, error);
    cleanup_close int disk =
        self->document ? volume_open(&self->handle.client->where, self->document, false, error) : -1;
    if (disk < 0 || write_tar(self, disk, error) < 0) {
        holm_error_wrap(error, "export the volume %s", self->reference);
        return -1;
    }
    return 0;
}

static holm_request *begin(holm_client *client, const char *name, holm_done done, void *data) {
    holm_request *self = holm_request_create(client, done, data);
    self->reference = strdup(name);
    return self;
}

void holm_volume_export(holm_client *client, const char *name, const char *path, holm_done done, void *data) {
    holm_request *self = begin(client, name, done, data);
    self->text = path ? strdup(path) : NULL;
    holm_request_work(self, export_volume, holm_request_finish);
}

// ---- import, resize: into a new disk ----

static uint64_t size_of(const holm_request *self) {
    return holm_volume_shape(self->json).size;
}

static int make_draft(holm_request *self, volume_draft *draft, holm_error **error) {
    const image_disk_shape shape = holm_volume_shape(self->json);
    cleanup_free char *empty = image_client_disk_of(&self->handle.client->where, &shape);
    return volume_draft_make(&self->handle.client->where, empty, draft, error);
}

// What stays of the volume that is there.
static void keep(holm_request *self, const char *key) {
    json_t *value = json_object_get(json_object_get(self->document, "configuration"), key);
    if (value)
        json_object_set(self->json, key, value);
}

static int measured(holm_request *self, state *db, holm_error **error) {
    self->result = state_volume_get(db, self->reference, error);
    if (!self->result)
        return -1;
    volume_measure(&self->handle.client->where, self->result);
    return 0;
}

// ---- import ----

// Under its lock: only a volume that nobody has used can be given a content.
static int open_unused(holm_request *self, holm_error **error) {
    cleanup_close int old = volume_open(&self->handle.client->where, self->document, true, error);
    if (old < 0)
        return -1;
    if (volume_is_new(old))
        return steal_fd(&old);
    holm_error_set(error, HOLM_ERROR_EXISTS, "the volume \"%s\" has been used: what is in it would be lost",
                   self->reference);
    holm_error_hint(error, "import into another one, or remove it first (holm volume rm %s)",
                    self->reference);
    return -1;
}

static int prepare_import(holm_request *self, state *db, holm_error **error) {
    cleanup_error holm_error *missing = NULL;
    self->json = json_pack("{s:s}", "name", self->reference);
    self->document = state_volume_get(db, self->reference, &missing);
    if (self->document) {
        keep(self, "sizeBytes");
        keep(self, "journal");
        cleanup_close int old = open_unused(self, error); // to say so before the disk is made
        if (old < 0)
            return -1;
    } else if (holm_error_code_of(missing) != HOLM_ERROR_NOT_FOUND) {
        holm_error_propagate(error, steal_pointer(&missing));
        return -1;
    }
    return volume_complete(self->json, error) < 0 ? -1 : holm_volume_prepare_disk(self, error);
}

static int import_into(holm_request *self, state *db, volume_draft *draft, int old, holm_error **error) {
    if (run_import(self, STDIN_FILENO, draft, error) < 0)
        return -1;
    if (old >= 0)
        return volume_draft_replace(&self->handle.client->where, db, self->document, size_of(self), draft,
                                    error);
    json_t *made = volume_draft_create(db, self->json, draft, error);
    json_decref(made);
    return made ? 0 : -1;
}

static int import_volume(holm_request *self, state *db, holm_error **error) {
    cleanup(volume_draft_finish) volume_draft draft = {.lock = -1};
    cleanup_close int old = self->document ? open_unused(self, error) : -1;
    if ((self->document && old < 0) || make_draft(self, &draft, error) < 0 ||
        import_into(self, db, &draft, old, error) < 0) {
        holm_error_wrap(error, "import the volume %s", self->reference);
        return -1;
    }
    return measured(self, db, error);
}

static void import_when_made(holm_request *self) {
    holm_volume_make_disk(self, import_volume);
}

void holm_volume_import(holm_client *client, const char *name, holm_done done, void *data) {
    holm_request_work(begin(client, name, done, data), prepare_import, import_when_made);
}

// ---- resize ----

static int prepare_resize(holm_request *self, state *db, holm_error **error) {
    const paths *where = &self->handle.client->where;
    self->document = state_volume_get(db, self->reference, error);
    keep(self, "journal");
    if (!self->document || volume_complete(self->json, error) < 0)
        return -1;
    cleanup_close int old =
        volume_open(where, self->document, true, error); // to say so before the disk is made
    return old < 0 ? -1 : holm_volume_prepare_disk(self, error);
}

static int resize_volume(holm_request *self, state *db, holm_error **error) {
    const paths *where = &self->handle.client->where;
    cleanup(volume_draft_finish) volume_draft draft = {.lock = -1};
    cleanup_close int old = volume_open(where, self->document, true, error);
    if (old < 0 || make_draft(self, &draft, error) < 0 ||
        (!volume_is_new(old) && run_copy(self, old, &draft, error) < 0) ||
        volume_draft_replace(where, db, self->document, size_of(self), &draft, error) < 0) {
        holm_error_wrap(error, "resize the volume %s", self->reference);
        return -1;
    }
    return measured(self, db, error);
}

static void resize_when_made(holm_request *self) {
    holm_volume_make_disk(self, resize_volume);
}

void holm_volume_resize(holm_client *client, const char *name, uint64_t size, holm_done done, void *data) {
    holm_request *self = begin(client, name, done, data);
    self->json = json_pack("{s:s, s:I}", "name", name, "sizeBytes", (json_int_t)size);
    holm_request_work(self, prepare_resize, resize_when_made);
}
