#include "guest/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "core/base/buffer.h"
#include "core/base/watch.h"
#include "guest/copy_files.h"
#include "guest/forking.h"
#include "guest/text.h"

#define CHUNK_SIZE  65536
#define REPORT_TEXT 1000

typedef struct copy {
    agent *agent;
    rpc_stream *stream;
    bool in;
    int pidfd;     ///< of the process that works
    watch *pipe;   ///< its standard input or output
    watch *report; ///< its last word
    buffer pending;
    bool input_ended;
    bool has_result;
    Holm__Agent__V1__CopyResult result;
} copy;

typedef struct copy_report {
    uint32_t code; ///< holm_error_code, 0 for none
    uint64_t bytes, entries;
    char text[REPORT_TEXT];
} copy_report;

static void work(const Holm__Agent__V1__CopyHeader *header, int pipe, int report) __attribute__((noreturn));
static void work(const Holm__Agent__V1__CopyHeader *header, int pipe, int report) {
    Holm__Agent__V1__CopyResult result = HOLM__AGENT__V1__COPY_RESULT__INIT;
    holm_error *error = NULL;
    int keep[] = {pipe, report};
    forking_keep_only(keep, array_length(keep));
    forking_reset_signals();
    signal(SIGPIPE, SIG_IGN); // a client that is gone is an error like others
    text_write("/proc/self/oom_score_adj", "0", NULL);
    umask(0);
    int failed = header->in ? copy_files_in(header, pipe, &result, &error)
                            : copy_files_out(header, pipe, &result, &error);
    copy_report told = {.bytes = result.bytes, .entries = result.entries};
    if (failed) {
        told.code = holm_error_code_of(error);
        snprintf(told.text, sizeof told.text, "%s", holm_error_message(error));
    }
    send(report, &told, sizeof told, MSG_NOSIGNAL);
    _exit(0);
}

static void finish_work(copy *self) {
    watch_destroy(steal_pointer(&self->pipe));
    watch_destroy(steal_pointer(&self->report));
    if (self->pidfd < 0)
        return;
    syscall(SYS_pidfd_send_signal, self->pidfd, SIGKILL, NULL, 0);
    close(steal_fd(&self->pidfd));
}

static void fail(copy *self, holm_error_code code, const char *text) {
    cleanup_error holm_error *error = NULL;
    holm_error_set(&error, code, "%s", text);
    finish_work(self);
    rpc_stream_fail(self->stream, error);
}

// Both have ended: the data and the one who made or took it.
static void finish_if_done(copy *self) {
    Holm__Agent__V1__CopyMessage message = HOLM__AGENT__V1__COPY_MESSAGE__INIT;
    if (!self->has_result || (!self->in && self->pipe))
        return;
    finish_work(self);
    message.part_case = HOLM__AGENT__V1__COPY_MESSAGE__PART_RESULT;
    message.result = &self->result;
    rpc_stream_send(self->stream, &message.base);
    rpc_stream_finish(self->stream, RPC_OK, NULL);
}

static void on_report(void *data, int events) {
    copy *self = data;
    copy_report told;
    (void)events;
    ssize_t got = recv(watch_fd(self->report), &told, sizeof told, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got != sizeof told) {
        fail(self, HOLM_ERROR_INTERNAL, "the copy has ended early");
        return;
    }
    told.text[REPORT_TEXT - 1] = 0;
    if (told.code) {
        fail(self, (holm_error_code)told.code, told.text);
        return;
    }
    watch_destroy(steal_pointer(&self->report));
    self->result.bytes = told.bytes;
    self->result.entries = told.entries;
    self->has_result = true;
    finish_if_done(self);
}

// ---- out ----

static void send_output(copy *self) {
    while (self->pipe && !rpc_stream_congested(self->stream)) {
        uint8_t chunk[CHUNK_SIZE];
        Holm__Agent__V1__CopyMessage message = HOLM__AGENT__V1__COPY_MESSAGE__INIT;
        ssize_t got = read(watch_fd(self->pipe), chunk, sizeof chunk);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == EAGAIN)
            break;
        if (got <= 0) {
            watch_destroy(steal_pointer(&self->pipe));
            finish_if_done(self);
            return;
        }
        message.part_case = HOLM__AGENT__V1__COPY_MESSAGE__PART_DATA;
        message.data = (ProtobufCBinaryData){.len = (size_t)got, .data = chunk};
        rpc_stream_send(self->stream, &message.base);
    }
    watch_events(self->pipe, rpc_stream_congested(self->stream) ? 0 : UV_READABLE);
}

// ---- in ----

static void flush_input(copy *self) {
    while (self->pipe && self->pending.length) {
        ssize_t wrote = write(watch_fd(self->pipe), self->pending.data, self->pending.length);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0 && errno == EAGAIN)
            break;
        if (wrote < 0) // it has read enough: its report says why
            watch_destroy(steal_pointer(&self->pipe));
        else
            buffer_consume(&self->pending, (size_t)wrote);
    }
    bool waits = self->pipe && self->pending.length;
    if (self->input_ended && !waits)
        watch_destroy(steal_pointer(&self->pipe));
    watch_events(self->pipe, waits ? UV_WRITABLE : 0);
    if (waits)
        rpc_stream_pause(self->stream);
    else
        rpc_stream_resume(self->stream);
}

static void on_pipe(void *data, int events) {
    copy *self = data;
    (void)events;
    if (self->in)
        flush_input(self);
    else
        send_output(self);
}

// ---- the call ----

static int start(copy *self, const Holm__Agent__V1__CopyHeader *header, holm_error **error) {
    int pipes[2], sockets[2];
    self->in = header->in;
    if (pipe2(pipes, O_CLOEXEC) < 0) {
        holm_error_set_errno(error, errno, "make a pipe");
        return -1;
    }
    cleanup_close int ours = pipes[header->in ? 1 : 0], theirs = pipes[header->in ? 0 : 1];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0) {
        holm_error_set_errno(error, errno, "make a report channel");
        return -1;
    }
    cleanup_close int report = sockets[0], their_report = sockets[1];
    pid_t pid = forking_fork();
    if (pid == 0)
        work(header, theirs, their_report);
    if (pid < 0 || (self->pidfd = (int)syscall(SYS_pidfd_open, pid, 0)) < 0) {
        holm_error_set_errno(error, errno, "start the copy");
        return -1;
    }
    self->pipe = watch_create(self->agent->loop, steal_fd(&ours), on_pipe, self, error);
    self->report =
        self->pipe ? watch_create(self->agent->loop, steal_fd(&report), on_report, self, error) : NULL;
    if (!self->report)
        return -1;
    watch_events(self->report, UV_READABLE);
    watch_events(self->pipe, self->in ? 0 : UV_READABLE);
    return 0;
}

static void on_message(rpc_stream *stream, const ProtobufCMessage *message, void *data) {
    copy *self = data;
    const Holm__Agent__V1__CopyMessage *part = (const void *)message;
    cleanup_error holm_error *error = NULL;
    bool started = self->report || self->has_result;
    if (part->part_case == HOLM__AGENT__V1__COPY_MESSAGE__PART_HEADER && !started) {
        if (start(self, part->header, &error) < 0) {
            finish_work(self);
            rpc_stream_fail(stream, error);
        }
    } else if (part->part_case == HOLM__AGENT__V1__COPY_MESSAGE__PART_DATA && started && self->in) {
        if (self->pipe) // else it has read enough, and says so in a moment
            buffer_append(&self->pending, part->data.data, part->data.len);
        flush_input(self);
    } else {
        fail(self, HOLM_ERROR_INVALID, "a header comes first, and data only on the way in");
    }
}

static void on_half_close(rpc_stream *stream, void *data) {
    copy *self = data;
    (void)stream;
    self->input_ended = true;
    if (!self->report && !self->has_result)
        fail(self, HOLM_ERROR_INVALID, "a header is missing");
    else if (self->in)
        flush_input(self);
}

static void on_drained(rpc_stream *stream, void *data) {
    copy *self = data;
    (void)stream;
    if (!self->in)
        send_output(self);
}

static void on_close(rpc_stream *stream, rpc_code code, const char *text, void *data) {
    copy *self = data;
    (void)stream, (void)code, (void)text;
    finish_work(self);
    buffer_finish(&self->pending);
    free(self);
}

void copy_open(rpc_stream *stream, void *data) {
    static const rpc_stream_events events = {
        .message = on_message, .half_close = on_half_close, .drained = on_drained, .close = on_close};
    copy *opened = calloc(1, sizeof *opened);
    if (!opened)
        abort();
    opened->agent = data;
    opened->stream = stream;
    opened->pidfd = -1;
    holm__agent__v1__copy_result__init(&opened->result);
    rpc_stream_set_events(stream, &events, opened);
}
