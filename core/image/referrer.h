// A manifest that refers to another one, as a registry's list of referrers has it: image specification 1.1,
// manifest.md "subject", and distribution specification 1.1, "Pushing Manifests with Subject".
#pragma once

#include <jansson.h>
#include <stddef.h>

/// The descriptor of the manifest (or index) with these bytes, and the digest of what it refers to in
/// *subject, which the caller frees. NULL: it refers to nothing that can be understood. The caller owns the
/// result.
json_t *referrer_descriptor(const char *text, size_t length, const char *digest, const char *media_type,
                            char **subject);
