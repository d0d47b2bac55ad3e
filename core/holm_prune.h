// What the prunes of the rooms share.
#pragma once

#include "core/holm_internal.h"

/// Whether a document passes all filters of a prune (until, label, label!; NULL: any document does), also
/// those of one key: what goes is gone, unlike what a list leaves out. 1, 0, or -1 with the error.
int holm_prune_fits(const json_t *document, const json_t *filters, holm_error **error);
/// What the files of a folder and all below it take on the disk. A folder that is not there has none.
uint64_t holm_tree_bytes(const char *path);

/// On a worker; the names go into the array `deleted`, what was given back is added to *bytes.
int holm_prune_volumes(holm_client *client, state *db, bool all, const json_t *filters, json_t *deleted,
                       json_int_t *bytes, holm_error **error);
int holm_prune_networks(const paths *where, state *db, const json_t *filters, json_t *deleted,
                        holm_error **error);
/// The rest of a request whose images are to be pruned: self->flag and self->json as holm_image_prune has
/// them; `next` comes when self->result is that of holm_image_prune.
void holm_prune_images(holm_request *self, holm_request_next next);

/// The document of holm_image_usage. The caller owns it. On a worker.
json_t *holm_image_measure(holm_client *client, state *db, holm_error **error);

/// Templates of machines and kernels that no build uses: {"name", "path", "sizeBytes", "active"} each. The
/// caller owns them.
json_t *holm_usage_templates(const paths *where);
json_t *holm_usage_kernels(const paths *where);
