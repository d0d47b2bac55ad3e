// The ready pool: machines that wait for a container. A spare is a shim without one, whose machine has
// rehearsed a start, so that its emulator has translated what a start runs.
//
// A spare is the folder RUNTIME/s/SHAPE-RANDOM with its lock, which it holds as long as it lives, and its
// socket, which is there once it can be taken. A shape is 16 hex digits: 8 of the parts that all machines
// here are made of, 8 of what this one is like. Whoever wants it sends it the container; only the first one
// is heard. RUNTIME/s/uses has the shapes of the last starts: for those used most, spares are kept. Blocks
// for the disk: call it from a worker.
#pragma once

#include <jansson.h>

#include "core/base/error.h"
#include "core/base/path.h"
#include "core/container/container.h"

#define SPARE_POOL_MOST  16
#define SPARE_SHAPE_SIZE 17
#define SPARE_ID         "spare"      ///< in the place of a container's, for the shim that is to be one
#define SPARE_SOCKET     "spare.sock" ///< in its folder
#define SPARE_TOLD_MOST  (192u << 10) ///< bytes of what it is told with its container
#define SPARE_FDS        2            ///< come with that, see spare_send
#define SPARE_ENDS       "end"        ///< in the place of a container: it ends

/// What a spare for such a container is told, its shape under "shape"; NULL: containers like this one start
/// without (those that share sockets, or are to be booted, or have a priority of their own).
/// `networks`: its own, as container_network_describe has them. The caller owns it.
json_t *spare_describe(const paths *where, const json_t *document, const json_t *networks,
                       const container_launch_options *options);

/// Sends the container to a spare of this shape, with what its shim is told, the end of a pipe on which it
/// says that it is ready, and the container's short lock, which it holds until then; -1: there is none. Where
/// nothing is said another one was faster, and the next can be tried.
int spare_send(const paths *where, const char *shape, const char *told, int pipe, int lock);

/// Counts a start of this shape. Ends what waits and is not wanted any more, and starts one or two of this
/// shape where fewer wait than are wanted.
int spare_refill(const paths *where, const json_t *described, unsigned pool, holm_error **error);

/// Ends those that are more than `pool`. Costs next to nothing where there are none.
void spare_trim(const paths *where, unsigned pool);

/// Those that are there: "name", "shape", "ready". The caller owns it.
json_t *spare_list(const paths *where);

/// RUNTIME/s/NAME. The caller frees it.
char *spare_folder(const paths *where, const char *name);
