// Images in files: load and save of OCI archives (OCI image specification, image-layout.md, in a tar) and of
// docker-archives (`docker save`), and import of a tar of a root file system. Every blob goes through in one
// pass: it is stored and, where it is a layer, becomes an ext4 image at the same time.
//
// Every function blocks: call it from a worker, not on a loop.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/store/blob.h"

typedef struct archive_options {
    blob_store *blobs;
    const char *data_directory;
    const char *platform;  ///< "linux/arm64"; NULL or "": the host's
    const bool *cancelled; ///< read now and then (atomically); may be NULL
    /// Told from the calling thread: how many bytes of the archive have gone through, and of how many (0: not
    /// known). May be NULL.
    void (*progress)(void *data, const char *phase, uint64_t bytes_done, uint64_t bytes_total);
    void *data;
} archive_options;

/// What came of it. An image without a name has a reference that is its digest.
typedef struct archive_result {
    char digest[DIGEST_SIZE]; ///< of the (last) image's manifest
    char **references;
    size_t reference_count;
} archive_result;

void archive_result_finish(archive_result *self);
#define cleanup_archive_result cleanup(archive_result_finish)

/// Loads every image in the archive: OCI or docker, plain, gzip or zstd, from a file or a pipe (read from
/// where it stands). `reference` (may be NULL) names the image when there is exactly one.
int archive_load(const archive_options *options, int fd, const char *reference, archive_result *out,
                 holm_error **error);
/// The same from a folder with an OCI image layout.
int archive_load_folder(const archive_options *options, const char *path, const char *reference,
                        archive_result *out, holm_error **error);

/// Makes an image of one layer from the tar of a root file system (plain, gzip or zstd). `changes` are lines
/// as in a Dockerfile: CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, STOPSIGNAL, USER, VOLUME, WORKDIR. `reference`
/// may be NULL.
int archive_import(const archive_options *options, int fd, const char *reference, const char *const *changes,
                   size_t change_count, archive_result *out, holm_error **error);

typedef struct archive_commit_options {
    const char *base;             ///< id of the image that the layer comes on
    const char *message, *author; ///< "" where there is none
    const char *const *changes;
    size_t change_count;
} archive_commit_options;
/// Makes an image of another one and the tar of one more layer.
int archive_commit(const archive_options *options, int fd, const char *reference,
                   const archive_commit_options *commit, archive_result *out, holm_error **error);

/// Makes the layers of an image that is here into file systems, where they are not.
int archive_image_unpack(const archive_options *options, const char *id, holm_error **error);

typedef struct archive_save_options {
    const char
        *format; ///< "oci-archive" (also NULL and ""), or "docker-archive": with a manifest.json for Docker
    const char *compress; ///< NULL or "", "gzip", "zstd": around all of it
    bool all_platforms; ///< of an index all that is here, with the index; else the image for options.platform
} archive_save_options;
/// Writes the images (canonical references or digests, as state.db knows them) as a tar.
int archive_save(const archive_options *options, const char *const *references, size_t count,
                 const archive_save_options *how, int fd, holm_error **error);
