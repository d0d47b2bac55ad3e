// Files out of a container. Where it runs its agent sends them, else holm-disk reads them from its disk;
// holm-copy unpacks them.
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/holm_copy.h"

#define PENDING_MOST (1u << 20) ///< bytes that wait for the disk before the container has to

// ---- where it goes, on a worker ----

/// Into the folder that is there, else under this name in the folder above.
static int find_place(copy *self, holm_error **error) {
    char resolved[PATH_MAX];
    struct stat status;
    bool there = realpath(self->outside, resolved) != NULL && stat(resolved, &status) == 0;
    if (there && S_ISDIR(status.st_mode)) {
        self->kind = "any";
        self->name = strdup(self->content ? "." : self->inside_name);
        self->folder = open(resolved, O_PATH | O_DIRECTORY | O_CLOEXEC);
    } else if (there && !S_ISREG(status.st_mode)) {
        holm_error_set(error, HOLM_ERROR_INVALID, "%s is neither a file nor a folder", self->outside);
        holm_error_hint(error, "as a tar it goes to standard output: holm cp … -");
        return -1;
    } else if (there && self->into) {
        holm_error_set(error, HOLM_ERROR_INVALID, "%s is no folder", self->outside);
        return -1;
    } else {
        const char *path = there ? resolved : self->outside, *slash = strrchr(path, '/');
        cleanup_free char *above = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
        self->kind = there ? "file" : self->into || self->content ? "folder" : "any";
        self->name = strdup(slash ? slash + 1 : path);
        self->folder = open(above, O_PATH | O_DIRECTORY | O_CLOEXEC);
    }
    if (self->folder < 0) {
        holm_error_set_errno(error, errno, "copy to %s", self->outside);
        return -1;
    }
    if (*self->name && strcmp(self->name, "..") != 0)
        return 0;
    holm_error_set(error, HOLM_ERROR_INVALID,
                   "name what is to be copied, and where it goes, without \"..\" at the end");
    return -1;
}

static int start_unpacking(copy *self, holm_error **error) {
    const paths *where = &self->request->handle.client->where;
    cleanup_free char *program = path_join(where->libexec, "holm-copy", NULL);
    const char *argv[] = {program, "unpack", self->name, self->kind, self->owner ? "owner" : "mine", NULL};
    int input[2], told[2];
    if (pipe2(input, O_CLOEXEC) < 0) {
        holm_error_set_errno(error, errno, "make a pipe");
        return -1;
    }
    self->pipe = input[1];
    cleanup_close int input_end = input[0];
    if (pipe2(told, O_CLOEXEC) < 0) {
        holm_error_set_errno(error, errno, "make a pipe");
        return -1;
    }
    self->told = told[0];
    cleanup_close int told_end = told[1];
    const process_fd fds[] = {{input_end, 0}, {told_end, 1}, {self->folder, 3}};
    return holm_helper_start(&self->helper, argv, fds, array_length(fds), error);
}

static int run_prepare(holm_request *request, state *db, holm_error **error) {
    copy *self = copy_of(request);
    if (holm_request_look_up(request, db, error) < 0)
        return -1;
    if (self->outside)
        return find_place(self, error) < 0 || start_unpacking(self, error) < 0 ? -1 : 0;
    self->pipe = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    if (self->pipe < 0)
        holm_error_set_errno(error, errno, "write to standard output");
    return self->pipe < 0 ? -1 : 0;
}

// ---- the end, on a worker ----

static int run_finish(holm_request *request, state *db, holm_error **error) {
    copy *self = copy_of(request);
    cleanup_buffer buffer told = BUFFER_INIT;
    cleanup_error holm_error *own = NULL;
    unsigned long long entries = self->result.entries, bytes = self->result.bytes, left_out = 0;
    (void)db;
    if (self->pipe >= 0)
        close(steal_fd(&self->pipe));
    if (self->helper.pidfd >= 0) {
        holm_helper_read(self->told, 256, &told);
        // What the container says comes first: without its word the archive is cut short.
        if (holm_helper_wait(&self->helper, &own) < 0 && (!*error || self->complete)) {
            holm_error_free(steal_pointer(error));
            *error = steal_pointer(&own);
        }
        sscanf(buffer_text(&told), "%llu %llu %llu", &entries, &bytes, &left_out);
    }
    if (*error) {
        holm_error_wrap(error, "copy %s out of the container", self->inside);
        return -1;
    }
    request->result = json_pack("{s:I, s:I, s:I}", "entries", (json_int_t)entries, "bytes", (json_int_t)bytes,
                                "leftOut", (json_int_t)left_out);
    return 0;
}

static void on_over(copy *self) {
    holm_request_work(self->request, run_finish, holm_request_finish);
}

// ---- from the agent ----

static void write_more(copy *self);

static void on_written(uv_fs_t *io) {
    copy *self = io->data;
    ssize_t written = io->result;
    uv_fs_req_cleanup(io);
    self->busy = false;
    if (written >= 0) {
        buffer_consume(&self->going, (size_t)written);
        write_more(self);
        return;
    }
    // A helper that has stopped reading says why.
    if (written != UV_EPIPE || self->helper.pidfd < 0)
        holm_error_set_errno(&self->request->error, (int)-written, "write what was copied");
    else
        self->complete = true;
    copy_cancel(self);
    copy_check_over(self);
}

static void write_more(copy *self) {
    if (self->busy)
        return;
    if (self->going.length == 0) {
        buffer swap = self->going;
        self->going = self->pending;
        self->pending = swap;
        if (self->stream)
            rpc_stream_resume(self->stream);
    }
    if (self->going.length == 0) {
        copy_check_over(self);
        return;
    }
    self->busy = true;
    self->io.data = self;
    uv_buf_t bytes = uv_buf_init((char *)self->going.data, (unsigned)self->going.length);
    uv_fs_write(self->request->handle.client->loop, &self->io, self->pipe, &bytes, 1, -1, on_written);
}

static void on_message(rpc_stream *stream, const ProtobufCMessage *base, void *data) {
    copy *self = data;
    const Holm__Agent__V1__CopyMessage *message = (const Holm__Agent__V1__CopyMessage *)base;
    if (message->part_case == HOLM__AGENT__V1__COPY_MESSAGE__PART_RESULT)
        copy_take_result(self, message);
    if (message->part_case != HOLM__AGENT__V1__COPY_MESSAGE__PART_DATA || self->request->error)
        return;
    buffer_append(&self->pending, message->data.data, message->data.len);
    if (self->pending.length > PENDING_MOST)
        rpc_stream_pause(stream);
    write_more(self);
}

// ---- from its disk ----

static int run_read_disk(holm_request *request, state *db, holm_error **error) {
    copy *self = copy_of(request);
    cleanup(holm_helper_finish) holm_helper disk = HOLM_HELPER_INIT;
    cleanup_free char *path = path_format("%s%s", self->follow ? "L" : "P", self->inside);
    if (holm_disk_start(request, "copy", path, self->pipe, &disk, error) < 0)
        return -1;
    close(steal_fd(&self->pipe));
    if (holm_disk_wait(request, &disk, error) == 0)
        self->complete = true;
    return run_finish(request, db, error);
}

static void prepared(holm_request *request) {
    static const rpc_stream_events events = {.message = on_message, .close = copy_closed};
    copy *self = copy_of(request);
    if (request->alive)
        copy_call(self, self->inside, false, &events);
    else
        holm_request_work(request, run_read_disk, holm_request_finish);
}

void holm_container_copy_out(holm_client *client, const holm_copy_options *options, holm_done done,
                             void *data) {
    copy *self = copy_create(client, options, true, done, data);
    self->over = on_over;
    holm_request_work(self->request, run_prepare, prepared);
}
