// Image indexes, manifests and configurations: parsed from hostile JSON into plain structures, bounded.
//
// Follows the OCI image specification 1.1 (image-index.md, manifest.md, config.md) and the Docker "Image
// Manifest V2, Schema 2" documents. Schema 1 is refused with a sentence of its own.
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/store/digest.h"

#define MANIFEST_SIZE_MAX        (4u << 20) ///< of an index or manifest, as registries accept them
#define MANIFEST_CONFIG_SIZE_MAX (8u << 20)
/// What Docker's own overlay driver accepts in one image, so no image that is in use has more.
#define MANIFEST_LAYERS_MAX      127
#define MANIFEST_INDEX_MAX       1024 ///< entries of one index
#define MANIFEST_INDEX_DEPTH_MAX 3    ///< an index may name indexes, this deep
#define MANIFEST_LAYER_SIZE_MAX  (UINT64_C(1) << 40)

#define MANIFEST_TYPE_OCI         "application/vnd.oci.image.manifest.v1+json"
#define MANIFEST_TYPE_OCI_INDEX   "application/vnd.oci.image.index.v1+json"
#define MANIFEST_TYPE_DOCKER      "application/vnd.docker.distribution.manifest.v2+json"
#define MANIFEST_TYPE_DOCKER_LIST "application/vnd.docker.distribution.manifest.list.v2+json"
/// Everything we understand, for the Accept header.
#define MANIFEST_ACCEPT \
    MANIFEST_TYPE_OCI ", " MANIFEST_TYPE_DOCKER ", " MANIFEST_TYPE_OCI_INDEX ", " MANIFEST_TYPE_DOCKER_LIST

typedef enum manifest_compression {
    MANIFEST_COMPRESSION_NONE,
    MANIFEST_COMPRESSION_GZIP,
    MANIFEST_COMPRESSION_ZSTD,
} manifest_compression;

typedef struct manifest_descriptor {
    char *media_type;
    char digest[DIGEST_SIZE];
    uint64_t size;
} manifest_descriptor;

typedef struct manifest_platform {
    char *os;
    char *architecture; ///< Go's names: amd64, arm64
    char *variant;      ///< "" when not given
} manifest_platform;

typedef struct manifest_index_entry {
    manifest_descriptor descriptor;
    manifest_platform platform; ///< os NULL: the entry names none
    bool attestation;           ///< not an image: what a build says about one
} manifest_index_entry;

typedef struct manifest {
    char *media_type;
    bool index;
    // an index
    manifest_index_entry *entries;
    size_t entry_count;
    // an image
    manifest_descriptor config;
    manifest_descriptor *layers; ///< lowest first
    size_t layer_count;
} manifest;

typedef struct manifest_config {
    manifest_platform platform; ///< fields "" where the configuration is silent
    char (*diff_ids)[DIGEST_SIZE];
    size_t diff_id_count;
    json_t *document; ///< the whole of it
} manifest_config;

/// Parses an index or a manifest. media_type is what the server or the naming descriptor called it, or NULL;
/// a "mediaType" of the document's own must agree with its shape. UNSUPPORTED for what is no container image.
int manifest_parse(const void *bytes, size_t length, const char *media_type, manifest *out,
                   holm_error **error);
/// The same of anything that a registry keeps as a manifest: also what is no image (an attestation, an image
/// of another kind). config.media_type is NULL where there is none, and layers that its registry does not
/// hold are left out; media_type may be NULL.
int manifest_parse_contents(const void *bytes, size_t length, manifest *out, holm_error **error);
void manifest_finish(manifest *self);
#define cleanup_manifest cleanup(manifest_finish)

/// How a layer of this media type is compressed; UNSUPPORTED for a type that is not a layer (also for the
/// foreign layers of Windows images, whose bytes come from anywhere).
int manifest_layer_compression(const char *media_type, manifest_compression *out, holm_error **error);

int manifest_config_parse(const void *bytes, size_t length, manifest_config *out, holm_error **error);
void manifest_config_finish(manifest_config *self);
#define cleanup_manifest_config cleanup(manifest_config_finish)

/// "linux/arm64/v8"; the operating system may be left out. text NULL or "": the host's.
int manifest_platform_parse(const char *text, manifest_platform *out, holm_error **error);
void manifest_platform_finish(manifest_platform *self);
#define cleanup_manifest_platform cleanup(manifest_platform_finish)
/// "linux/arm64/v8". The caller frees it.
char *manifest_platform_text(const manifest_platform *self);
/// Whether something made for `have` is what `wanted` asks for.
bool manifest_platform_matches(const manifest_platform *wanted, const manifest_platform *have);

/// The entry for the platform: the best match, of several the first. NOT_FOUND with what there is.
const manifest_index_entry *manifest_index_choose(const manifest *index, const manifest_platform *wanted,
                                                  holm_error **error);

/// One layer as it was unpacked, for the document.
typedef struct manifest_layer_result {
    const char *file;        ///< in DATA/layers, without its folder; NULL: it is not unpacked
    uint64_t unpacked_bytes; ///< what the file occupies
} manifest_layer_result;

/// The image document that state.db keeps (core/store/state.h, docs/protocol.md). id is the manifest's
/// digest; unpacked has one element for each layer. The caller owns it.
json_t *manifest_document(const char *id, const manifest *image, const manifest_config *config,
                          const char *config_digest, const manifest_layer_result *unpacked);

/// Appends {"digest", "platform"} for every image of an index, attestations left out.
void manifest_index_platforms(const manifest *index, json_t *list);

/// Whether the image document is for the platform.
bool manifest_document_matches(const json_t *document, const manifest_platform *wanted);
/// Of several image documents of one name the one for the platform (manifest_platform_parse's text). Where
/// none is asked for ("" or NULL) the first is better than none. NOT_FOUND with the name. Borrowed from the
/// array.
const json_t *manifest_document_choose(const json_t *images, const char *platform, const char *name,
                                       holm_error **error);
