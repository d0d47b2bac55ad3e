// What a registry asks for with 401: the WWW-Authenticate header.
//
// Follows RFC 9110 section 11.6.1, RFC 6750 section 3 and the distribution project's token authentication.
#pragma once

#include <stdbool.h>

#include "core/base/cleanup.h"

#define CHALLENGE_HEADER_MAX 4096 ///< a longer header is not read

typedef enum challenge_scheme { CHALLENGE_NONE, CHALLENGE_BASIC, CHALLENGE_BEARER } challenge_scheme;

typedef struct challenge {
    challenge_scheme scheme;
    char *realm; ///< Bearer: the URL of the token service. NULL where absent, as the others
    char *service;
    char *scope;
} challenge;

/// Takes the strongest challenge of one header value that we can answer (Bearer before Basic) into *self,
/// unless what is there is at least as strong: call it for each header, beginning with CHALLENGE_NONE. What
/// cannot be parsed is passed over.
void challenge_read(challenge *self, const char *header);
void challenge_finish(challenge *self);
#define cleanup_challenge cleanup(challenge_finish)
