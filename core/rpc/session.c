// The nghttp2 session of a connection: its bounds and its callbacks.
#include <stdlib.h>
#include <string.h>

#include "core/rpc/internal.h"

// A peer may open and reset streams this often (burst, then per second) before the connection ends.
#define RESET_BURST 8192
#define RESET_RATE  1024

nghttp2_nv rpc_session_header(const char *name, const char *value) {
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name), strlen(value),
                        NGHTTP2_NV_FLAG_NONE};
}

static rpc_stream *stream_of(nghttp2_session *session, int32_t id) {
    return id ? nghttp2_session_get_stream_user_data(session, id) : NULL;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *data) {
    rpc_connection *connection = data;
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    rpc_stream *stream = rpc_stream_create(connection);
    stream->id = frame->hd.stream_id;
    nghttp2_session_set_stream_user_data(session, stream->id, stream);
    return 0;
}

static void set_text(char **slot, const uint8_t *value, size_t length) {
    free(*slot);
    *slot = strndup((const char *)value, length);
    if (!*slot)
        abort();
}

static void set_decoded(char **slot, const uint8_t *value, size_t length) {
    free(*slot);
    *slot = rpc_percent_decode((const char *)value, length);
}

static bool name_is(const uint8_t *name, size_t length, const char *wanted) {
    return length == strlen(wanted) && !memcmp(name, wanted, length);
}

static void take_request_header(rpc_stream *stream, const uint8_t *name, size_t name_length,
                                const uint8_t *value, size_t length) {
    static const char grpc[] = "application/grpc";
    if (name_is(name, name_length, ":path"))
        set_text(&stream->path, value, length);
    else if (name_is(name, name_length, ":method"))
        stream->is_post = length == 4 && !memcmp(value, "POST", 4);
    else if (name_is(name, name_length, "content-type"))
        stream->is_grpc = length >= sizeof grpc - 1 && !memcmp(value, grpc, sizeof grpc - 1);
    else if (name_is(name, name_length, "grpc-timeout"))
        set_text(&stream->timeout, value, length);
}

static void take_response_header(rpc_stream *stream, const uint8_t *name, size_t name_length,
                                 const uint8_t *value, size_t length) {
    if (stream->ended)
        return;
    if (name_is(name, name_length, ":status")) {
        stream->http_status = atoi((const char *)value);
    } else if (name_is(name, name_length, "grpc-status")) {
        stream->code = rpc_code_parse((const char *)value);
        stream->has_code = true;
    } else if (name_is(name, name_length, "grpc-message")) {
        set_decoded(&stream->text, value, length);
    } else if (name_is(name, name_length, "holm-error")) {
        set_text(&stream->error_name, value, length);
    } else if (name_is(name, name_length, "holm-hint")) {
        set_decoded(&stream->hint, value, length);
    } else if (name_is(name, name_length, "holm-seams")) {
        set_text(&stream->seams, value, length);
    }
}

// nghttp2 ends names and values with a NUL byte, and lets none through inside them.
static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_length, const uint8_t *value, size_t length, uint8_t flags, void *data) {
    (void)flags;
    (void)data;
    rpc_stream *stream = stream_of(session, frame->hd.stream_id);
    if (!stream)
        return 0;
    stream->header_bytes += name_length + length + 32;
    if (stream->header_bytes > RPC_HEADER_LIST_MAX || ++stream->header_count > RPC_HEADER_COUNT_MAX)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    if (!stream->connection->server)
        take_response_header(stream, name, name_length, value, length);
    else if (frame->headers.cat == NGHTTP2_HCAT_REQUEST)
        take_request_header(stream, name, name_length, value, length);
    return 0;
}

// The server has said its last word: what it was.
static void take_status(rpc_stream *stream) {
    rpc_code code = RPC_UNKNOWN;
    const char *text = NULL;
    if (stream->has_code) {
        code = stream->code;
        text = stream->text;
    } else if (stream->http_status != 200) {
        code = rpc_code_from_http(stream->http_status);
        text = "the answer is not a gRPC answer";
    } else {
        text = "the answer ends without a status";
    }
    stream->orderly = !stream->ended;
    rpc_stream_end(stream, code, text);
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *data) {
    rpc_connection *connection = data;
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
        return 0;
    rpc_stream *stream = stream_of(session, frame->hd.stream_id);
    if (!stream)
        return 0;
    if (frame->hd.type == NGHTTP2_HEADERS && connection->server && !stream->opened && !stream->ended)
        rpc_server_open_stream(stream);
    if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) {
        stream->remote_ended = true;
        if (!connection->server)
            take_status(stream);
        rpc_connection_add_work(stream);
    }
    return 0;
}

static int on_data_chunk(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *bytes,
                         size_t length, void *data) {
    (void)flags;
    rpc_connection *connection = data;
    nghttp2_session_consume_connection(session, length);
    rpc_stream *stream = stream_of(session, id);
    if (connection->lost)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    if (stream)
        rpc_stream_receive(stream, (rpc_frame_span){bytes, length});
    else
        nghttp2_session_consume_stream(session, id, length);
    return 0;
}

static int on_frame_send(nghttp2_session *session, const nghttp2_frame *frame, void *data) {
    rpc_connection *connection = data;
    if (!connection->server || frame->hd.type != NGHTTP2_HEADERS ||
        !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
        return 0;
    rpc_stream *stream = stream_of(session, frame->hd.stream_id);
    if (!stream)
        return 0;
    cleanup_free char *text = steal_pointer(&stream->text);
    rpc_stream_end(stream, stream->code, text);
    if (!stream->remote_ended)
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream->id, NGHTTP2_NO_ERROR);
    return 0;
}

// A request that never left, because the connection is going down: nghttp2 has no stream for it.
static int on_frame_not_send(nghttp2_session *session, const nghttp2_frame *frame, int reason, void *data) {
    (void)session;
    rpc_connection *connection = data;
    if (connection->server || frame->hd.type != NGHTTP2_HEADERS)
        return 0;
    for (rpc_stream *stream = connection->streams; stream; stream = stream->next) {
        if (stream->id != frame->hd.stream_id)
            continue;
        stream->id = 0;
        rpc_stream_end(stream, RPC_UNAVAILABLE, nghttp2_strerror(reason));
        break;
    }
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t error_code, void *data) {
    rpc_connection *connection = data;
    rpc_stream *stream = stream_of(session, id);
    if (!stream)
        return 0;
    stream->id = 0;
    if (connection->server) {
        rpc_stream_end(stream, RPC_CANCELLED, NULL);
        return 0;
    }
    rpc_code code = rpc_code_from_reset(error_code);
    if (code == RPC_CANCELLED && stream->deadline && uv_now(connection->loop) >= stream->deadline)
        code = RPC_DEADLINE_EXCEEDED;
    rpc_stream_end(stream, code, NULL);
    return 0;
}

// ---- sending ----

static ssize_t read_queue(nghttp2_session *session, int32_t id, uint8_t *bytes, size_t length,
                          uint32_t *flags, nghttp2_data_source *source, void *data) {
    (void)bytes;
    (void)source;
    (void)data;
    rpc_stream *stream = stream_of(session, id);
    if (!stream || stream->ended)
        return NGHTTP2_ERR_DEFERRED; // its reset is on the way
    size_t queued = rpc_stream_queued(stream);
    if (!queued && !stream->half_closed && !stream->finishing) {
        stream->deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    size_t taken = queued < length ? queued : length;
    if (taken)
        *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (taken < queued || (!stream->half_closed && !stream->finishing))
        return (ssize_t)taken;
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (stream->finishing) {
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        if (rpc_stream_submit_trailers(stream) < 0)
            return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    return (ssize_t)taken;
}

nghttp2_data_provider rpc_session_data_provider(void) {
    return (nghttp2_data_provider){.read_callback = read_queue};
}

static int send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *header, size_t length,
                     nghttp2_data_source *source, void *data) {
    (void)source;
    rpc_connection *connection = data;
    rpc_stream *stream = stream_of(session, frame->hd.stream_id);
    if (!stream || length > rpc_stream_queued(stream))
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    buffer_append(&connection->output, header, 9);
    buffer_append(&connection->output, stream->queue.data + stream->queue_taken, length);
    connection->produced += 9 + length;
    rpc_stream_sent(stream, length);
    return 0;
}

static ssize_t read_length(nghttp2_session *session, uint8_t type, int32_t id, int32_t session_window,
                           int32_t stream_window, uint32_t frame_max, void *data) {
    (void)session;
    (void)type;
    (void)id;
    (void)session_window;
    (void)stream_window;
    (void)frame_max;
    (void)data;
    return RPC_FRAME_MAX; // nghttp2 lowers it to the windows and the peer's bound
}

// ---- creation ----

static void set_callbacks(nghttp2_session_callbacks *callbacks) {
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data_chunk);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_send);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, on_frame_not_send);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    nghttp2_session_callbacks_set_send_data_callback(callbacks, send_data);
    nghttp2_session_callbacks_set_data_source_read_length_callback(callbacks, read_length);
}

static void set_options(nghttp2_option *option) {
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_peer_max_concurrent_streams(option, RPC_STREAMS_MAX);
    nghttp2_option_set_max_reserved_remote_streams(option, 0);
    nghttp2_option_set_no_closed_streams(option, 1);
    nghttp2_option_set_max_outbound_ack(option, 256);
    nghttp2_option_set_max_settings(option, 32);
    nghttp2_option_set_stream_reset_rate_limit(option, RESET_BURST, RESET_RATE);
}

static int submit_settings(rpc_connection *connection) {
    nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, RPC_STREAMS_MAX},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, RPC_STREAM_WINDOW},
        {NGHTTP2_SETTINGS_MAX_FRAME_SIZE, RPC_FRAME_MAX},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, RPC_HEADER_LIST_MAX},
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0}, // last: only a client may say it
    };
    size_t count = array_length(settings) - (connection->server ? 1 : 0);
    if (nghttp2_submit_settings(connection->session, NGHTTP2_FLAG_NONE, settings, count))
        return -1;
    return nghttp2_session_set_local_window_size(connection->session, NGHTTP2_FLAG_NONE, 0,
                                                 (int32_t)RPC_CONNECTION_WINDOW);
}

int rpc_session_create(rpc_connection *connection) {
    nghttp2_session_callbacks *callbacks = NULL;
    nghttp2_option *option = NULL;
    int failed = nghttp2_session_callbacks_new(&callbacks) || nghttp2_option_new(&option);
    if (!failed) {
        set_callbacks(callbacks);
        set_options(option);
        failed = connection->server
                     ? nghttp2_session_server_new2(&connection->session, callbacks, connection, option)
                     : nghttp2_session_client_new2(&connection->session, callbacks, connection, option);
    }
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    return failed || submit_settings(connection) ? -1 : 0;
}
