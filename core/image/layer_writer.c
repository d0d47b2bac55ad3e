#include "core/image/layer.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>

#include "core/image/layer_complete.h"
#include "core/image/layer_inflate.h"
#include "core/image/layer_queue.h"
#include "core/image/layer_tar.h"
#include "core/image/layer_tree.h"

enum {
    RAW_CHUNK = 128 << 10,
    RAW_CHUNKS = 8,
    CONTENT_CHUNK = 256 << 10,
    CONTENT_CHUNKS = 12,
    STAGES = 3,
};

enum chunk_kind { KIND_RAW, KIND_CONTENT };

_Static_assert((int)RAW_CHUNKS + (int)CONTENT_CHUNKS <= (int)LAYER_QUEUE_MOST, "a queue holds all chunks");

#define RATIO_FREE (UINT64_C(1) << 30)

struct layer_writer {
    char *path;
    layer_compression compression;
    char *blob_digest, *diff_id; ///< expected, or NULL
    uint64_t blob_size;
    layer_limits limits;
    void (*done)(void *data);
    void *data;

    ext4_image *image;
    layer_tree *tree;
    layer_pool raw, content;
    layer_queue to_inflate, to_hash, to_tar;
    pthread_t threads[STAGES];
    size_t threads_started;
    atomic_int stages_left;

    layer_chunk *filling; ///< of the pusher
    uint64_t pushed;
    bool ended, joined, written;

    pthread_mutex_t lock;
    holm_error *failure; ///< the first one

    layer_chunk *reading; ///< of the tar stage
    EVP_MD_CTX *blob_hash, *content_hash;
    atomic_uint_fast64_t content_bytes;
    layer_result result;
    uint8_t identity[32]; ///< the digest of the content
};

/// Keeps the first failure (taken over) and makes every stage end.
static void writer_fail(layer_writer *self, holm_error *failure) {
    pthread_mutex_lock(&self->lock);
    if (!self->failure)
        self->failure = steal_pointer(&failure);
    pthread_mutex_unlock(&self->lock);
    holm_error_free(failure);
    layer_queue_cancel(&self->to_inflate);
    layer_queue_cancel(&self->to_hash);
    layer_queue_cancel(&self->to_tar);
    layer_pool_cancel(&self->raw);
    layer_pool_cancel(&self->content);
}

/// Whether it has failed; then the error is set.
static bool writer_failed(layer_writer *self, holm_error **error) {
    pthread_mutex_lock(&self->lock);
    bool failed = self->failure != NULL;
    if (failed && error)
        *error = holm_error_copy(self->failure);
    pthread_mutex_unlock(&self->lock);
    return failed;
}

static void stage_end(layer_writer *self, holm_error *failure) {
    if (failure)
        writer_fail(self, failure);
    if (atomic_fetch_sub(&self->stages_left, 1) == 1 && self->done)
        self->done(self->data);
}

// ---- the stages ----

static int content_check(const layer_writer *self, uint64_t blob, uint64_t content, holm_error **error) {
    if (content > self->limits.bytes) {
        holm_error_set(error, HOLM_ERROR_LIMIT, "the layer has more than %llu bytes",
                       (unsigned long long)self->limits.bytes);
        return -1;
    }
    if (content > RATIO_FREE && content / self->limits.ratio > blob) {
        holm_error_set(error, HOLM_ERROR_LIMIT, "the layer grows more than %u-fold when it is decompressed",
                       self->limits.ratio);
        return -1;
    }
    return 0;
}

static void content_send(layer_writer *self, layer_chunk *chunk) {
    layer_chunk_keep(chunk);
    layer_queue_push(&self->to_hash, chunk);
    layer_queue_push(&self->to_tar, chunk);
}

/// Decompresses one chunk of the blob into as many of content as it takes. `out` is the one being filled.
static int inflate_chunk(layer_writer *self, layer_inflate *inflate, const layer_chunk *in, layer_chunk **out,
                         uint64_t blob, uint64_t *content, holm_error **error) {
    size_t at = 0;
    bool filled;
    do {
        if (!*out && !(*out = layer_pool_take(&self->content, true)))
            return -1; // cancelled: the reason is known
        (*out)->kind = KIND_CONTENT;
        size_t used = in->length - at, made = CONTENT_CHUNK - (*out)->length;
        if (layer_inflate_run(inflate, in->data + at, &used, (*out)->data + (*out)->length, &made, error) < 0)
            return -1;
        at += used;
        (*out)->length += made;
        *content += made;
        if (content_check(self, blob, *content, error) < 0)
            return -1;
        filled = (*out)->length == CONTENT_CHUNK;
        if (filled)
            content_send(self, steal_pointer(out));
    } while (at < in->length || filled);
    return 0;
}

static void *stage_inflate(void *data) {
    layer_writer *self = data;
    holm_error *failure = NULL;
    uint64_t blob = 0, content = 0;
    layer_chunk *out = NULL, *in;
    layer_inflate *inflate = layer_inflate_create(self->compression, &failure);
    bool ok = inflate != NULL;
    while (ok && (in = layer_queue_pop(&self->to_inflate))) {
        blob += in->length;
        ok = inflate_chunk(self, inflate, in, &out, blob, &content, &failure) == 0;
        atomic_store_explicit(&self->content_bytes, content, memory_order_relaxed);
        layer_chunk_release(in);
    }
    if (ok && !writer_failed(self, NULL))
        ok = layer_inflate_end(inflate, &failure) == 0;
    if (ok && out && out->length)
        content_send(self, steal_pointer(&out));
    layer_chunk_release(out);
    layer_inflate_destroy(inflate);
    if (!failure) {
        layer_queue_end(&self->to_hash);
        layer_queue_end(&self->to_tar);
    }
    stage_end(self, failure);
    return NULL;
}

static void *stage_hash(void *data) {
    layer_writer *self = data;
    holm_error *failure = NULL;
    layer_chunk *chunk;
    while (!failure && (chunk = layer_queue_pop(&self->to_hash))) {
        if (!EVP_DigestUpdate(chunk->kind == KIND_RAW ? self->blob_hash : self->content_hash, chunk->data,
                              chunk->length))
            holm_error_set(&failure, HOLM_ERROR_INTERNAL, "libcrypto cannot hash");
        layer_chunk_release(chunk);
    }
    stage_end(self, failure);
    return NULL;
}

static ssize_t tar_next(void *data, const void **bytes) {
    layer_writer *self = data;
    layer_chunk_release(self->reading);
    self->reading = layer_queue_pop(&self->to_tar);
    if (!self->reading)
        return writer_failed(self, NULL) ? -1 : 0;
    *bytes = self->reading->data;
    return (ssize_t)self->reading->length;
}

static void *stage_tar(void *data) {
    layer_writer *self = data;
    holm_error *failure = NULL;
    const void *rest;
    if (layer_tar_apply(self->tree, self->image, &self->limits, tar_next, self, &self->result, &failure) == 0)
        while (tar_next(self, &rest) > 0)
            ; // what stands behind the archive only counts for the digest
    layer_chunk_release(steal_pointer(&self->reading));
    stage_end(self, failure);
    return NULL;
}

// ---- create and destroy ----

static void limits_default(layer_limits *limits) {
    if (!limits->bytes)
        limits->bytes = UINT64_C(256) << 30;
    if (!limits->entries)
        limits->entries = 1000000;
    if (!limits->name_bytes)
        limits->name_bytes = 64 << 20;
    if (!limits->ratio)
        limits->ratio = 250;
}

static int writer_open(layer_writer *self, holm_error **error) {
    int fd = open(self->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        holm_error_set_errno(error, errno, "make the layer image %s", self->path);
        free(steal_pointer(&self->path)); // not ours to remove
        return -1;
    }
    // What the image needs beside the content: inodes, folders, block ends.
    uint64_t bytes = self->limits.bytes * 2 + (UINT64_C(8) << 30);
    self->image = ext4_image_create(fd, bytes, error);
    self->tree = self->image ? layer_tree_create(self->image, &self->limits, error) : NULL;
    self->blob_hash = EVP_MD_CTX_new();
    self->content_hash = EVP_MD_CTX_new();
    if (!self->tree)
        return -1;
    if (!self->blob_hash || !self->content_hash || !EVP_DigestInit_ex(self->blob_hash, EVP_sha256(), NULL) ||
        !EVP_DigestInit_ex(self->content_hash, EVP_sha256(), NULL)) {
        holm_error_set(error, HOLM_ERROR_INTERNAL, "libcrypto has no SHA-256");
        return -1;
    }
    return 0;
}

static int writer_start(layer_writer *self, holm_error **error) {
    static void *(*const stages[STAGES])(void *) = {stage_inflate, stage_hash, stage_tar};
    atomic_store(&self->stages_left, STAGES);
    for (; self->threads_started < STAGES; self->threads_started++) {
        int code =
            pthread_create(&self->threads[self->threads_started], NULL, stages[self->threads_started], self);
        if (code) {
            holm_error_set_errno(error, code, "start a thread");
            self->done = NULL;
            return -1;
        }
    }
    return 0;
}

layer_writer *layer_writer_create(const layer_writer_options *options, holm_error **error) {
    cleanup_layer_writer layer_writer *self = calloc(1, sizeof *self);
    if (!self) {
        holm_error_set(error, HOLM_ERROR_NO_MEMORY, "no memory for the layer");
        return NULL;
    }
    self->path = strdup(options->path);
    self->compression = options->compression;
    self->blob_digest = options->blob_digest ? strdup(options->blob_digest) : NULL;
    self->diff_id = options->diff_id ? strdup(options->diff_id) : NULL;
    self->blob_size = options->blob_size;
    self->limits = options->limits;
    self->done = options->done;
    self->data = options->data;
    limits_default(&self->limits);
    pthread_mutex_init(&self->lock, NULL);
    layer_pool_init(&self->raw, RAW_CHUNK, RAW_CHUNKS, options->room, options->data);
    layer_pool_init(&self->content, CONTENT_CHUNK, CONTENT_CHUNKS, NULL, NULL);
    layer_queue_init(&self->to_inflate);
    layer_queue_init(&self->to_hash);
    layer_queue_init(&self->to_tar);
    if (!self->path || (options->blob_digest && !self->blob_digest) || (options->diff_id && !self->diff_id)) {
        holm_error_set(error, HOLM_ERROR_NO_MEMORY, "no memory for the layer");
        return NULL;
    }
    if (writer_open(self, error) < 0 || writer_start(self, error) < 0)
        return NULL;
    return steal_pointer(&self);
}

static void writer_join(layer_writer *self) {
    for (size_t i = 0; !self->joined && i < self->threads_started; i++)
        pthread_join(self->threads[i], NULL);
    self->joined = true;
}

void layer_writer_cancel(layer_writer *self) {
    holm_error *failure = NULL;
    holm_error_set(&failure, HOLM_ERROR_CANCELLED, "cancelled");
    writer_fail(self, failure);
}

void layer_writer_destroy(layer_writer *self) {
    if (!self)
        return;
    if (!self->joined) {
        layer_writer_cancel(self);
        writer_join(self);
    }
    if (!self->written && self->path)
        unlink(self->path);
    layer_chunk_release(self->filling);
    layer_queue_finish(&self->to_inflate);
    layer_queue_finish(&self->to_hash);
    layer_queue_finish(&self->to_tar);
    layer_pool_finish(&self->raw);
    layer_pool_finish(&self->content);
    pthread_mutex_destroy(&self->lock);
    layer_tree_destroy(self->tree);
    ext4_image_destroy(self->image);
    EVP_MD_CTX_free(self->blob_hash);
    EVP_MD_CTX_free(self->content_hash);
    holm_error_free(self->failure);
    free(self->blob_digest);
    free(self->diff_id);
    free(self->path);
    free(self);
}

// ---- the caller's side ----

static void push_send(layer_writer *self) {
    layer_chunk *chunk = steal_pointer(&self->filling);
    chunk->kind = KIND_RAW;
    layer_chunk_keep(chunk);
    layer_queue_push(&self->to_hash, chunk);
    layer_queue_push(&self->to_inflate, chunk);
}

static ssize_t push_some(layer_writer *self, const uint8_t *data, size_t length, bool wait,
                         holm_error **error) {
    if (self->blob_size && length > self->blob_size - self->pushed) {
        holm_error *failure = NULL;
        holm_error_set(&failure, HOLM_ERROR_INTEGRITY,
                       "the blob is larger than the %llu bytes it should have",
                       (unsigned long long)self->blob_size);
        writer_fail(self, failure);
    }
    size_t taken = 0;
    while (taken < length) {
        if (writer_failed(self, error))
            return -1;
        if (!self->filling && !(self->filling = layer_pool_take(&self->raw, wait)))
            break;
        size_t room = RAW_CHUNK - self->filling->length;
        size_t piece = length - taken < room ? length - taken : room;
        memcpy(self->filling->data + self->filling->length, data + taken, piece);
        self->filling->length += piece;
        taken += piece;
        if (self->filling->length == RAW_CHUNK)
            push_send(self);
    }
    self->pushed += taken;
    return writer_failed(self, error) ? -1 : (ssize_t)taken;
}

int layer_writer_push(layer_writer *self, const void *data, size_t length, holm_error **error) {
    ssize_t taken = push_some(self, data, length, true, error);
    if (taken >= 0 && (size_t)taken < length) {
        holm_error_set(error, HOLM_ERROR_NO_MEMORY, "no memory for the layer");
        return -1;
    }
    return taken < 0 ? -1 : 0;
}

ssize_t layer_writer_try_push(layer_writer *self, const void *data, size_t length, holm_error **error) {
    return push_some(self, data, length, false, error);
}

void layer_writer_end(layer_writer *self) {
    if (self->ended)
        return;
    self->ended = true;
    if (self->filling && self->filling->length)
        push_send(self);
    layer_queue_end(&self->to_inflate);
}

uint64_t layer_writer_content_bytes(const layer_writer *self) {
    return atomic_load_explicit(&self->content_bytes, memory_order_relaxed);
}

// ---- the end ----

static int digest_format(EVP_MD_CTX *hash, uint8_t digest[32], char text[72], holm_error **error) {
    unsigned length = 0;
    if (!EVP_DigestFinal_ex(hash, digest, &length) || length != 32) {
        holm_error_set(error, HOLM_ERROR_INTERNAL, "libcrypto cannot hash");
        return -1;
    }
    memcpy(text, "sha256:", 8);
    for (unsigned i = 0; i < length; i++)
        snprintf(text + 7 + 2 * (size_t)i, 3, "%02x", digest[i]);
    return 0;
}

static int digest_compare(const char *what, const char *expected, const char *got, holm_error **error) {
    if (!expected || strcmp(expected, got) == 0)
        return 0;
    holm_error_set(error, HOLM_ERROR_INTEGRITY, "%s has the digest %s, not %s", what, got, expected);
    return -1;
}

static int writer_verify(layer_writer *self, holm_error **error) {
    uint8_t blob[32];
    if (self->blob_size && self->pushed != self->blob_size) {
        holm_error_set(error, HOLM_ERROR_INTEGRITY, "the blob has %llu bytes, not the %llu it should have",
                       (unsigned long long)self->pushed, (unsigned long long)self->blob_size);
        return -1;
    }
    if (digest_format(self->blob_hash, blob, self->result.blob_digest, error) < 0 ||
        digest_format(self->content_hash, self->identity, self->result.diff_id, error) < 0 ||
        digest_compare("the blob", self->blob_digest, self->result.blob_digest, error) < 0)
        return -1;
    return digest_compare("the content of the layer", self->diff_id, self->result.diff_id, error);
}

/// Writes the image out and says what it takes on the disk.
static int writer_seal(layer_writer *self, holm_error **error) {
    struct stat status;
    if (layer_tree_seal(self->tree, self->identity, error) < 0)
        return -1;
    if (stat(self->path, &status) < 0) {
        holm_error_set_errno(error, errno, "look at the layer image %s", self->path);
        return -1;
    }
    self->result.image_bytes = (uint64_t)status.st_blocks * 512;
    self->result.complete = true;
    self->written = true;
    return 0;
}

int layer_writer_finish(layer_writer *self, layer_result *result, holm_error **error) {
    layer_writer_end(self);
    writer_join(self);
    if (writer_failed(self, error))
        return -1;
    self->result.blob_bytes = self->pushed;
    self->result.content_bytes = layer_writer_content_bytes(self);
    if (writer_verify(self, error) < 0)
        return -1;
    layer_tree_report(self->tree, &self->result);
    if (self->result.complete && writer_seal(self, error) < 0)
        return -1;
    *result = self->result;
    return 0;
}

int layer_writer_complete(layer_writer *self, const char *const *lower, size_t count, layer_result *result,
                          holm_error **error) {
    if (!self->joined || self->written) {
        holm_error_set(error, HOLM_ERROR_STATE, "nothing of this layer is missing");
        return -1;
    }
    if (layer_tree_complete(self->tree, lower, count, error) < 0 || writer_seal(self, error) < 0)
        return -1;
    *result = self->result;
    return 0;
}
