#include "core/image/content.h"

#include <string.h>

#include "core/base/buffer.h"

typedef struct gathering {
    const blob_store *blobs;
    content *out;
    json_t *lacking; // digests of what is here in part: looked at once, however often it is named
} gathering;

void content_finish(content *self) {
    for (size_t i = 0; i < self->count; i++)
        free(self->parts[i].media_type);
    free(self->parts);
    json_decref(self->seen);
    *self = (content){0};
}

static int add(content *self, const char *digest, uint64_t size, const char *media_type, bool document,
               holm_error **error) {
    if (json_object_get(self->seen, digest))
        return 0;
    if (self->count >= CONTENT_MAX) {
        holm_error_set(error, HOLM_ERROR_LIMIT, "the index names more than %d manifests and blobs",
                       CONTENT_MAX);
        return -1;
    }
    self->parts = reallocarray(self->parts, self->count + 1, sizeof *self->parts);
    if (!self->parts)
        abort();
    content_part *part = &self->parts[self->count++];
    *part = (content_part){.size = size, .media_type = strdup(media_type), .document = document};
    memcpy(part->digest, digest, DIGEST_SIZE);
    json_object_set_new(self->seen, digest, json_true());
    return 0;
}

static bool is_here(const blob_store *blobs, const manifest_descriptor *blob) {
    uint64_t size;
    return !blob->media_type || (blob_exists(blobs, blob->digest, &size) && size == blob->size);
}

static bool is_whole(const blob_store *blobs, const manifest *image) {
    bool whole = is_here(blobs, &image->config);
    for (size_t i = 0; whole && i < image->layer_count; i++)
        whole = is_here(blobs, &image->layers[i]);
    return whole;
}

static int add_image(content *self, const manifest *image, holm_error **error) {
    if (image->config.media_type &&
        add(self, image->config.digest, image->config.size, image->config.media_type, false, error) < 0)
        return -1;
    for (size_t i = 0; i < image->layer_count; i++)
        if (add(self, image->layers[i].digest, image->layers[i].size, image->layers[i].media_type, false,
                error) < 0)
            return -1;
    return 0;
}

static int gather(gathering *self, const char *digest, const char *media_type, unsigned depth,
                  holm_error **error);

static int lacks(gathering *self, const char *digest) {
    self->out->complete = false;
    return json_object_set_new(self->lacking, digest, json_true());
}

static int add_entries(gathering *self, const manifest *index, unsigned depth, holm_error **error) {
    if (depth >= MANIFEST_INDEX_DEPTH_MAX) {
        holm_error_set(error, HOLM_ERROR_LIMIT, "the index names indexes more than %d deep",
                       MANIFEST_INDEX_DEPTH_MAX);
        return -1;
    }
    for (size_t i = 0; i < index->entry_count; i++) {
        const manifest_descriptor *entry = &index->entries[i].descriptor;
        if (!blob_exists(self->blobs, entry->digest, NULL))
            self->out->complete = false;
        else if (gather(self, entry->digest, entry->media_type, depth + 1, error) < 0)
            return -1;
    }
    return 0;
}

// depth 0: the whole.
static int gather(gathering *self, const char *digest, const char *media_type, unsigned depth,
                  holm_error **error) {
    cleanup_buffer buffer text = BUFFER_INIT;
    cleanup_manifest manifest it = {0};
    if (json_object_get(self->out->seen, digest))
        return 0;
    if (json_object_get(self->lacking, digest))
        return lacks(self, digest);
    if (blob_read(self->blobs, digest, MANIFEST_SIZE_MAX, &text, error) < 0 ||
        manifest_parse_contents(text.data, text.length, &it, error) < 0)
        return -1;
    if (depth == 0)
        self->out->index = it.index;
    if (depth > 0 && !it.index && !is_whole(self->blobs, &it))
        return lacks(self, digest);
    bool complete = self->out->complete;
    self->out->complete = true;
    if ((it.index ? add_entries(self, &it, depth, error) : add_image(self->out, &it, error)) < 0)
        return -1;
    bool sound = self->out->complete || depth == 0; // no registry takes an index that names what it lacks
    self->out->complete = self->out->complete && complete;
    if (!sound)
        return lacks(self, digest);
    // What it says of itself counts: registries want to hear the same.
    const char *type = it.media_type ? it.media_type
                       : media_type  ? media_type
                       : it.index    ? MANIFEST_TYPE_OCI_INDEX
                                     : MANIFEST_TYPE_OCI;
    return add(self->out, digest, text.length, type, true, error);
}

int content_gather(const blob_store *blobs, const char *digest, content *out, holm_error **error) {
    *out = (content){.seen = json_object(), .complete = true};
    gathering self = {.blobs = blobs, .out = out, .lacking = json_object()};
    int result = gather(&self, digest, NULL, 0, error);
    json_decref(self.lacking);
    if (result == 0)
        return 0;
    content_finish(out);
    return -1;
}

// An attestation goes with the image that it is about.
static bool is_kept(const content *self, const json_t *entry) {
    const char *digest = json_string_value(json_object_get(entry, "digest"));
    const char *about = json_string_value(
        json_object_get(json_object_get(entry, "annotations"), "vnd.docker.reference.digest"));
    return digest && json_object_get(self->seen, digest) && (!about || json_object_get(self->seen, about));
}

int content_reduce_index(const blob_store *blobs, const content *self, buffer *out, holm_error **error) {
    cleanup_buffer buffer text = BUFFER_INIT;
    if (blob_read(blobs, self->parts[self->count - 1].digest, MANIFEST_SIZE_MAX, &text, error) < 0)
        return -1;
    json_t *index = json_loadb(buffer_text(&text), text.length, JSON_REJECT_DUPLICATES, NULL);
    json_t *all = json_object_get(index, "manifests"), *kept = json_array(), *entry;
    size_t at;
    json_array_foreach (all, at, entry)
        if (is_kept(self, entry))
            json_array_append(kept, entry);
    bool any = json_array_size(kept) > 0;
    json_object_set_new(index, "manifests", kept);
    char *reduced = any ? json_dumps(index, JSON_COMPACT) : NULL;
    json_decref(index);
    if (!reduced) {
        holm_error_set(error, HOLM_ERROR_NOT_FOUND, "nothing that the index names is whole here");
        return -1;
    }
    buffer_append(out, reduced, strlen(reduced));
    free(reduced);
    return 0;
}
