#include "core/store/digest.h"

#include <openssl/evp.h>
#include <stdint.h>

struct digest_stream {
    EVP_MD_CTX *context;
};

digest_stream *digest_stream_create(void) {
    digest_stream *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->context = EVP_MD_CTX_new();
    if (!self->context || EVP_DigestInit_ex(self->context, EVP_sha256(), NULL) != 1)
        abort(); // only without memory
    return self;
}

void digest_stream_add(digest_stream *self, const void *data, size_t length) {
    if (EVP_DigestUpdate(self->context, data, length) != 1)
        abort();
}

void digest_stream_text(digest_stream *self, char out[DIGEST_SIZE]) {
    uint8_t bytes[EVP_MAX_MD_SIZE];
    if (EVP_DigestFinal_ex(self->context, bytes, NULL) != 1)
        abort();
    memcpy(out, DIGEST_PREFIX, DIGEST_PREFIX_SIZE);
    for (size_t i = 0; i < DIGEST_HEX_SIZE / 2; i++) {
        static const char digits[] = "0123456789abcdef";
        out[DIGEST_PREFIX_SIZE + 2 * i] = digits[bytes[i] >> 4];
        out[DIGEST_PREFIX_SIZE + 2 * i + 1] = digits[bytes[i] & 15];
    }
    out[DIGEST_SIZE - 1] = 0;
}

void digest_stream_destroy(digest_stream *self) {
    if (!self)
        return;
    EVP_MD_CTX_free(self->context);
    free(self);
}

void digest_of(const void *data, size_t length, char out[DIGEST_SIZE]) {
    cleanup_digest_stream digest_stream *stream = digest_stream_create();
    digest_stream_add(stream, data, length);
    digest_stream_text(stream, out);
}
