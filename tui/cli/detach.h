// The keys that leave a session: found in a stream of input, however it is cut.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define DETACH_KEYS_MAX 8

typedef struct detach_matcher {
    unsigned char keys[DETACH_KEYS_MAX];
    size_t count;   ///< 0: there is no way out by keys
    size_t matched; ///< held back so far
} detach_matcher;

/// Reads "ctrl-p,ctrl-q": single characters, and ctrl- with a letter or one of @[\]^_. "" is none. false: it
/// is wrong.
bool detach_parse(detach_matcher *self, const char *text);

/// Takes `length` bytes of input and puts what is to be sent into `out` (room for length + DETACH_KEYS_MAX).
/// Returns true once the keys are complete; what follows them is dropped. What could be their beginning is
/// held back (matched > 0).
bool detach_feed(detach_matcher *self, const char *bytes, size_t length, char *out, size_t *out_length);
/// What was held back, for when nothing more came for a while. Returns its length.
size_t detach_flush(detach_matcher *self, char out[static DETACH_KEYS_MAX]);
