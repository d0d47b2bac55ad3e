// Standard streams between a process and whoever is attached.
//
// Output is read only while the attached stream is not congested, so a slow reader slows the writer. What was
// given to a stream is kept until its connection has taken it: an attachment that takes over, or comes later,
// gets it. A message that has begun to leave is the old one's: its answer ends whole, with trailers, because
// clients drop what they have not read yet when a stream is reset.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "guest/process.h"

#define CHUNK_SIZE  65536
#define PUMP_CHUNKS 8 ///< in one go, so that others get their turn

struct process_chunk {
    process_chunk *next;
    bool is_error;
    size_t length;
    uint64_t number; ///< which message of its attachment it is, from 0
    uint8_t data[];
};

struct process_attachment {
    agent *agent;
    rpc_stream *stream;
    process *process; ///< NULL before the header and once taken over
    uint64_t sent;    ///< messages given to the stream
};

static void on_output(void *data, int events) {
    (void)events;
    process_streams_pump(data);
}

// ---- output ----

static void send_message(process_attachment *self, const ProtobufCMessage *message) {
    self->sent++;
    rpc_stream_send(self->stream, message);
}

static void send_chunk(process *self, process_chunk *chunk) {
    Holm__Agent__V1__AttachOutput message = HOLM__AGENT__V1__ATTACH_OUTPUT__INIT;
    ProtobufCBinaryData bytes = {.len = chunk->length, .data = chunk->data};
    if (chunk->is_error) {
        message.part_case = HOLM__AGENT__V1__ATTACH_OUTPUT__PART_STDERR;
        message.stderr = bytes;
    } else {
        message.part_case = HOLM__AGENT__V1__ATTACH_OUTPUT__PART_STDOUT;
        message.stdout = bytes;
    }
    chunk->number = self->attachment->sent;
    send_message(self->attachment, &message.base);
}

static void keep_chunk(process *self, process_chunk *chunk) {
    chunk->next = NULL;
    *self->chunks_end = chunk;
    self->chunks_end = &chunk->next;
}

// Drops the chunks that are among the attachment's first `count` messages.
static void forget_chunks(process *self, uint64_t count) {
    while (self->chunks && self->chunks->number < count) {
        process_chunk *sent = self->chunks;
        self->chunks = sent->next;
        free(sent);
    }
    if (!self->chunks)
        self->chunks_end = &self->chunks;
}

// Drops what the connection has taken as a whole.
static void forget_sent(process *self) {
    forget_chunks(self, rpc_stream_taken(self->attachment->stream));
}

static void end_output(process *self, size_t index) {
    self->ended[index] = true;
    watch_destroy(steal_pointer(&self->output[index]));
}

static void send_closed(process *self) {
    Holm__Agent__V1__AttachOutput message = HOLM__AGENT__V1__ATTACH_OUTPUT__INIT;
    Holm__Agent__V1__Closed closed = HOLM__AGENT__V1__CLOSED__INIT;
    closed.stdout = self->ended[0];
    closed.stderr = self->ended[1];
    message.part_case = HOLM__AGENT__V1__ATTACH_OUTPUT__PART_CLOSED;
    message.closed = &closed;
    send_message(self->attachment, &message.base);
}

static void send_exit(process *self) {
    Holm__Agent__V1__AttachOutput message = HOLM__AGENT__V1__ATTACH_OUTPUT__INIT;
    rpc_stream *stream = self->attachment->stream;
    message.part_case = HOLM__AGENT__V1__ATTACH_OUTPUT__PART_EXIT;
    message.exit = &self->exit;
    self->attachment->process = NULL;
    self->attachment = NULL;
    rpc_stream_send(stream, &message.base);
    rpc_stream_finish(stream, RPC_OK, NULL);
}

// Reads and sends one chunk. Returns false when there is nothing now, or the stream has ended.
static bool pump_chunk(process *self, size_t index) {
    uint8_t data[CHUNK_SIZE];
    ssize_t got = read(watch_fd(self->output[index]), data, sizeof data);
    if (got < 0 && errno == EINTR)
        return true;
    // Once the process has ended, what others may still hold open is not waited for; all it wrote has been
    // read.
    if (got < 0 && errno == EAGAIN && self->state != PROCESS_EXITED)
        return false;
    if (got <= 0) { // EIO: a terminal that nobody has open
        end_output(self, index);
        return false;
    }
    process_chunk *chunk = malloc(sizeof *chunk + (size_t)got);
    if (!chunk)
        abort();
    *chunk = (process_chunk){.is_error = index == 1, .length = (size_t)got};
    memcpy(chunk->data, data, (size_t)got);
    send_chunk(self, chunk);
    keep_chunk(self, chunk);
    forget_sent(self);
    return true;
}

static void pump_output(process *self, size_t index) {
    bool was_open = !self->ended[index];
    for (unsigned i = 0; i < PUMP_CHUNKS && !self->ended[index] && self->output[index]; i++)
        if (rpc_stream_congested(self->attachment->stream) || !pump_chunk(self, index))
            break;
    bool wanted = self->attachment && !rpc_stream_congested(self->attachment->stream);
    watch_events(self->output[index], wanted ? UV_READABLE : 0);
    if (was_open && self->ended[index])
        send_closed(self);
}

void process_streams_pump(process *self) {
    if (!self->attachment)
        return;
    for (size_t i = 0; i < 2; i++)
        pump_output(self, i);
    if (self->state == PROCESS_EXITED && self->ended[0] && self->ended[1])
        send_exit(self);
}

// ---- input ----

static void end_input(process *self) {
    watch_destroy(steal_pointer(&self->input));
    buffer_finish(&self->pending);
}

// Writes what waits. What the process does not take now keeps the client from sending more.
static void flush_input(process *self) {
    while (self->input && self->pending.length) {
        ssize_t wrote = write(watch_fd(self->input), self->pending.data, self->pending.length);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0 && errno == EAGAIN)
            break;
        if (wrote < 0) // nobody reads it any more
            end_input(self);
        else
            buffer_consume(&self->pending, (size_t)wrote);
    }
    if (self->close_input && self->pending.length == 0)
        end_input(self);
    bool waits = self->held || (self->input && self->pending.length);
    watch_events(self->input, waits ? UV_WRITABLE : 0);
    if (!self->attachment)
        return;
    if (waits)
        rpc_stream_pause(self->attachment->stream);
    else
        rpc_stream_resume(self->attachment->stream);
}

static void on_input_ready(void *data, int events) {
    (void)events;
    flush_input(data);
}

static void take_input(process *self, const ProtobufCBinaryData *bytes) {
    if (!self->input || self->close_input)
        return;
    // What the process takes at once is not copied.
    ssize_t wrote = self->pending.length ? 0 : write(watch_fd(self->input), bytes->data, bytes->len);
    size_t done = wrote > 0 ? (size_t)wrote : 0;
    if (done == bytes->len)
        return;
    buffer_append(&self->pending, bytes->data + done, bytes->len - done);
    flush_input(self);
}

// A terminal is not closed: its user types the end of file.
static void take_close(process *self) {
    if (self->input && self->terminal)
        buffer_append(&self->pending, "\x04", 1);
    else
        self->close_input = true;
    flush_input(self);
}

// ---- life ----

void process_streams_init(process *self) {
    self->slave = -1;
    self->chunks_end = &self->chunks;
    self->ended[1] = self->terminal;
}

int process_streams_open(process *self, int input, int output, int error_output, holm_error **error) {
    cleanup_close int out = output, err = error_output;
    if (input >= 0 && !(self->input = watch_create(self->agent->loop, input, on_input_ready, self, error)))
        return -1;
    if (!(self->output[0] = watch_create(self->agent->loop, steal_fd(&out), on_output, self, error)))
        return -1;
    if (err >= 0 &&
        !(self->output[1] = watch_create(self->agent->loop, steal_fd(&err), on_output, self, error)))
        return -1;
    flush_input(self); // whoever is attached already may send now
    return 0;
}

int process_streams_resize(const process *self, uint32_t columns, uint32_t rows) {
    struct winsize size = {.ws_col = (unsigned short)columns, .ws_row = (unsigned short)rows};
    if (!self->output[0]) {
        errno = EBADF;
        return -1;
    }
    return ioctl(watch_fd(self->output[0]), TIOCSWINSZ, &size);
}

void process_streams_finish(process *self, const holm_error *error) {
    process_attachment *attached = steal_pointer(&self->attachment);
    if (attached) {
        attached->process = NULL;
        if (error)
            rpc_stream_fail(attached->stream, error);
        else
            rpc_stream_finish(attached->stream, RPC_ABORTED, "the process was deleted");
    }
    end_input(self);
    end_output(self, 0);
    end_output(self, 1);
    if (self->slave >= 0)
        close(steal_fd(&self->slave));
    while (self->chunks) {
        process_chunk *next = self->chunks->next;
        free(self->chunks);
        self->chunks = next;
    }
}

// ---- attachments ----

// Leaves the process with what is not among the `count` first messages, for whoever comes next.
static void detach(process_attachment *self, uint64_t count) {
    process *left = steal_pointer(&self->process);
    if (!left)
        return;
    forget_chunks(left, count);
    left->attachment = NULL;
    for (size_t i = 0; i < 2; i++)
        watch_events(left->output[i], 0);
}

static void take_over(process_attachment *old) {
    detach(old, rpc_stream_retract(old->stream));
    rpc_stream_finish(old->stream, RPC_ABORTED, "another attachment took over");
}

static void attach(process_attachment *self, process *to) {
    if (to->attachment)
        take_over(to->attachment);
    to->attachment = self;
    self->process = to;
    for (process_chunk *each = to->chunks; each; each = each->next)
        send_chunk(to, each);
    if (to->ended[0] || (to->ended[1] && !to->terminal))
        send_closed(to);
    flush_input(to);
    process_streams_pump(to);
}

static void take_resize(const process *self, const Holm__Agent__V1__WindowSize *size) {
    if (self->terminal)
        process_streams_resize(self, size->columns, size->rows);
}

static void on_message(rpc_stream *stream, const ProtobufCMessage *message, void *data) {
    process_attachment *self = data;
    const Holm__Agent__V1__AttachInput *input = (const void *)message;
    if (input->part_case == HOLM__AGENT__V1__ATTACH_INPUT__PART_HEADER) {
        cleanup_error holm_error *error = NULL;
        process *found = self->process ? NULL : process_get(self->agent, input->header->process, &error);
        if (found)
            attach(self, found);
        else if (error)
            rpc_stream_fail(stream, error);
        else
            rpc_stream_finish(stream, RPC_INVALID_ARGUMENT, "a second header");
        return;
    }
    if (!self->process) {
        rpc_stream_finish(stream, RPC_INVALID_ARGUMENT, "the header comes first");
        return;
    }
    if (input->part_case == HOLM__AGENT__V1__ATTACH_INPUT__PART_STDIN)
        take_input(self->process, &input->stdin);
    else if (input->part_case == HOLM__AGENT__V1__ATTACH_INPUT__PART_CLOSE_STDIN)
        take_close(self->process);
    else if (input->part_case == HOLM__AGENT__V1__ATTACH_INPUT__PART_RESIZE)
        take_resize(self->process, input->resize);
}

static void on_drained(rpc_stream *stream, void *data) {
    process_attachment *self = data;
    (void)stream;
    if (!self->process)
        return;
    forget_sent(self->process);
    process_streams_pump(self->process);
}

static void on_close(rpc_stream *stream, rpc_code code, const char *text, void *data) {
    process_attachment *self = data;
    (void)code, (void)text;
    detach(self, rpc_stream_taken(stream));
    free(self);
}

void process_attach_open(rpc_stream *stream, void *data) {
    static const rpc_stream_events events = {.message = on_message, .drained = on_drained, .close = on_close};
    process_attachment *opened = calloc(1, sizeof *opened);
    if (!opened)
        abort();
    opened->agent = data;
    opened->stream = stream;
    rpc_stream_set_events(stream, &events, opened);
}
