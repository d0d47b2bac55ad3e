// Between the files that make volumes.
#pragma once

#include "core/holm_internal.h"
#include "core/image/image_client.h"

/// The empty disk that a volume of this configuration begins with; its texts are the configuration's.
image_disk_shape holm_volume_shape(const json_t *configuration);
/// On a worker: self->lifeline becomes the image worker's descriptor where the empty disk of self->json has
/// yet to be made.
int holm_volume_prepare_disk(holm_request *self, holm_error **error);
/// Has it made where there is a lifeline; then runs `run`, and the request ends.
void holm_volume_make_disk(holm_request *self, holm_request_run run);
