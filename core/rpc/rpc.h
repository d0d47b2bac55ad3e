// gRPC over HTTP/2 on any stream descriptor: one client and one server, driven by a libuv loop.
//
// Follows "gRPC over HTTP2" (the grpc protocol document) and RFC 9113. Unencrypted, prior knowledge, no
// compression. Everything runs on the loop's thread. The peer is hostile: messages, streams, headers and
// queues are bounded.
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "core/base/error.h"

#define RPC_MESSAGE_MAX \
    (4u << 20)                 ///< bytes of one message; a larger one ends its stream with RESOURCE_EXHAUSTED
#define RPC_STREAMS_MAX   256u ///< open streams per connection
#define RPC_SEND_HIGH     (256u << 10) ///< above this many queued bytes a stream counts as congested
#define RPC_STREAM_WINDOW (256u << 10) ///< what a peer may send on a stream before we have taken it

/// Status codes of gRPC (the code numbers of the specification).
typedef enum rpc_code {
    RPC_OK = 0,
    RPC_CANCELLED = 1,
    RPC_UNKNOWN = 2,
    RPC_INVALID_ARGUMENT = 3,
    RPC_DEADLINE_EXCEEDED = 4,
    RPC_NOT_FOUND = 5,
    RPC_ALREADY_EXISTS = 6,
    RPC_PERMISSION_DENIED = 7,
    RPC_RESOURCE_EXHAUSTED = 8,
    RPC_FAILED_PRECONDITION = 9,
    RPC_ABORTED = 10,
    RPC_OUT_OF_RANGE = 11,
    RPC_UNIMPLEMENTED = 12,
    RPC_INTERNAL = 13,
    RPC_UNAVAILABLE = 14,
    RPC_DATA_LOSS = 15,
    RPC_UNAUTHENTICATED = 16,
} rpc_code;

typedef struct rpc_server rpc_server;
typedef struct rpc_connection rpc_connection;
typedef struct rpc_stream rpc_stream;

/// What happens on one call. Every slot may be NULL. No slot is called after `close`, and none from within a
/// function that the user called on that stream (they come from the loop).
typedef struct rpc_stream_events {
    /// A message has arrived. It is freed after the call.
    void (*message)(rpc_stream *stream, const ProtobufCMessage *message, void *data);
    /// Server: the client will send no more messages.
    void (*half_close)(rpc_stream *stream, void *data);
    /// The send queue was congested and is so no more.
    void (*drained)(rpc_stream *stream, void *data);
    /// Exactly once, last: the call has ended, by either side or by the loss of the connection (UNAVAILABLE).
    /// `text` is the peer's message or "". On a server the code tells how it ended there (CANCELLED: the peer
    /// went away). The stream is freed after the call.
    void (*close)(rpc_stream *stream, rpc_code code, const char *text, void *data);
} rpc_stream_events;

/// One method of a service. Streaming or not is for the handler to know: gRPC frames are the same.
typedef struct rpc_method {
    const char *name; ///< "CreateProcess"
    const ProtobufCMessageDescriptor *request;
    const ProtobufCMessageDescriptor *response;
    /// Called when a client opens the call; sets the events with rpc_stream_set_events.
    void (*open)(rpc_stream *stream, void *service_data);
} rpc_method;

typedef struct rpc_service {
    const char *name; ///< "holm.agent.v1.Agent"
    const rpc_method *methods;
    size_t method_count;
} rpc_service;

// ---- streams, the same on both sides ----

void rpc_stream_set_events(rpc_stream *stream, const rpc_stream_events *events, void *data);
void *rpc_stream_data(const rpc_stream *stream);

/// Queues one message. It is encoded at once; the caller keeps it. Never blocks; what it queues is counted.
/// Above RPC_MESSAGE_MAX it ends the call with RESOURCE_EXHAUSTED; after the end, or half_close, it does
/// nothing.
void rpc_stream_send(rpc_stream *stream, const ProtobufCMessage *message);
/// Of the messages sent, how many the connection has taken as a whole.
uint64_t rpc_stream_taken(const rpc_stream *stream);
/// Takes back the messages of which nothing has left; one that has begun to leave still does. Returns how
/// many leave in all.
uint64_t rpc_stream_retract(rpc_stream *stream);
/// Whether the producer should wait for `drained`, which comes when half of RPC_SEND_HIGH is left.
bool rpc_stream_congested(const rpc_stream *stream);

/// Stops delivering messages, and with that opening the peer's window: back pressure. Messages that have
/// arrived wait, and an orderly end waits behind them. A reset, a deadline or the loss of the connection does
/// not wait: `close` then comes at once and what waited is dropped.
void rpc_stream_pause(rpc_stream *stream);
void rpc_stream_resume(rpc_stream *stream);

/// Client: no more messages from us. Server: the same as rpc_stream_finish(stream, RPC_OK, NULL).
void rpc_stream_half_close(rpc_stream *stream);
/// Server: ends the call with a status once the queue is sent. text may be NULL.
void rpc_stream_finish(rpc_stream *stream, rpc_code code, const char *text);
/// Server: ends the call with an error: its code, message, and in the trailers "holm-error" (the stable code
/// name), "holm-hint" and "holm-seams" (where its contexts end), so that the client gets the same error back.
void rpc_stream_fail(rpc_stream *stream, const holm_error *error);
/// Server: one message, then OK.
void rpc_stream_reply(rpc_stream *stream, const ProtobufCMessage *message);
/// Resets the call now (RST_STREAM CANCEL); `close` follows from the loop with RPC_CANCELLED.
void rpc_stream_cancel(rpc_stream *stream);
/// Within `close` on a client: the error in holm's terms (from the trailers where there are some). NULL when
/// the call ended with OK. The caller owns it.
holm_error *rpc_stream_error(const rpc_stream *stream);
rpc_connection *rpc_stream_connection(const rpc_stream *stream);

// ---- server ----

/// `services` and `data` are arrays that must live as long as the server; `data[i]` goes to the open of
/// services[i].
rpc_server *rpc_server_create(uv_loop_t *loop, const rpc_service *const *services, void *const *data,
                              size_t service_count);
/// Listens on a unix socket at `path` (0600; an old one is replaced), accepting at most `most` connections at
/// once.
int rpc_server_listen(rpc_server *server, const char *path, unsigned most, holm_error **error);
/// Accepts connections from a listening descriptor of any kind (vsock). Takes ownership of fd.
int rpc_server_listen_fd(rpc_server *server, int fd, unsigned most, holm_error **error);
/// Serves one connection that is already there. Takes ownership of fd.
int rpc_server_adopt(rpc_server *server, int fd, holm_error **error);
unsigned rpc_server_connection_count(const rpc_server *server);
/// Called whenever the number of connections changes.
void rpc_server_on_change(rpc_server *server, void (*change)(rpc_server *server, void *data), void *data);
/// Closes the listeners and every connection (each open stream gets its close); frees itself from the loop.
void rpc_server_destroy(rpc_server *server);

// ---- client ----

typedef void (*rpc_connection_closed)(rpc_connection *connection, void *data);

/// Speaks over a connected stream descriptor. Takes ownership of fd. `closed` (may be NULL) is called once
/// when the connection is lost, after every open stream has had its close; not after rpc_connection_destroy.
/// The connection stays until rpc_connection_destroy (`closed` may call it); calls on it end as UNAVAILABLE.
rpc_connection *rpc_connection_create(uv_loop_t *loop, int fd, rpc_connection_closed closed, void *data,
                                      holm_error **error);
/// Connects to a unix socket (non-blocking; local, so it connects or fails at once).
rpc_connection *rpc_connection_open(uv_loop_t *loop, const char *path, rpc_connection_closed closed,
                                    void *data, holm_error **error);
/// A pidfd (close-on-exec, owned by the caller) of the process that listens there, or -1 where it has ended.
int rpc_connection_peer(const rpc_connection *connection);
/// Whether the connection itself is lost. (UNAVAILABLE can be an answer, too.)
bool rpc_connection_is_lost(const rpc_connection *connection);
/// Closes; open streams get their close with UNAVAILABLE from the loop. Accepts NULL.
void rpc_connection_destroy(rpc_connection *connection);

/// Opens a call of `method` ("/" service "/" method is built from the two names). timeout_ms 0: none.
rpc_stream *rpc_call_open(rpc_connection *connection, const rpc_service *service, const char *method,
                          const rpc_stream_events *events, void *data, unsigned timeout_ms);

/// A call with one request and one answer. `done` gets the answer, or NULL and the error, exactly once, from
/// the loop; both are freed after it.
typedef void (*rpc_call_done)(const ProtobufCMessage *response, const holm_error *error, void *data);
void rpc_call_unary(rpc_connection *connection, const rpc_service *service, const char *method,
                    const ProtobufCMessage *request, rpc_call_done done, void *data, unsigned timeout_ms);
