// What the files of the blob store share.
#pragma once

#include "core/store/blob.h"

#define BLOB_CHUNK (256u << 10) ///< bytes read at once

#define BLOB_INTAKE "intake-" ///< how the files of intakes begin, in the folder of partial blobs

struct blob_store {
    char *directory; // DATA/images
    char *blobs;     // …/blobs/sha256
    char *partial;   // …/partial
};
