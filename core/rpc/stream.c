// One call: its queue to the peer, its messages from the peer, its end.
#include <stdlib.h>
#include <string.h>

#include "core/rpc/internal.h"

#define KEEP_QUEUE (1u << 20) // a larger queue is given back once it is empty

rpc_stream *rpc_stream_create(rpc_connection *connection) {
    rpc_stream *stream = rpc_allocate(sizeof *stream);
    stream->connection = connection;
    stream->next = connection->streams;
    if (stream->next)
        stream->next->previous = stream;
    connection->streams = stream;
    return stream;
}

void rpc_stream_destroy(rpc_stream *stream) {
    rpc_connection *connection = stream->connection;
    connection->held -= rpc_frame_reader_held(&stream->reader);
    if (stream->next)
        stream->next->previous = stream->previous;
    if (stream->previous)
        stream->previous->next = stream->next;
    else
        connection->streams = stream->next;
    rpc_frame_reader_finish(&stream->reader);
    buffer_finish(&stream->queue);
    free(stream->path);
    free(stream->timeout);
    free(stream->error_name);
    free(stream->hint);
    free(stream->seams);
    free(stream->text);
    free(stream);
}

void rpc_stream_set_events(rpc_stream *stream, const rpc_stream_events *events, void *data) {
    stream->events = events ? *events : (rpc_stream_events){0};
    stream->data = data;
}

void *rpc_stream_data(const rpc_stream *stream) {
    return stream->data;
}

rpc_connection *rpc_stream_connection(const rpc_stream *stream) {
    return stream->connection;
}

// ---- from the peer ----

// Nothing that arrives is told any more.
static bool is_deaf(const rpc_stream *stream) {
    return stream->finishing || (stream->ended && !stream->orderly) || stream->connection->destroyed;
}

static void consume(rpc_stream *stream, size_t length) {
    if (length && stream->id && !stream->connection->lost)
        nghttp2_session_consume_stream(stream->connection->session, stream->id, length);
}

static void deliver_message(rpc_stream *stream, rpc_frame_span bytes) {
    const ProtobufCMessageDescriptor *descriptor =
        stream->connection->server ? stream->method->request : stream->method->response;
    ProtobufCMessage *message = rpc_message_decode(descriptor, bytes);
    if (!message) {
        rpc_stream_abort(stream, stream->connection->server ? RPC_INVALID_ARGUMENT : RPC_INTERNAL,
                         "a message that cannot be decoded");
        return;
    }
    stream->delivering = message;
    if (stream->events.message)
        stream->events.message(stream, message, stream->data);
    rpc_message_free(steal_pointer(&stream->delivering));
}

ProtobufCMessage *rpc_stream_steal_message(rpc_stream *stream) {
    return steal_pointer(&stream->delivering);
}

static void deliver_messages(rpc_stream *stream, rpc_frame_span *chunk) {
    while (!stream->paused && !is_deaf(stream)) {
        rpc_frame_span message;
        switch (rpc_frame_reader_next(&stream->reader, chunk, &message)) {
        case RPC_FRAME_MORE:
            return;
        case RPC_FRAME_MESSAGE:
            deliver_message(stream, message);
            break;
        case RPC_FRAME_TOO_LARGE:
            rpc_stream_abort(stream, RPC_RESOURCE_EXHAUSTED, "a message is over the bound of 4 MiB");
            break;
        case RPC_FRAME_COMPRESSED:
            rpc_stream_abort(stream, RPC_UNIMPLEMENTED, "compressed messages are not supported");
            break;
        }
    }
}

// Delivers what can be, keeps the rest, and opens the peer's window by what is done with.
static void deliver(rpc_stream *stream, rpc_frame_span chunk) {
    rpc_connection *connection = stream->connection;
    size_t before = rpc_frame_reader_held(&stream->reader);
    deliver_messages(stream, &chunk);
    if (is_deaf(stream))
        rpc_frame_reader_finish(&stream->reader);
    else
        rpc_frame_reader_keep(&stream->reader, chunk);
    size_t after = rpc_frame_reader_held(&stream->reader);
    connection->held = connection->held - before + after;
    size_t left = stream->paused && stream->unconsumed > after ? after : stream->unconsumed;
    if (!stream->paused)
        left = 0; // part of a message: the rest must be able to come
    size_t done = stream->unconsumed - left;
    stream->unconsumed = left;
    consume(stream, done);
}

void rpc_stream_receive(rpc_stream *stream, rpc_frame_span chunk) {
    bool wrong_answer = !stream->connection->server && stream->http_status != 200;
    if (is_deaf(stream) || !stream->opened || wrong_answer) {
        consume(stream, chunk.length);
        return;
    }
    stream->unconsumed += chunk.length;
    deliver(stream, chunk);
    if (stream->connection->held > RPC_HELD_MAX)
        rpc_stream_abort(stream, RPC_RESOURCE_EXHAUSTED, "too many bytes wait on this connection");
}

void rpc_stream_pause(rpc_stream *stream) {
    stream->paused = true;
}

void rpc_stream_resume(rpc_stream *stream) {
    if (!stream->paused)
        return;
    stream->paused = false;
    rpc_connection_add_work(stream);
}

// ---- to the peer ----

static bool is_closed_for_sending(const rpc_stream *stream) {
    return stream->ended || stream->finishing || stream->half_closed || stream->connection->destroyed;
}

size_t rpc_stream_queued(const rpc_stream *stream) {
    return stream->queue.length - stream->queue_taken;
}

uint64_t rpc_stream_taken(const rpc_stream *stream) {
    return stream->messages_taken;
}

uint64_t rpc_stream_retract(rpc_stream *stream) {
    if (stream->ended)
        return stream->messages_taken;
    stream->queue.length = stream->queue_taken + stream->begun;
    stream->congested = stream->drained = false;
    return stream->messages_taken + (stream->begun > 0);
}

// Follows the messages through the first `length` bytes of the queue, which leave it.
static void count_taken(rpc_stream *stream, size_t length) {
    const uint8_t *at = stream->queue.data + stream->queue_taken;
    while (length) {
        if (!stream->begun)
            stream->begun = rpc_frame_length(at);
        size_t part = stream->begun < length ? stream->begun : length;
        stream->begun -= part;
        stream->messages_taken += !stream->begun;
        at += part;
        length -= part;
    }
}

bool rpc_stream_congested(const rpc_stream *stream) {
    return stream->congested;
}

void rpc_stream_sent(rpc_stream *stream, size_t length) {
    count_taken(stream, length);
    stream->queue_taken += length;
    if (stream->queue_taken == stream->queue.length) {
        if (stream->queue.capacity > KEEP_QUEUE)
            buffer_finish(&stream->queue);
        else
            buffer_clear(&stream->queue);
        stream->queue_taken = 0;
    }
    if (stream->congested && rpc_stream_queued(stream) <= RPC_SEND_HIGH / 2) {
        stream->congested = false;
        stream->drained = true;
        rpc_connection_add_work(stream);
    }
}

// Lets nghttp2 read the queue: begins the response, or goes on.
static void kick(rpc_stream *stream) {
    rpc_connection *connection = stream->connection;
    rpc_connection_schedule(connection);
    if (!stream->id || connection->lost)
        return;
    if (!stream->started) {
        nghttp2_nv headers[] = {rpc_session_header(":status", "200"),
                                rpc_session_header("content-type", "application/grpc")};
        nghttp2_data_provider provider = rpc_session_data_provider();
        stream->started = true;
        if (nghttp2_submit_response(connection->session, stream->id, headers, array_length(headers),
                                    &provider))
            rpc_connection_lose(connection);
    } else if (stream->deferred) {
        stream->deferred = false;
        nghttp2_session_resume_data(connection->session, stream->id);
    }
}

// Moves the queue's rest to the front once half of it is done with, so that it does not grow for ever.
static void compact_queue(rpc_stream *stream) {
    if (stream->queue_taken < stream->queue.length / 2 || !stream->queue_taken)
        return;
    buffer_consume(&stream->queue, stream->queue_taken);
    stream->queue_taken = 0;
}

void rpc_stream_send(rpc_stream *stream, const ProtobufCMessage *message) {
    if (is_closed_for_sending(stream))
        return;
    compact_queue(stream);
    if (!rpc_frame_append(&stream->queue, message)) {
        rpc_stream_abort(stream, RPC_RESOURCE_EXHAUSTED, "a message is over the bound of 4 MiB");
        return;
    }
    if (rpc_stream_queued(stream) > RPC_SEND_HIGH) {
        stream->congested = true;
        stream->drained = false;
    }
    kick(stream);
}

static size_t trailers_of(rpc_stream *stream, char number[static 4], char **text, char **hint,
                          nghttp2_nv out[static 5]) {
    size_t count = 0;
    snprintf(number, 4, "%u", (unsigned)stream->code % 100);
    out[count++] = rpc_session_header("grpc-status", number);
    if (stream->text && *stream->text) {
        *text = rpc_percent_encode(stream->text, RPC_TEXT_MAX);
        out[count++] = rpc_session_header("grpc-message", *text);
    }
    if (stream->error_name)
        out[count++] = rpc_session_header("holm-error", stream->error_name);
    if (stream->hint) {
        *hint = rpc_percent_encode(stream->hint, RPC_HINT_MAX);
        out[count++] = rpc_session_header("holm-hint", *hint);
    }
    if (stream->seams)
        out[count++] = rpc_session_header("holm-seams", stream->seams);
    return count;
}

int rpc_stream_submit_trailers(rpc_stream *stream) {
    char number[4];
    cleanup_free char *text = NULL;
    cleanup_free char *hint = NULL;
    nghttp2_nv headers[7] = {rpc_session_header(":status", "200"),
                             rpc_session_header("content-type", "application/grpc")};
    size_t count = trailers_of(stream, number, &text, &hint, headers + 2);
    nghttp2_session *session = stream->connection->session;
    if (stream->started)
        return nghttp2_submit_trailer(session, stream->id, headers + 2, count);
    stream->started = true; // "Trailers-Only": one block of headers is the whole answer
    return nghttp2_submit_response(session, stream->id, headers, count + 2, NULL);
}

// ---- the end ----

// Once: a second one for a request that has not left yet would reach the peer, for a stream it does not know.
static void reset(rpc_stream *stream, uint32_t error_code) {
    if (!stream->id || stream->reset || stream->connection->lost)
        return;
    stream->reset = true;
    nghttp2_submit_rst_stream(stream->connection->session, NGHTTP2_FLAG_NONE, stream->id, error_code);
}

static void set_end(rpc_stream *stream, rpc_code code, const char *text) {
    char *copy = text && *text ? strdup(text) : NULL;
    free(stream->text);
    stream->text = copy;
    stream->code = code;
}

void rpc_stream_end(rpc_stream *stream, rpc_code code, const char *text) {
    if (stream->ended)
        return;
    stream->ended = true;
    set_end(stream, code, text);
    rpc_connection_add_work(stream);
}

// A server's stream, once its code and text are set: trailers after the queue.
static void finish_stream(rpc_stream *stream) {
    stream->finishing = true;
    stream->drained = false;
    rpc_connection_add_work(stream); // gives back what the reader holds
    if (stream->id && !stream->started && !rpc_stream_queued(stream))
        rpc_stream_submit_trailers(stream);
    else
        kick(stream);
}

void rpc_stream_abort(rpc_stream *stream, rpc_code code, const char *text) {
    if (stream->ended)
        return;
    rpc_connection *connection = stream->connection;
    buffer_finish(&stream->queue);
    stream->queue_taken = 0;
    if (connection->server && !stream->started && stream->id && !connection->lost) {
        set_end(stream, code, text);
        finish_stream(stream);
        return;
    }
    rpc_stream_end(stream, code, text);
    reset(stream, rpc_code_to_reset(code));
}

void rpc_stream_half_close(rpc_stream *stream) {
    if (stream->connection->server) {
        rpc_stream_finish(stream, RPC_OK, NULL);
    } else if (!is_closed_for_sending(stream)) {
        stream->half_closed = true;
        kick(stream);
    }
}

void rpc_stream_finish(rpc_stream *stream, rpc_code code, const char *text) {
    if (is_closed_for_sending(stream) || !stream->connection->server)
        return;
    set_end(stream, code, text);
    finish_stream(stream);
}

void rpc_stream_fail(rpc_stream *stream, const holm_error *error) {
    if (is_closed_for_sending(stream) || !stream->connection->server)
        return;
    const char *hint = holm_error_hint_of(error);
    stream->error_name = strdup(holm_error_code_name(holm_error_code_of(error)));
    stream->hint = hint ? strdup(hint) : NULL;
    stream->seams = holm_error_seams(error);
    rpc_stream_finish(stream, rpc_code_from_error(holm_error_code_of(error)), holm_error_message(error));
}

void rpc_stream_reply(rpc_stream *stream, const ProtobufCMessage *message) {
    rpc_stream_send(stream, message);
    rpc_stream_finish(stream, RPC_OK, NULL);
}

void rpc_stream_cancel(rpc_stream *stream) {
    if (!stream->ended) {
        buffer_finish(&stream->queue);
        stream->queue_taken = 0;
        rpc_stream_end(stream, RPC_CANCELLED, "cancelled");
        reset(stream, NGHTTP2_CANCEL);
    } else if (stream->orderly) {
        stream->orderly = false; // what waits for a paused reader is not wanted any more
        set_end(stream, RPC_CANCELLED, "cancelled");
        rpc_connection_add_work(stream);
    }
}

void rpc_stream_drop(rpc_stream *stream) {
    if (!stream->ended || !stream->orderly || !rpc_frame_reader_held(&stream->reader))
        return;
    stream->orderly = false;
    set_end(stream, RPC_UNAVAILABLE, "the connection was closed");
    rpc_connection_add_work(stream);
}

holm_error *rpc_stream_error(const rpc_stream *stream) {
    if (stream->code == RPC_OK)
        return NULL;
    holm_error_code code =
        stream->error_name ? holm_error_code_parse(stream->error_name) : rpc_code_to_error(stream->code);
    holm_error *error = NULL;
    if (stream->text && *stream->text)
        holm_error_set(&error, code, "%s", stream->text);
    else
        holm_error_set(&error, code, "call %s: %s", stream->method ? stream->method->name : "of no method",
                       rpc_code_name(stream->code));
    if (stream->hint)
        holm_error_hint(&error, "%s", stream->hint);
    holm_error_split(error, stream->seams);
    return error;
}

// ---- telling the user ----

// The client has said its last word. What it left unfinished is no message.
static void tell_half_close(rpc_stream *stream) {
    stream->half_close_told = true;
    if (rpc_frame_reader_held(&stream->reader))
        rpc_stream_abort(stream, RPC_INVALID_ARGUMENT, "the last message is cut short");
    else if (stream->events.half_close)
        stream->events.half_close(stream, stream->data);
}

static void tell_close(rpc_stream *stream) {
    rpc_connection *connection = stream->connection;
    if (stream->orderly && rpc_frame_reader_held(&stream->reader) && stream->code == RPC_OK)
        set_end(stream, RPC_INTERNAL, "the last message is cut short");
    if (stream->id && !connection->lost) {
        nghttp2_session_set_stream_user_data(connection->session, stream->id, NULL);
        if (!connection->server)
            reset(stream, NGHTTP2_CANCEL);
    }
    stream->in_work = true; // whatever the user still does with it is no work any more
    if (stream->opened && stream->events.close)
        stream->events.close(stream, stream->code, stream->text ? stream->text : "", stream->data);
    rpc_stream_destroy(stream);
}

// Whether what the server said last has left: only then has the call ended there.
static bool is_written(rpc_stream *stream) {
    rpc_connection *connection = stream->connection;
    if (!stream->finishing || connection->lost)
        return true;
    if (!stream->has_mark) {
        stream->has_mark = true;
        stream->end_mark = connection->produced;
    }
    return connection->written >= stream->end_mark;
}

void rpc_stream_dispatch(rpc_stream *stream) {
    rpc_connection *connection = stream->connection;
    if (rpc_frame_reader_held(&stream->reader) && (!stream->paused || is_deaf(stream)))
        deliver(stream, (rpc_frame_span){0});
    if (stream->drained && !stream->congested && !stream->ended && !is_deaf(stream)) {
        stream->drained = false;
        if (stream->events.drained)
            stream->events.drained(stream, stream->data);
    }
    if (connection->server && stream->opened && stream->remote_ended && !stream->half_close_told &&
        !stream->paused && !stream->ended && !is_deaf(stream))
        tell_half_close(stream);
    if (!stream->ended || (stream->orderly && stream->paused && rpc_frame_reader_held(&stream->reader)))
        return;
    if (stream->in_work)
        return; // something above put it in line again: its turn comes
    if (is_written(stream)) {
        tell_close(stream);
        return;
    }
    stream->in_work = true;
    stream->next_work = connection->waiting;
    connection->waiting = stream;
}
