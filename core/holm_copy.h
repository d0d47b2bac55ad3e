// What holm_copy_out.c and holm_copy_in.c share: the request with its paths, and the stream to the
// container's shim.
#pragma once

#include "core/holm_helper.h"

#define COPY_PIECE (256u << 10)

typedef struct copy copy;
struct copy {
    holm_request *request;
    char *inside;      ///< without the "/." at its end
    char *inside_name; ///< its last part; "" for the root
    char *outside;     ///< NULL: standard input or output
    bool content;      ///< the source is the content of a folder
    bool into;         ///< the destination was given as a folder, with a slash at its end
    bool owner, follow;
    unsigned links; ///< that were followed at the end of `inside`

    // Where on the host: a folder (O_PATH) and a name in it.
    int folder;
    char *name;
    const char *kind; ///< static: what may come ("any", "file", "folder"), or what the source is

    holm_helper helper;
    int pipe; ///< to or from the helper, or a copy of standard input or output
    int told; ///< what the helper says at its end, or -1
    rpc_stream *stream;
    bool complete; ///< the agent's result has come
    Holm__Agent__V1__CopyResult result;

    uv_fs_t io;
    bool busy; ///< io is under way
    buffer pending, going;
    char *piece;
    void (*over)(copy *self); ///< stream and io have ended
};

/// The request with its paths taken apart; it goes with its request. `out`: out of the container.
copy *copy_create(holm_client *client, const holm_copy_options *options, bool out, holm_done done,
                  void *data);
copy *copy_of(const holm_request *request);

/// Opens the call and sends its header. `path` is the agent's.
void copy_call(copy *self, const char *path, bool in, const rpc_stream_events *events);
/// Calls self->over once neither the stream nor an operation is left.
void copy_check_over(copy *self);
/// Ends the call with an error; the first one counts.
void copy_cancel(copy *self);
/// Takes the agent's last word, and the end of the stream.
void copy_take_result(copy *self, const Holm__Agent__V1__CopyMessage *message);
void copy_closed(rpc_stream *stream, rpc_code code, const char *text, void *data);
