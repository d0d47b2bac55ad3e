// Image references as people type them, normalised as Docker does.
//
// Follows the grammar of the distribution project's reference package: [domain/]path[:tag][@digest]. A first
// component is a domain when it has a dot, a colon, an upper-case letter or is "localhost"; without one the
// default registry is meant, and on docker.io a single name is in "library/".
#pragma once

#include "core/base/error.h"

#define IMAGE_REFERENCE_DEFAULT_REGISTRY "docker.io"
#define IMAGE_REFERENCE_NAME_MAX         255 ///< of domain and path together
#define IMAGE_REFERENCE_TAG_MAX          128

typedef struct image_reference {
    char *registry;   ///< "docker.io", "127.0.0.1:5000", "[::1]:5000"
    char *repository; ///< "library/debian"
    char *tag;        ///< NULL when only a digest was given; "latest" when neither was
    char *digest;     ///< "sha256:…" or NULL
} image_reference;

/// Parses and normalises. default_registry NULL: docker.io. INVALID with a sentence that names the mistake.
int image_reference_parse(const char *text, const char *default_registry, image_reference *out,
                          holm_error **error);
void image_reference_finish(image_reference *self);
#define cleanup_image_reference cleanup(image_reference_finish)

/// What the registry is asked for, and what state.db has as the name: "docker.io/library/debian:12", or with
/// "@sha256:…" instead of the tag where there is a digest. The caller frees it.
char *image_reference_canonical(const image_reference *self);

/// The tag or, where there is one, the digest. Owned by the reference.
const char *image_reference_object(const image_reference *self);

/// The shortest text that parses to the same with the default registry docker.io: "debian:12". The caller
/// frees it.
char *image_reference_familiar(const image_reference *self);
