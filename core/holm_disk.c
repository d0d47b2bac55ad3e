// What a container has changed: diff, export and commit. Its disk is hostile; the program holm-disk reads it,
// not we. Where the container runs its shim makes a copy first, while the guest's file system is frozen.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/holm_helper.h"
#include "core/holm_image.h"
#include "core/holm_output.h"
#include "core/image/image_client.h"

#define CHANGES_MOST (256u << 20) ///< bytes of a list of changes

// ---- the helper, on a worker ----

/// The arguments: program, mode and, but for a layer, the files of the layers. The caller frees all of it.
static char **helper_arguments(const holm_request *self, const char *mode, const char *path) {
    const paths *where = &self->handle.client->where;
    const json_t *layers = json_object_get(json_object_get(self->document, "configuration"), "layers");
    size_t count = strcmp(mode, "layer") == 0 ? 0 : json_array_size(layers), at = 0;
    char **arguments = calloc(count + 4, sizeof *arguments);
    if (!arguments)
        abort();
    arguments[at++] = path_join(where->libexec, "holm-disk", NULL);
    arguments[at++] = strdup(mode);
    if (path)
        arguments[at++] = strdup(path);
    for (size_t i = 0; i < count; i++)
        arguments[at++] =
            path_join(where->data, "layers",
                      json_string_value(json_object_get(json_array_get(layers, i), "file")), NULL);
    return arguments;
}

static int helper_start(const holm_request *self, const char *mode, const char *path, int disk, int output,
                        holm_helper *out, holm_error **error) {
    char **arguments = helper_arguments(self, mode, path);
    const process_fd fds[] = {{output, 1}, {disk, 3}};
    int result = holm_helper_start(out, (const char *const *)arguments, fds, array_length(fds), error);
    for (char **at = arguments; *at; at++)
        free(*at);
    free(arguments);
    return result;
}

/// The container's disk, or the copy that its shim has made, which then has no name any more.
static int disk_open(const holm_request *self, holm_error **error) {
    cleanup_free char *folder =
        container_folder(&self->handle.client->where, holm_document_id(self->document));
    cleanup_free char *path = path_join(folder, self->alive ? "snapshot.ext4" : "rw.ext4", NULL);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        holm_error_set_errno(error, errno, "open %s", path);
    if (self->alive)
        unlink(path);
    return fd;
}

int holm_disk_start(holm_request *self, const char *mode, const char *path, int output, holm_helper *out,
                    holm_error **error) {
    struct stat status;
    if (self->disk < 0)
        self->disk = disk_open(self, error);
    if (self->disk < 0)
        return -1;
    if (fstat(self->disk, &status) == 0)
        self->disk_time = status.st_mtim;
    cleanup_close int disk = fcntl(self->disk, F_DUPFD_CLOEXEC, 3);
    return helper_start(self, mode, path, disk, output, out, error);
}

int holm_disk_wait(const holm_request *self, holm_helper *helper, holm_error **error) {
    struct stat status;
    int result = holm_helper_wait(helper, error);
    // A copy has nobody who writes to it. What a machine has changed meanwhile may also look damaged.
    if (self->alive || fstat(self->disk, &status) < 0 ||
        (status.st_mtim.tv_sec == self->disk_time.tv_sec &&
         status.st_mtim.tv_nsec == self->disk_time.tv_nsec))
        return result;
    if (error)
        holm_error_free(steal_pointer(error));
    holm_error_set(error, HOLM_ERROR_STATE, "the container %s was started while its disk was read",
                   holm_document_configuration(self->document, "name"));
    holm_error_hint(error, "what was written is of no use: do it again");
    return -1;
}

static int disk_run(holm_request *self, const char *mode, int output, holm_error **error) {
    cleanup(holm_helper_finish) holm_helper helper = HOLM_HELPER_INIT;
    if (holm_disk_start(self, mode, NULL, output, &helper, error) < 0)
        return -1;
    return holm_disk_wait(self, &helper, error);
}

// ---- the common beginning ----

typedef struct disk_plan {
    holm_request_run run; ///< once the disk can be read
    holm_request_next next;
} disk_plan;

static void disk_read(holm_request *self) {
    const disk_plan *plan = self->plan;
    holm_request_work(self, plan->run, plan->next);
}

// Not on a worker: those that wait for our lock may have all of them.
static void disk_copied(holm_request *self, const ProtobufCMessage *answer) {
    (void)answer;
    self->disk = disk_open(self, &self->error);
    close(steal_fd(&self->lock));
    if (self->error)
        holm_request_finish(self);
    else
        disk_read(self);
}

static void disk_copy(holm_request *self) {
    static const Holm__Shim__V1__Empty empty = HOLM__SHIM__V1__EMPTY__INIT;
    holm_request_call(self, "Snapshot", &empty.base, disk_copied, NULL);
}

// There is one name for a copy: the next one is made when this one is open.
static int disk_wait(holm_request *self, state *db, holm_error **error) {
    cleanup_free char *folder =
        container_folder(&self->handle.client->where, holm_document_id(self->document));
    cleanup_free char *path = path_join(folder, "snapshot.lock", NULL);
    (void)db;
    self->lock = file_lock(path, true, true, error);
    return self->lock < 0 ? -1 : 0;
}

static void disk_found(holm_request *self) {
    if (self->alive)
        holm_request_work(self, disk_wait, disk_copy);
    else
        disk_read(self);
}

static holm_request *disk_begin(holm_client *client, const char *reference, const disk_plan *plan,
                                holm_done done, void *data) {
    holm_request *self = holm_request_create(client, done, data);
    self->reference = strdup(reference);
    self->plan = plan;
    return self;
}

// ---- diff ----

static int run_diff(holm_request *self, state *db, holm_error **error) {
    cleanup_buffer buffer changes = BUFFER_INIT;
    (void)db;
    cleanup(holm_helper_finish) holm_helper helper = HOLM_HELPER_INIT;
    int pipes[2];
    if (pipe2(pipes, O_CLOEXEC) < 0) {
        holm_error_set_errno(error, errno, "make a pipe");
        return -1;
    }
    cleanup_close int ours = pipes[0];
    int started = holm_disk_start(self, "diff", NULL, pipes[1], &helper, error);
    close(pipes[1]);
    if (started < 0)
        return -1;
    if (holm_helper_read(ours, CHANGES_MOST, &changes) < 0)
        close(steal_fd(&ours)); // too much: it ends when nobody reads
    if (holm_disk_wait(self, &helper, error) < 0)
        return -1;
    self->result = json_array();
    const char *at = buffer_text(&changes), *end = at + changes.length;
    for (; at < end; at += strlen(at) + 1) {
        char kind[2] = {*at};
        if (!strchr("ACD", *kind) || strlen(at) < 3)
            continue;
        // A path is bytes; what is no UTF-8 is shown escaped.
        json_t *path = json_string(at + 2);
        if (!path) {
            cleanup_free char *safe = holm_text_escape(at + 2, strlen(at + 2));
            path = json_string(safe);
        }
        json_array_append_new(self->result, json_pack("{s:s, s:o}", "kind", kind, "path", path));
    }
    return 0;
}

void holm_container_diff(holm_client *client, const char *reference, holm_done done, void *data) {
    static const disk_plan plan = {run_diff, holm_request_finish};
    holm_request_work(disk_begin(client, reference, &plan, done, data), holm_request_look_up, disk_found);
}

// ---- export ----

static int run_export(holm_request *self, state *db, holm_error **error) {
    cleanup(holm_output_finish) holm_output output = HOLM_OUTPUT_INIT;
    (void)db;
    if (holm_output_open(&output, self->text, error) < 0 || disk_run(self, "export", output.fd, error) < 0)
        return -1;
    return holm_output_keep(&output, error);
}

void holm_container_export(holm_client *client, const char *reference, const char *path, holm_done done,
                           void *data) {
    static const disk_plan plan = {run_export, holm_request_finish};
    holm_request *self = disk_begin(client, reference, &plan, done, data);
    self->text = path ? strdup(path) : NULL;
    holm_request_work(self, holm_request_look_up, disk_found);
}

// ---- commit ----

static const char *commit_text(const holm_request *self, const char *key) {
    const char *text = json_string_value(json_object_get(self->json, key));
    return text ? text : "";
}

static void commit_release(void *path) {
    if (path)
        unlink(path);
    free(path);
}

/// The layer as a file that the image worker can read: it sees no folder of a container.
static int run_commit(holm_request *self, state *db, holm_error **error) {
    (void)db;
    const char *name = commit_text(self, "reference");
    self->text = *name ? holm_image_canonical(self->handle.client, name, error) : strdup("");
    if (!self->text)
        return -1;
    char *path = NULL;
    self->lock =
        container_commit_make(&self->handle.client->where, holm_document_id(self->document), &path, error);
    self->own = path;
    self->release = commit_release;
    if (self->lock < 0 || disk_run(self, "layer", self->lock, error) < 0)
        return -1;
    self->lifeline = image_client_connect(&self->handle.client->where, true, error);
    return self->lifeline < 0 ? -1 : 0;
}

static void commit_progress(rpc_stream *stream, const ProtobufCMessage *message, void *data) {
    holm_request *self = data;
    const Holm__Image__V1__Progress *progress = (const Holm__Image__V1__Progress *)message;
    (void)stream;
    if (!progress->done || self->result || self->error)
        return;
    if (*progress->error)
        holm_error_set(&self->error, holm_error_code_parse(progress->error_code), "%s", progress->error);
    else
        self->result = json_pack("{s:s}", "id", progress->digest);
}

static void commit_closed(rpc_stream *stream, rpc_code code, const char *text, void *data) {
    holm_request *self = data;
    (void)code, (void)text;
    if (!self->result && !self->error)
        self->error = rpc_stream_error(stream);
    if (!self->result && !self->error)
        holm_error_set(&self->error, HOLM_ERROR_UNAVAILABLE,
                       "the image worker ended before its work was done");
    holm_request_finish(self);
}

static void commit_send(holm_request *self) {
    static const rpc_stream_events events = {.message = commit_progress, .close = commit_closed};
    self->connection =
        rpc_connection_create(self->handle.client->loop, steal_fd(&self->lifeline), NULL, NULL, &self->error);
    if (!self->connection) {
        holm_request_finish(self);
        return;
    }
    const json_t *changes = json_object_get(self->json, "changes");
    Holm__Image__V1__LoadHeader header = HOLM__IMAGE__V1__LOAD_HEADER__INIT;
    header.path = self->own;
    header.reference = self->text;
    header.base_image = (char *)holm_document_configuration(self->document, "imageId");
    header.message = (char *)commit_text(self, "message");
    header.author = (char *)commit_text(self, "author");
    header.n_changes = json_array_size(changes);
    cleanup_free char **lines = calloc(header.n_changes + 1, sizeof *lines);
    for (size_t i = 0; i < header.n_changes; i++)
        lines[i] = (char *)json_string_value(json_array_get(changes, i));
    header.changes = lines;
    Holm__Image__V1__LoadInput input = HOLM__IMAGE__V1__LOAD_INPUT__INIT;
    input.part_case = HOLM__IMAGE__V1__LOAD_INPUT__PART_HEADER;
    input.header = &header;
    rpc_stream *stream = rpc_call_open(self->connection, &image_protocol, "Import", &events, self, 0);
    rpc_stream_send(stream, &input.base);
    rpc_stream_half_close(stream);
}

/// The connection to the shim goes, that to the image worker comes.
static void commit_layer_made(holm_request *self) {
    rpc_connection_destroy(steal_pointer(&self->connection));
    commit_send(self);
}

void holm_container_commit(holm_client *client, const char *reference, json_t *options, holm_done done,
                           void *data) {
    static const disk_plan plan = {run_commit, commit_layer_made};
    holm_request *self = disk_begin(client, reference, &plan, done, data);
    self->json = json_deep_copy(options);
    holm_request_work(self, holm_request_look_up, disk_found);
}
