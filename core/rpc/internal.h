// What the files of core/rpc share. One connection is one nghttp2 session over one socket; the same code runs
// on both sides.
//
// Everything the user hears comes from the loop: what happens inside the user's calls, or inside nghttp2,
// only marks a stream as having work; connection_settle then tells, writes, and arms the idle handle when
// there is more.
#pragma once

#include <nghttp2/nghttp2.h>
#include <stdint.h>

#include "core/rpc/frame.h"
#include "core/rpc/rpc.h"
#include "core/rpc/status.h"

#define RPC_HEADER_LIST_MAX   (32u << 10) ///< bytes of one header block, as RFC 9113 counts them
#define RPC_HEADER_COUNT_MAX  64u
#define RPC_FRAME_MAX         (64u << 10)  ///< SETTINGS_MAX_FRAME_SIZE
#define RPC_CONNECTION_WINDOW (8u << 20)   ///< given back as data arrives: streams hold each other up no more
#define RPC_OUTPUT_MAX        (256u << 10) ///< bytes serialised before they are written
#define RPC_OUTBOUND_MAX      4096u        ///< frames a peer can make a server queue without reading
/// Bytes of messages held for all streams of a connection: full windows, and some messages in the making.
#define RPC_HELD_MAX ((size_t)RPC_STREAMS_MAX * RPC_STREAM_WINDOW + 4 * (size_t)RPC_MESSAGE_MAX)
/// Bounds of what we write into trailers; other implementations refuse more than 8 KiB of headers.
#define RPC_TEXT_MAX 4096u
#define RPC_HINT_MAX 2048u

struct rpc_stream {
    rpc_connection *connection;
    rpc_stream *next, *previous; // in connection->streams
    rpc_stream *next_work;
    int32_t id; // 0: unknown to nghttp2, or no more

    rpc_stream_events events;
    void *data;
    const rpc_service *service;
    const rpc_method *method;
    uint64_t deadline; // in milliseconds of the loop; 0: none

    // Headers of the peer.
    char *path;
    char *error_name, *hint, *seams;
    char *timeout;
    size_t header_bytes;
    unsigned header_count;
    int http_status;
    bool is_post, is_grpc;

    // From the peer.
    rpc_frame_reader reader;
    size_t unconsumed; // bytes at the end of what the reader holds that still fill the peer's window
    ProtobufCMessage *delivering;
    bool paused;
    bool remote_ended;
    bool half_close_told;

    // To the peer.
    buffer queue;
    size_t queue_taken;
    uint64_t messages_taken; // that have left the queue as a whole
    size_t begun;            // bytes still in the queue of the one that has left in part
    bool congested, drained;
    bool started;      // a server's response headers, or a client's request, are submitted
    bool deferred;     // nghttp2 waits for more data
    bool half_closed;  // client: END_STREAM after the queue
    bool finishing;    // server: trailers after the queue
    uint64_t end_mark; // bytes of the connection that must be written before close is told

    // The end.
    bool in_work;
    bool opened;   // server: the handler knows it
    bool ended;    // code and text are final
    bool reset;    // RST_STREAM is submitted
    bool orderly;  // the peer's last word: what arrived before it is delivered first
    bool has_code; // grpc-status was there
    bool has_mark;
    rpc_code code;
    char *text;
};

struct rpc_connection {
    uv_loop_t *loop;
    uv_poll_t poll;
    uv_idle_t idle;
    uv_timer_t timer;
    unsigned handles; // not yet closed
    int fd;
    nghttp2_session *session;

    rpc_server *server; // NULL on a client
    rpc_connection *next, *previous;
    rpc_connection_closed closed;
    void *data;

    rpc_stream *streams;
    rpc_stream *work, **work_end;
    rpc_stream *waiting; // ended, with bytes still to be written
    uint64_t next_deadline;
    size_t held; // bytes in all readers

    buffer output;
    size_t output_taken;
    uint64_t produced, written;
    bool blocked; // the socket takes no more: waiting until it is writable

    bool inside; // within the loop's call: connection_settle comes at its end
    bool lost;
    bool destroyed;
    bool closed_told;
};

// ---- connection.c ----

/// Takes ownership of fd, also when it fails. server: NULL on a client.
rpc_connection *rpc_connection_start(uv_loop_t *loop, int fd, rpc_server *server, holm_error **error);
/// Sees to it that connection_settle runs soon.
void rpc_connection_schedule(rpc_connection *connection);
/// Ends everything on it: the peer is gone, has broken the protocol, or we close.
void rpc_connection_lose(rpc_connection *connection);
void rpc_connection_add_work(rpc_stream *stream);
void rpc_connection_add_deadline(rpc_stream *stream, uint64_t timeout_ms);

// ---- session.c ----

int rpc_session_create(rpc_connection *connection);
/// The data provider that reads a stream's queue.
nghttp2_data_provider rpc_session_data_provider(void);
/// Appends a header; name and value must live until the submitting call returns.
nghttp2_nv rpc_session_header(const char *name, const char *value);

// ---- stream.c ----

rpc_stream *rpc_stream_create(rpc_connection *connection);
/// Frees it without a word: only for a stream the user has never known.
void rpc_stream_destroy(rpc_stream *stream);
/// Takes bytes from the peer.
void rpc_stream_receive(rpc_stream *stream, rpc_frame_span chunk);
/// Tells the user what there is to tell. May free the stream.
void rpc_stream_dispatch(rpc_stream *stream);
/// Makes the end final; the first one stays. text may be NULL.
void rpc_stream_end(rpc_stream *stream, rpc_code code, const char *text);
/// Ends the call from our side because of what the peer did or the time: tells it, and the user.
void rpc_stream_abort(rpc_stream *stream, rpc_code code, const char *text);
/// The connection is closed from our side: what waits for a paused reader is not delivered any more.
void rpc_stream_drop(rpc_stream *stream);
/// Bytes queued and not yet taken by the connection.
size_t rpc_stream_queued(const rpc_stream *stream);
/// Bytes left nghttp2's way out of the queue.
void rpc_stream_sent(rpc_stream *stream, size_t length);
/// Submits the trailers of a server's stream.
int rpc_stream_submit_trailers(rpc_stream *stream);
/// Within `message`: takes the message from the stream. The caller frees it with rpc_message_free.
ProtobufCMessage *rpc_stream_steal_message(rpc_stream *stream);

// ---- server.c ----

/// All headers of a request are there: finds its method and opens it.
void rpc_server_open_stream(rpc_stream *stream);
/// A connection is lost and has no streams left.
void rpc_server_connection_lost(rpc_connection *connection);
/// A destroyed connection has been freed.
void rpc_server_connection_freed(rpc_server *server);

/// calloc that aborts: sizes are small and fixed.
void *rpc_allocate(size_t size);
