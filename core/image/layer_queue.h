// Bytes between threads: chunks from a pool that bounds the memory, and queues that pass them on. A chunk may
// be in several queues at once; the last one to release it gives it back.
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"

typedef struct layer_pool layer_pool;

typedef struct layer_chunk {
    layer_pool *pool;
    struct layer_chunk *next;
    atomic_uint references;
    unsigned kind; ///< for the users of the queue
    size_t length;
    uint8_t data[];
} layer_chunk;

struct layer_pool {
    pthread_mutex_t lock;
    pthread_cond_t given_back;
    layer_chunk *unused;
    size_t made, most, chunk_size;
    bool cancelled;
    bool starved; ///< someone was sent away empty-handed by a call that does not wait
    void (*room)(void *data);
    void *room_data;
};

/// `room` (may be NULL) is called, on the thread that gives a chunk back, after a layer_pool_take that did
/// not wait found none.
void layer_pool_init(layer_pool *self, size_t chunk_size, size_t most, void (*room)(void *data), void *data);
void layer_pool_finish(layer_pool *self);
/// Takes an empty chunk with one reference. NULL when cancelled, out of memory, or (without `wait`) when all
/// are in use.
layer_chunk *layer_pool_take(layer_pool *self, bool wait);
void layer_pool_cancel(layer_pool *self);

void layer_chunk_keep(layer_chunk *chunk);
void layer_chunk_release(layer_chunk *chunk);

enum { LAYER_QUEUE_MOST = 64 };

typedef struct layer_queue {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    layer_chunk *chunks[LAYER_QUEUE_MOST];
    size_t first, count;
    bool ended, cancelled;
} layer_queue;

void layer_queue_init(layer_queue *self);
void layer_queue_finish(layer_queue *self);
/// Hands one reference over. Never waits: the pools together hold less than a queue does.
void layer_queue_push(layer_queue *self, layer_chunk *chunk);
void layer_queue_end(layer_queue *self);
void layer_queue_cancel(layer_queue *self);
/// Waits for the next chunk, which the caller releases. NULL at the end and when cancelled.
layer_chunk *layer_queue_pop(layer_queue *self);
