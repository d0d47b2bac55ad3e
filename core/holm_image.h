// Images for the files of libholm.
#pragma once

#include "core/holm_internal.h"

/// What a user calls an image (a name in any short form, an id, a prefix of one) to its document. *canonical
/// (may be NULL) becomes its reference, the caller frees it. Of a name with images for several platforms it
/// is the one for `platform`; NULL or "": the one for this machine, and where there is none the first. On a
/// worker.
json_t *holm_image_find(holm_client *client, state *db, const char *text, const char *platform,
                        char **canonical, holm_error **error);
/// What state.db knows this text as: a canonical reference, or the digest of an index or an image. NULL when
/// there is none such. The caller frees it. On a worker.
char *holm_image_resolve(holm_client *client, state *db, const char *text, holm_error **error);
/// The images that fit the filters (NULL: all), as holm_image_list gives them. The caller owns the array. On
/// a worker.
json_t *holm_image_select(holm_client *client, state *db, const json_t *filters, holm_error **error);
/// What a layer is on the disk: the name of a file, or until it is unpacked the digest of a blob; "":
/// neither.
const char *holm_image_layer_file(const json_t *layer);
/// What a layer takes on the disk: unpacked, or where it is not as it came.
json_int_t holm_image_layer_bytes(const json_t *layer);
/// Whether "linux/arm64/v8" is what "linux/arm64" asks for; "" asks for any.
bool holm_image_platform_fits(const char *wanted, const char *have);
/// The canonical reference for a name. The caller frees it.
char *holm_image_canonical(const holm_client *client, const char *text, holm_error **error);
