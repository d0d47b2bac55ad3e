#include "vm/qmp.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "core/base/buffer.h"
#include "core/base/trace.h"
#define LOG_MODULE "qmp"
#include "core/base/log.h"

#define LINE_MOST 1048576 // longer than anything that QEMU answers to the commands we give
#define READ_SIZE 16384

typedef struct command {
    struct command *next;
    uint64_t id;
    uint64_t begin_ns; ///< for the trace
    char *line;        ///< NULL once it is sent
    size_t length, sent;
    int fd;
    char *name;
    qmp_reply reply;
    void *data;
} command;

struct qmp {
    uv_poll_t poll;
    int fd;
    qmp_events events;
    void *data;
    buffer in;
    command *first, **last; ///< not answered yet, in the order given
    command *next_to_send;
    uint64_t next_id;
    uint64_t answered_ns; ///< when the last answer came
    bool lost;
};

static void qmp_watch(qmp *self);

static void command_free(command *self) {
    if (self->fd >= 0)
        close(self->fd);
    free(self->line);
    free(self->name);
    free(self);
}

// One after the other: a command begins when the one before it is answered, if not later.
static void command_trace(qmp *self, const command *one) {
    uint64_t now = trace_now();
    trace_span(TRACE_VMM, one->name, one->begin_ns > self->answered_ns ? one->begin_ns : self->answered_ns,
               now);
    self->answered_ns = now;
}

static void command_answer(command *self, json_t *result, const holm_error *error) {
    if (self->reply)
        self->reply(result, error, self->data);
    else if (error)
        log_warning("%s: %s", self->name, holm_error_message(error));
    command_free(self);
}

static void qmp_fail_all(qmp *self, const holm_error *error) {
    while (self->first) {
        command *one = self->first;
        self->first = one->next;
        if (!self->first)
            self->last = &self->first;
        command_answer(one, NULL, error);
    }
}

static void qmp_lose(qmp *self, const char *why) {
    if (self->lost)
        return;
    self->lost = true;
    self->next_to_send = NULL;
    uv_poll_stop(&self->poll);
    cleanup_error holm_error *error = NULL;
    holm_error_set(&error, HOLM_ERROR_UNAVAILABLE, "the VMM %s", why);
    qmp_fail_all(self, error);
    if (self->events.lost)
        self->events.lost(error, self->data);
}

json_t *qmp_parse_line(const char *line, size_t length) {
    json_t *message = json_loadb(line, length, JSON_REJECT_DUPLICATES, NULL);
    if (message && !json_is_object(message)) {
        json_decref(message);
        return NULL;
    }
    return message;
}

static void qmp_answer(qmp *self, json_t *message) {
    json_t *id = json_object_get(message, "id");
    command *one = self->first;
    // Answers come in the order of the commands (we never use out-of-band execution).
    if (!one || one->line || !json_is_integer(id) || (uint64_t)json_integer_value(id) != one->id) {
        qmp_lose(self, "answered what was not asked");
        return;
    }
    command_trace(self, one);
    self->first = one->next;
    if (!self->first)
        self->last = &self->first;
    json_t *result = json_object_get(message, "return");
    cleanup_error holm_error *error = NULL;
    if (!result) {
        const char *text = json_string_value(json_object_get(json_object_get(message, "error"), "desc"));
        holm_error_set(&error, HOLM_ERROR_INTERNAL, "%s: %s", one->name, text ? text : "no reason given");
    }
    command_answer(one, result, error);
}

static void qmp_line(qmp *self, const char *line, size_t length) {
    json_t *message = qmp_parse_line(line, length);
    if (!message) {
        qmp_lose(self, "sent a line that is not QMP");
        return;
    }
    const char *event = json_string_value(json_object_get(message, "event"));
    if (event) {
        if (self->events.event)
            self->events.event(event, json_object_get(message, "data"), self->data);
    } else if (!json_object_get(message, "QMP")) {
        qmp_answer(self, message);
    }
    json_decref(message);
}

static void qmp_read(qmp *self) {
    buffer_reserve(&self->in, READ_SIZE);
    ssize_t got = recv(self->fd, self->in.data + self->in.length, READ_SIZE, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        qmp_lose(self, "is gone");
        return;
    }
    size_t searched = self->in.length, begin = 0;
    self->in.length += (size_t)got;
    const uint8_t *end;
    while (!self->lost &&
           (end = memchr(self->in.data + searched, '\n', self->in.length - searched)) != NULL) {
        size_t stop = (size_t)(end - self->in.data);
        qmp_line(self, (const char *)self->in.data + begin, stop - begin);
        begin = searched = stop + 1;
    }
    buffer_consume(&self->in, begin);
    if (self->in.length > LINE_MOST)
        qmp_lose(self, "sent a line without an end");
}

// Sends what remains of one command, its descriptor with the first byte. False: the socket is full.
static bool command_send(qmp *self, command *one) {
    struct iovec vector = {one->line + one->sent, one->length - one->sent};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {0};
    if (one->fd >= 0) {
        message.msg_control = control.space;
        message.msg_controllen = sizeof control.space;
        control.header = (struct cmsghdr){
            .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(&control.header), &one->fd, sizeof(int));
    }
    ssize_t sent = sendmsg(self->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0) {
        // What broke the connection is told by the reader.
        return false;
    }
    if (one->fd >= 0)
        close(steal_fd(&one->fd));
    one->sent += (size_t)sent;
    if (one->sent < one->length)
        return false;
    free(steal_pointer(&one->line));
    return true;
}

static void qmp_send(qmp *self) {
    while (self->next_to_send && command_send(self, self->next_to_send))
        self->next_to_send = self->next_to_send->next;
}

static void qmp_ready(uv_poll_t *poll, int status, int events) {
    qmp *self = poll->data;
    if (status < 0) {
        qmp_lose(self, "is gone");
        return;
    }
    if (events & UV_WRITABLE)
        qmp_send(self);
    if (events & UV_READABLE)
        qmp_read(self);
    qmp_watch(self);
}

static void qmp_watch(qmp *self) {
    if (!self->lost && !uv_is_closing((uv_handle_t *)&self->poll))
        uv_poll_start(&self->poll, UV_READABLE | (self->next_to_send ? UV_WRITABLE : 0), qmp_ready);
}

qmp *qmp_create(uv_loop_t *loop, int fd, const qmp_events *events, void *data, holm_error **error) {
    qmp *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    *self = (qmp){.fd = fd, .events = *events, .data = data};
    self->last = &self->first;
    int failed = uv_poll_init(loop, &self->poll, fd);
    if (failed) {
        holm_error_set_errno(error, -failed, "watch the VMM's control socket");
        close(fd);
        free(self);
        return NULL;
    }
    self->poll.data = self;
    trace_row(TRACE_VMM, "QEMU");
    qmp_execute(self, "qmp_capabilities", NULL, -1, NULL, NULL);
    qmp_watch(self);
    return self;
}

void qmp_execute(qmp *self, const char *name, json_t *arguments, int fd, qmp_reply reply, void *data) {
    command *one = calloc(1, sizeof *one);
    if (!one)
        abort();
    *one = (command){.id = self->next_id++,
                     .begin_ns = trace_now(),
                     .fd = fd,
                     .name = strdup(name),
                     .reply = reply,
                     .data = data};
    if (self->lost) {
        json_decref(arguments);
        cleanup_error holm_error *error = NULL;
        holm_error_set(&error, HOLM_ERROR_UNAVAILABLE, "the VMM is gone");
        command_answer(one, NULL, error);
        return;
    }
    json_t *message = json_pack("{s:s, s:I}", "execute", name, "id", (json_int_t)one->id);
    if (!message || !one->name)
        abort();
    if (arguments)
        json_object_set_new(message, "arguments", arguments);
    char *text = json_dumps(message, JSON_COMPACT);
    json_decref(message);
    if (!text)
        abort();
    log_debug("%s", text);
    one->length = strlen(text) + 1;
    one->line = realloc(text, one->length + 1);
    if (!one->line)
        abort();
    memcpy(one->line + one->length - 1, "\n", 2);
    *self->last = one;
    self->last = &one->next;
    if (!self->next_to_send) {
        self->next_to_send = one;
        qmp_send(self);
        qmp_watch(self);
    }
}

static void qmp_closed(uv_handle_t *handle) {
    qmp *self = handle->data;
    close(self->fd);
    buffer_finish(&self->in);
    free(self);
}

void qmp_destroy(qmp *self) {
    if (!self)
        return;
    self->lost = true;
    self->next_to_send = NULL;
    uv_close((uv_handle_t *)&self->poll, qmp_closed);
    cleanup_error holm_error *error = NULL;
    holm_error_set(&error, HOLM_ERROR_CANCELLED, "the machine was closed");
    qmp_fail_all(self, error);
}
