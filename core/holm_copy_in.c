// Files into a container that runs: holm-copy packs them, the agent unpacks them.
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/holm_copy.h"

#define LINKS_MOST 40 ///< at the end of the path, as the kernel has it

// ---- what is copied, on a worker ----

static int find_source(copy *self, holm_error **error) {
    char resolved[PATH_MAX];
    struct stat status;
    const char *path = self->outside;
    if (lstat(path, &status) < 0) {
        holm_error_set_errno(error, errno, "copy %s", path);
        return -1;
    }
    const char *last = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    bool special = !*last || strcmp(last, ".") == 0 || strcmp(last, "..") == 0;
    self->request->text = strdup(last); // the name it gets
    if (self->follow || special || (S_ISLNK(status.st_mode) && self->content)) {
        if (!realpath(path, resolved) || stat(resolved, &status) < 0) {
            holm_error_set_errno(error, errno, "copy %s", path);
            return -1;
        }
        path = resolved;
    }
    if (special)
        self->content = true;
    self->kind = S_ISDIR(status.st_mode) ? "folder" : "file";
    if (self->content && !S_ISDIR(status.st_mode)) {
        holm_error_set(error, HOLM_ERROR_INVALID, "%s is no folder", self->outside);
        return -1;
    }
    const char *slash = strrchr(path, '/');
    cleanup_free char *above = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    self->name = strdup(slash && slash[1] ? slash + 1 : slash ? "." : path);
    self->folder = open(above, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (self->folder < 0)
        holm_error_set_errno(error, errno, "copy %s", self->outside);
    return self->folder < 0 ? -1 : 0;
}

static int run_prepare(holm_request *request, state *db, holm_error **error) {
    copy *self = copy_of(request);
    if (holm_request_look_up(request, db, error) < 0)
        return -1;
    if (!request->alive) {
        const char *name = holm_document_configuration(request->document, "name");
        holm_error_set(error, HOLM_ERROR_STATE,
                       "the container %s does not run, and only its machine can write to its disk", name);
        holm_error_hint(error, "start it first: holm start %s", name);
        return -1;
    }
    if (self->outside)
        return find_source(self, error);
    self->kind = "archive";
    self->pipe = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    if (self->pipe < 0)
        holm_error_set_errno(error, errno, "read standard input");
    return self->pipe < 0 ? -1 : 0;
}

/// request->text: the name that it gets.
static int run_start_packing(holm_request *request, state *db, holm_error **error) {
    copy *self = copy_of(request);
    cleanup_free char *program = path_join(request->handle.client->where.libexec, "holm-copy", NULL);
    const char *argv[] = {program, "pack", self->name, request->text, NULL};
    int output[2];
    (void)db;
    if (pipe2(output, O_CLOEXEC) < 0) {
        holm_error_set_errno(error, errno, "make a pipe");
        return -1;
    }
    self->pipe = output[0];
    cleanup_close int output_end = output[1];
    const process_fd fds[] = {{output_end, 1}, {self->folder, 3}};
    return holm_helper_start(&self->helper, argv, fds, array_length(fds), error);
}

// ---- to the agent ----

static void read_more(copy *self);

static void wait_on_worker(uv_work_t *work) {
    copy *self = copy_of(work->data);
    if (self->helper.pidfd >= 0)
        holm_helper_wait(&self->helper, &self->request->error);
}

static void packed(uv_work_t *work, int status) {
    copy *self = copy_of(work->data);
    (void)status;
    self->busy = false;
    if (self->request->error)
        copy_cancel(self);
    else if (self->stream)
        rpc_stream_half_close(self->stream);
    copy_check_over(self);
}

// The packer's exit code says whether the archive is whole; before that the agent is not told that it is.
static void input_ended(copy *self) {
    holm_request *request = self->request;
    close(steal_fd(&self->pipe));
    self->busy = true;
    request->work.data = request;
    uv_queue_work(request->handle.client->loop, &request->work, wait_on_worker, packed);
}

static void on_read(uv_fs_t *io) {
    copy *self = io->data;
    ssize_t got = io->result;
    uv_fs_req_cleanup(io);
    self->busy = false;
    if (!self->stream) {
        copy_check_over(self);
    } else if (got > 0) {
        Holm__Agent__V1__CopyMessage message = HOLM__AGENT__V1__COPY_MESSAGE__INIT;
        message.part_case = HOLM__AGENT__V1__COPY_MESSAGE__PART_DATA;
        message.data = (ProtobufCBinaryData){.len = (size_t)got, .data = (uint8_t *)self->piece};
        rpc_stream_send(self->stream, &message.base);
        read_more(self);
    } else if (got == 0) {
        input_ended(self);
    } else {
        holm_error_set_errno(&self->request->error, (int)-got, "read what is copied");
        copy_cancel(self);
    }
}

static void read_more(copy *self) {
    if (self->busy || self->pipe < 0 || !self->stream || rpc_stream_congested(self->stream))
        return;
    self->busy = true;
    self->io.data = self;
    uv_buf_t room = uv_buf_init(self->piece, COPY_PIECE);
    uv_fs_read(self->request->handle.client->loop, &self->io, self->pipe, &room, 1, -1, on_read);
}

static void on_drained(rpc_stream *stream, void *data) {
    (void)stream;
    read_more(data);
}

static void on_message(rpc_stream *stream, const ProtobufCMessage *base, void *data) {
    const Holm__Agent__V1__CopyMessage *message = (const Holm__Agent__V1__CopyMessage *)base;
    (void)stream;
    if (message->part_case == HOLM__AGENT__V1__COPY_MESSAGE__PART_RESULT)
        copy_take_result(data, message);
}

static void on_over(copy *self) {
    if (!self->request->error)
        self->request->result = json_pack("{s:I, s:I, s:I}", "entries", (json_int_t)self->result.entries,
                                          "bytes", (json_int_t)self->result.bytes, "leftOut", (json_int_t)0);
    holm_request_finish(self->request);
}

// ---- where it goes ----

static void send_files(holm_request *request) {
    static const rpc_stream_events events = {
        .message = on_message, .drained = on_drained, .close = copy_closed};
    copy *self = copy_of(request);
    self->piece = malloc(COPY_PIECE);
    if (!self->piece)
        abort();
    copy_call(self, self->inside, true, &events);
    if (self->stream)
        read_more(self);
}

static void send_to_place(holm_request *request) {
    if (copy_of(request)->outside)
        holm_request_work(request, run_start_packing, send_files);
    else
        send_files(request);
}

static void refuse(holm_request *request, holm_error_code code, const char *what) {
    holm_error_set(&request->error, code, "%s %s", copy_of(request)->inside, what);
    holm_request_finish(request);
}

static void ask_stat(copy *self, bool follow, holm_request_answer answer) {
    Holm__Agent__V1__StatRequest question = HOLM__AGENT__V1__STAT_REQUEST__INIT;
    question.path = self->inside;
    question.follow = follow;
    holm_request_call(self->request, "Stat", &question.base, answer, NULL);
}

/// The file's own name in its folder, which becomes self->inside.
static void take_name(copy *self) {
    char *slash = strrchr(self->inside, '/');
    free(self->request->text);
    self->request->text = strdup(slash + 1);
    slash[slash == self->inside] = 0;
}

static void parent_known(holm_request *request, const ProtobufCMessage *answer) {
    const Holm__Agent__V1__StatResponse *parent = (const Holm__Agent__V1__StatResponse *)answer;
    if (!parent->found || !S_ISDIR(parent->mode))
        refuse(request, HOLM_ERROR_NOT_FOUND, "is no folder in the container");
    else
        send_to_place(request);
}

// A link at the end is followed by hand, for what it leads to need not be there.
static void link_known(holm_request *request, const ProtobufCMessage *answer) {
    const Holm__Agent__V1__StatResponse *place = (const Holm__Agent__V1__StatResponse *)answer;
    copy *self = copy_of(request);
    if (place->found && S_ISLNK(place->mode) && strlen(place->target) < PATH_MAX &&
        self->links++ < LINKS_MOST) {
        size_t above = *place->target == '/' ? 0 : (size_t)(strrchr(self->inside, '/') - self->inside) + 1;
        char *path = path_format("%.*s%s", (int)above, self->inside, place->target);
        free(self->inside);
        self->inside = path;
        ask_stat(self, false, link_known);
        return;
    }
    take_name(self);
    ask_stat(self, true, parent_known);
}

static void place_known(holm_request *request, const ProtobufCMessage *answer) {
    const Holm__Agent__V1__StatResponse *place = (const Holm__Agent__V1__StatResponse *)answer;
    copy *self = copy_of(request);
    bool folder = strcmp(self->kind, "folder") == 0;
    if (place->found && S_ISDIR(place->mode)) {
        if (self->content)
            free(request->text), request->text = strdup(".");
        send_to_place(request);
    } else if (!self->outside || (self->into && (place->found || !folder))) {
        refuse(request, HOLM_ERROR_NOT_FOUND, "is no folder in the container");
    } else if (place->found && folder) {
        refuse(request, HOLM_ERROR_EXISTS, "is a file: a folder cannot take its place");
    } else {
        ask_stat(self, false, link_known);
    }
}

static void prepared(holm_request *request) {
    copy *self = copy_of(request);
    ask_stat(self, true, place_known);
}

void holm_container_copy_in(holm_client *client, const holm_copy_options *options, holm_done done,
                            void *data) {
    copy *self = copy_create(client, options, false, done, data);
    self->over = on_over;
    holm_request_work(self->request, run_prepare, prepared);
}
