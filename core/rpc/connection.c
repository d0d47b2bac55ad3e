// A connection on the loop: reads and writes the socket, keeps the deadlines, and tells the streams.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/rpc/internal.h"

#define READ_SIZE       (128u << 10)
#define READS_PER_EVENT 2 // then others on the loop have their turn

void *rpc_allocate(size_t size) {
    void *memory = calloc(1, size);
    if (!memory)
        abort();
    return memory;
}

static void settle(rpc_connection *connection);

static void on_idle(uv_idle_t *idle) {
    rpc_connection *connection = idle->data;
    connection->inside = true;
    settle(connection);
}

void rpc_connection_schedule(rpc_connection *connection) {
    if (!connection->inside && !uv_is_closing((uv_handle_t *)&connection->idle))
        uv_idle_start(&connection->idle, on_idle);
}

void rpc_connection_add_work(rpc_stream *stream) {
    rpc_connection *connection = stream->connection;
    if (!stream->in_work) {
        stream->in_work = true;
        stream->next_work = NULL;
        *connection->work_end = stream;
        connection->work_end = &stream->next_work;
    }
    rpc_connection_schedule(connection);
}

// Streams that wait for bytes to be written look again.
static void wake_waiting(rpc_connection *connection) {
    rpc_stream *stream = steal_pointer(&connection->waiting);
    while (stream) {
        rpc_stream *next = stream->next_work;
        stream->in_work = false;
        rpc_connection_add_work(stream);
        stream = next;
    }
}

// ---- the end ----

static void on_closed(uv_handle_t *handle) {
    rpc_connection *connection = handle->data;
    if (--connection->handles)
        return;
    rpc_server *server = connection->server;
    nghttp2_session_del(connection->session);
    buffer_finish(&connection->output);
    free(connection);
    if (server)
        rpc_server_connection_freed(server);
}

void rpc_connection_lose(rpc_connection *connection) {
    if (connection->lost)
        return;
    connection->lost = true;
    uv_close((uv_handle_t *)&connection->poll, on_closed); // before the descriptor: its number is used again
    close(steal_fd(&connection->fd));
    uv_timer_stop(&connection->timer);
    for (rpc_stream *stream = connection->streams; stream; stream = stream->next) {
        stream->id = 0;
        rpc_stream_end(stream, connection->server ? RPC_CANCELLED : RPC_UNAVAILABLE,
                       connection->destroyed ? "the connection was closed" : "the connection is lost");
        rpc_connection_add_work(stream);
    }
    wake_waiting(connection);
}

void rpc_connection_destroy(rpc_connection *connection) {
    if (!connection || connection->destroyed)
        return;
    connection->destroyed = true;
    for (rpc_stream *stream = connection->streams; stream; stream = stream->next)
        rpc_stream_drop(stream);
    rpc_connection_schedule(connection);
}

// Lost, and every stream has been told.
static void finish(rpc_connection *connection) {
    if (connection->destroyed) {
        uv_close((uv_handle_t *)&connection->idle, on_closed);
        uv_close((uv_handle_t *)&connection->timer, on_closed);
    } else if (connection->server) {
        rpc_server_connection_lost(connection);
    } else if (!connection->closed_told) {
        connection->closed_told = true;
        if (connection->closed)
            connection->closed(connection, connection->data);
    }
}

// ---- writing ----

static void on_poll(uv_poll_t *poll, int status, int events);

static void set_blocked(rpc_connection *connection, bool blocked) {
    if (connection->blocked == blocked)
        return;
    connection->blocked = blocked;
    uv_poll_start(&connection->poll, UV_READABLE | (blocked ? UV_WRITABLE : 0), on_poll);
}

// Serialises what nghttp2 has to send. Returns false when the session is broken.
static bool fill_output(rpc_connection *connection) {
    while (connection->output.length < RPC_OUTPUT_MAX) {
        const uint8_t *bytes = NULL;
        uint64_t before = connection->produced;
        ssize_t length = nghttp2_session_mem_send(connection->session, &bytes);
        if (length < 0)
            return false;
        buffer_append(&connection->output, bytes, (size_t)length);
        connection->produced += (uint64_t)length;
        if (connection->produced == before)
            break;
    }
    return true;
}

// Writes what is serialised. Returns false when the socket is broken; blocks nothing.
static bool write_output(rpc_connection *connection) {
    buffer *output = &connection->output;
    while (connection->output_taken < output->length) {
        ssize_t written = send(connection->fd, output->data + connection->output_taken,
                               output->length - connection->output_taken, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            set_blocked(connection, true);
            return true;
        }
        if (written < 0)
            return false;
        connection->output_taken += (size_t)written;
        connection->written += (uint64_t)written;
    }
    buffer_clear(output);
    connection->output_taken = 0;
    set_blocked(connection, false);
    return true;
}

static void flush(rpc_connection *connection) {
    nghttp2_session *session = connection->session;
    uint64_t before = connection->written;
    bool sound = write_output(connection);
    while (sound && !connection->output.length) {
        sound = fill_output(connection);
        if (!sound || !connection->output.length)
            break;
        sound = write_output(connection);
    }
    // A peer that makes us answer and never reads.
    if (connection->server && nghttp2_session_get_outbound_queue_size(session) > RPC_OUTBOUND_MAX)
        sound = false;
    if (!connection->output.length && !nghttp2_session_want_read(session) &&
        !nghttp2_session_want_write(session))
        sound = false;
    if (!sound)
        rpc_connection_lose(connection);
    else if (connection->written != before)
        wake_waiting(connection);
}

// ---- the loop ----

// One round: the streams that have work now, then the socket. More work waits for the next round, so that
// one busy connection does not keep the loop.
static void settle(rpc_connection *connection) {
    rpc_stream *stream = steal_pointer(&connection->work);
    connection->work_end = &connection->work;
    while (stream) {
        rpc_stream *next = stream->next_work;
        stream->in_work = false;
        rpc_stream_dispatch(stream);
        stream = next;
    }
    if (!connection->lost)
        flush(connection);
    if (connection->destroyed)
        rpc_connection_lose(connection);
    connection->inside = false;
    bool over = connection->lost && !connection->streams;
    if (connection->work && !over) {
        rpc_connection_schedule(connection);
        return;
    }
    uv_idle_stop(&connection->idle);
    if (over)
        finish(connection);
}

static void read_socket(rpc_connection *connection) {
    uint8_t chunk[READ_SIZE];
    for (int i = 0; i < READS_PER_EVENT && !connection->lost; i++) {
        ssize_t length = recv(connection->fd, chunk, sizeof chunk, MSG_DONTWAIT);
        if (length < 0 && errno == EINTR)
            continue;
        if (length < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return;
        if (length <= 0 || nghttp2_session_mem_recv(connection->session, chunk, (size_t)length) < 0) {
            rpc_connection_lose(connection);
            return;
        }
        if ((size_t)length < sizeof chunk)
            return;
    }
}

static void on_poll(uv_poll_t *poll, int status, int events) {
    rpc_connection *connection = poll->data;
    connection->inside = true;
    if (status < 0 || events & UV_READABLE)
        read_socket(connection);
    if (status < 0)
        rpc_connection_lose(connection); // after what had arrived before
    settle(connection);
}

static void on_timer(uv_timer_t *timer);

static void arm_timer(rpc_connection *connection) {
    uint64_t now = uv_now(connection->loop);
    uint64_t next = connection->next_deadline;
    if (next && !connection->lost)
        uv_timer_start(&connection->timer, on_timer, next > now ? next - now : 0, 0);
}

static void on_timer(uv_timer_t *timer) {
    rpc_connection *connection = timer->data;
    uint64_t now = uv_now(connection->loop);
    connection->inside = true;
    connection->next_deadline = 0;
    for (rpc_stream *stream = connection->streams; stream; stream = stream->next) {
        if (!stream->deadline || stream->ended)
            continue;
        if (stream->deadline <= now)
            rpc_stream_abort(stream, RPC_DEADLINE_EXCEEDED, "no answer in time");
        else if (!connection->next_deadline || stream->deadline < connection->next_deadline)
            connection->next_deadline = stream->deadline;
    }
    arm_timer(connection);
    settle(connection);
}

void rpc_connection_add_deadline(rpc_stream *stream, uint64_t timeout_ms) {
    rpc_connection *connection = stream->connection;
    uv_update_time(connection->loop);
    stream->deadline = uv_now(connection->loop) + timeout_ms;
    if (connection->next_deadline && connection->next_deadline <= stream->deadline)
        return;
    connection->next_deadline = stream->deadline;
    arm_timer(connection);
}

static void init_handles(rpc_connection *connection) {
    uv_idle_init(connection->loop, &connection->idle);
    uv_timer_init(connection->loop, &connection->timer);
    connection->poll.data = connection->idle.data = connection->timer.data = connection;
    connection->handles = 3;
}

rpc_connection *rpc_connection_start(uv_loop_t *loop, int fd, rpc_server *server, holm_error **error) {
    cleanup_close int owned = fd;
    rpc_connection *connection = rpc_allocate(sizeof *connection);
    connection->loop = loop;
    connection->server = server;
    connection->work_end = &connection->work;
    if (rpc_session_create(connection) < 0) {
        holm_error_set(error, HOLM_ERROR_NO_MEMORY, "no memory for a connection");
        nghttp2_session_del(connection->session);
        free(connection);
        return NULL;
    }
    int failed = uv_poll_init(loop, &connection->poll, fd);
    if (failed) {
        holm_error_set_errno(error, -failed, "watch a connection");
        nghttp2_session_del(connection->session);
        free(connection);
        return NULL;
    }
    init_handles(connection);
    connection->fd = steal_fd(&owned);
    uv_poll_start(&connection->poll, UV_READABLE, on_poll);
    rpc_connection_schedule(connection);
    return connection;
}
