#include "guest/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/buffer.h"
#include "core/base/file.h"
#include "core/base/watch.h"
#include "guest/folder_files.h"
#include "guest/forking.h"
#include "guest/text.h"

#define REPORT_MAX \
    (RPC_MESSAGE_MAX + 4) ///< the error's code, 0 for none, and the message or the error's text

typedef struct looking {
    call *answer; ///< NULL: nobody waits
    const ProtobufCMessageDescriptor *response;
    int pidfd;
    watch *pipe;
    buffer report;
} looking;

// ---- the process ----

static void tell(int pipe, uint32_t code, const void *data, size_t length) {
    if (file_write_all(pipe, &code, sizeof code) == 0)
        file_write_all(pipe, data, length);
}

static void work(const ProtobufCMessage *request, int pipe) __attribute__((noreturn));
static void work(const ProtobufCMessage *request, int pipe) {
    Holm__Agent__V1__FolderResponse folder = HOLM__AGENT__V1__FOLDER_RESPONSE__INIT;
    Holm__Agent__V1__FileResponse file = HOLM__AGENT__V1__FILE_RESPONSE__INIT;
    holm_error *error = NULL;
    bool list = request->descriptor == &holm__agent__v1__folder_request__descriptor;
    forking_keep_only(&pipe, 1);
    forking_reset_signals();
    signal(SIGPIPE, SIG_IGN);
    text_write("/proc/self/oom_score_adj", "0", NULL);
    int failed =
        list ? folder_files_list(&((const Holm__Agent__V1__FolderRequest *)request)->path, &folder, &error)
             : folder_files_read(&((const Holm__Agent__V1__FileRequest *)request)->path, &file, &error);
    if (failed) {
        tell(pipe, holm_error_code_of(error), holm_error_message(error), strlen(holm_error_message(error)));
        _exit(0);
    }
    const ProtobufCMessage *response = list ? &folder.base : &file.base;
    size_t length = protobuf_c_message_get_packed_size(response);
    uint8_t *packed = malloc(length + 1);
    if (!packed)
        abort();
    protobuf_c_message_pack(response, packed);
    tell(pipe, 0, packed, length);
    _exit(0);
}

// ---- the agent ----

static void finish(looking *self) {
    watch_destroy(self->pipe);
    if (self->pidfd >= 0) {
        syscall(SYS_pidfd_send_signal, self->pidfd, SIGKILL, NULL, 0);
        close(self->pidfd);
    }
    buffer_finish(&self->report);
    free(self);
}

static void fail(looking *self, holm_error_code code, const char *text) {
    cleanup_error holm_error *error = NULL;
    holm_error_set(&error, code, "%s", text);
    call_fail(self->answer, error);
    finish(self);
}

static void take_report(looking *self) {
    uint32_t code = 0;
    if (self->report.length < sizeof code) {
        fail(self, HOLM_ERROR_INTERNAL, "the look into the container has ended early");
        return;
    }
    memcpy(&code, self->report.data, sizeof code);
    buffer_consume(&self->report, sizeof code);
    if (code) {
        fail(self, (holm_error_code)code, buffer_text(&self->report));
        return;
    }
    ProtobufCMessage *response =
        protobuf_c_message_unpack(self->response, NULL, self->report.length, self->report.data);
    if (!response) {
        fail(self, HOLM_ERROR_INTERNAL, "the look into the container has ended early");
        return;
    }
    call_reply(self->answer, response);
    protobuf_c_message_free_unpacked(response, NULL);
    finish(self);
}

static void on_pipe(void *data, int events) {
    looking *self = data;
    uint8_t chunk[65536];
    (void)events;
    for (;;) {
        ssize_t got = read(watch_fd(self->pipe), chunk, sizeof chunk);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == EAGAIN)
            return;
        if (got <= 0 || self->report.length + (size_t)got > REPORT_MAX) {
            take_report(self);
            return;
        }
        buffer_append(&self->report, chunk, (size_t)got);
    }
}

// Its client is gone, or has waited long enough: a file system of the container's may never answer.
static void on_gone(call *answer, void *data) {
    looking *self = data;
    call_fail(answer, NULL);
    finish(self);
}

static void look(agent *owner, const ProtobufCMessage *request, const ProtobufCMessageDescriptor *response,
                 call *answer) {
    looking *self = calloc(1, sizeof *self);
    int pipes[2];
    if (!self)
        abort();
    *self = (looking){.answer = answer, .response = response, .pidfd = -1};
    bool piped = pipe2(pipes, O_CLOEXEC) == 0;
    cleanup_close int ours = piped ? pipes[0] : -1, theirs = piped ? pipes[1] : -1;
    pid_t pid = piped ? forking_fork() : -1;
    if (pid == 0)
        work(request, theirs);
    if (pid > 0)
        self->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (self->pidfd >= 0)
        self->pipe = watch_create(owner->loop, steal_fd(&ours), on_pipe, self, NULL);
    if (!self->pipe) {
        fail(self, HOLM_ERROR_INTERNAL, "the look into the container cannot be started");
        return;
    }
    watch_events(self->pipe, UV_READABLE);
    call_on_gone(answer, on_gone, self);
}

void folder_list(agent *self, const ProtobufCMessage *request, call *answer) {
    look(self, request, &holm__agent__v1__folder_response__descriptor, answer);
}

void folder_read_file(agent *self, const ProtobufCMessage *request, call *answer) {
    look(self, request, &holm__agent__v1__file_response__descriptor, answer);
}
