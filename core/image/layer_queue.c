#include "core/image/layer_queue.h"

void layer_pool_init(layer_pool *self, size_t chunk_size, size_t most, void (*room)(void *data), void *data) {
    *self = (layer_pool){.most = most, .chunk_size = chunk_size, .room = room, .room_data = data};
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->given_back, NULL);
}

void layer_pool_finish(layer_pool *self) {
    while (self->unused) {
        layer_chunk *chunk = self->unused;
        self->unused = chunk->next;
        free(chunk);
    }
    pthread_cond_destroy(&self->given_back);
    pthread_mutex_destroy(&self->lock);
}

layer_chunk *layer_pool_take(layer_pool *self, bool wait) {
    layer_chunk *chunk = NULL;
    pthread_mutex_lock(&self->lock);
    while (wait && !self->unused && self->made == self->most && !self->cancelled)
        pthread_cond_wait(&self->given_back, &self->lock);
    if (self->cancelled) {
        pthread_mutex_unlock(&self->lock);
        return NULL;
    }
    if (self->unused) {
        chunk = self->unused;
        self->unused = chunk->next;
    } else if (self->made < self->most) {
        chunk = malloc(sizeof *chunk + self->chunk_size);
        self->made += chunk != NULL;
    }
    if (!chunk)
        self->starved = true;
    pthread_mutex_unlock(&self->lock);
    if (chunk) {
        chunk->pool = self;
        chunk->next = NULL;
        chunk->length = 0;
        atomic_init(&chunk->references, 1);
    }
    return chunk;
}

void layer_pool_cancel(layer_pool *self) {
    pthread_mutex_lock(&self->lock);
    self->cancelled = true;
    bool starved = self->starved;
    self->starved = false;
    pthread_cond_broadcast(&self->given_back);
    pthread_mutex_unlock(&self->lock);
    if (starved && self->room)
        self->room(self->room_data);
}

void layer_chunk_keep(layer_chunk *chunk) {
    atomic_fetch_add_explicit(&chunk->references, 1, memory_order_relaxed);
}

void layer_chunk_release(layer_chunk *chunk) {
    if (!chunk || atomic_fetch_sub_explicit(&chunk->references, 1, memory_order_acq_rel) != 1)
        return;
    layer_pool *pool = chunk->pool;
    pthread_mutex_lock(&pool->lock);
    chunk->next = pool->unused;
    pool->unused = chunk;
    bool starved = pool->starved;
    pool->starved = false;
    pthread_cond_signal(&pool->given_back);
    pthread_mutex_unlock(&pool->lock);
    if (starved && pool->room)
        pool->room(pool->room_data);
}

void layer_queue_init(layer_queue *self) {
    *self = (layer_queue){0};
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->changed, NULL);
}

void layer_queue_finish(layer_queue *self) {
    for (; self->count; self->count--, self->first = (self->first + 1) % LAYER_QUEUE_MOST)
        layer_chunk_release(self->chunks[self->first]);
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->lock);
}

void layer_queue_push(layer_queue *self, layer_chunk *chunk) {
    pthread_mutex_lock(&self->lock);
    if (self->count == LAYER_QUEUE_MOST)
        abort(); // the pools bound it
    self->chunks[(self->first + self->count++) % LAYER_QUEUE_MOST] = chunk;
    pthread_cond_signal(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

void layer_queue_end(layer_queue *self) {
    pthread_mutex_lock(&self->lock);
    self->ended = true;
    pthread_cond_signal(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

void layer_queue_cancel(layer_queue *self) {
    pthread_mutex_lock(&self->lock);
    self->cancelled = true;
    pthread_cond_signal(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

layer_chunk *layer_queue_pop(layer_queue *self) {
    layer_chunk *chunk = NULL;
    pthread_mutex_lock(&self->lock);
    while (!self->count && !self->ended && !self->cancelled)
        pthread_cond_wait(&self->changed, &self->lock);
    if (self->count && !self->cancelled) {
        chunk = self->chunks[self->first];
        self->first = (self->first + 1) % LAYER_QUEUE_MOST;
        self->count--;
    }
    pthread_mutex_unlock(&self->lock);
    return chunk;
}
