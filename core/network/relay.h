// Two connected stream sockets joined: what one sends, the other gets. A half-closed side stays half-closed,
// a reset is carried over, and a slow reader slows the writer.
#pragma once

#include <uv.h>

typedef struct relay_list {
    struct relay *first;
    size_t count;
} relay_list;

/// Joins `client` and `server` (taken over; connecting may still be under way). It ends by itself.
void relay_start(uv_loop_t *loop, relay_list *list, int client, int server);
/// Ends all of them.
void relay_list_finish(relay_list *self);
