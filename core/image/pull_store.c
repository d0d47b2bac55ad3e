// The end of a pull: all blobs are here, state.db is told.
#include <string.h>

#include "core/base/fault.h"
#include "core/image/pull_task.h"
#include "core/store/state.h"

#define LOG_MODULE "pull"
#include "core/base/log.h"

static void json_finish(json_t **value) {
    json_decref(*value);
}
#define cleanup_json cleanup(json_finish)

static json_t *document_unpacked(const pull_item *item) {
    manifest_layer_result unpacked[MANIFEST_LAYERS_MAX] = {0};
    for (size_t i = 0; i < item->layer_count; i++)
        unpacked[i].file = pull_layer_file(item->layers[i], &unpacked[i].unpacked_bytes);
    return manifest_document(item->digest, &item->content, &item->config, item->content.config.digest,
                             unpacked);
}

// NULL: it is none that could run here, and is kept as the rest of an index.
static json_t *document_packed(const pull *self, const pull_item *item) {
    cleanup_buffer buffer text = BUFFER_INIT;
    cleanup_manifest_config manifest_config config = {0};
    cleanup_error holm_error *problem = NULL;
    static const manifest_layer_result none[MANIFEST_LAYERS_MAX];
    const char *digest = item->content.config.digest;
    if (blob_read(self->engine->blobs, digest, MANIFEST_CONFIG_SIZE_MAX, &text, &problem) < 0 ||
        manifest_config_parse(text.data, text.length, &config, &problem) < 0) {
        log_info("%s: %.19s is no image: %s", self->canonical, item->digest, holm_error_message(problem));
        return NULL;
    }
    bool fits = strcmp(config.platform.os, "linux") == 0 && config.diff_id_count == item->content.layer_count;
    return fits ? manifest_document(item->digest, &item->content, &config, digest, none) : NULL;
}

// ---- the index ----

static json_t *platforms_of(const pull *self) {
    json_t *list = json_array();
    for (size_t i = 0; i < self->item_count; i++)
        manifest_index_platforms(&self->items[i].content, list); // an image has no entries
    return list;
}

static void add_blob(json_t *blobs, const manifest_descriptor *blob) {
    if (blob->media_type)
        json_array_append_new(blobs, json_string(blob->digest));
}

static void add_other(json_t *blobs, const pull_item *item) {
    json_array_append_new(blobs, json_string(item->digest));
    if (item->content.index)
        return;
    add_blob(blobs, &item->content.config);
    for (size_t i = 0; i < item->content.layer_count; i++)
        add_blob(blobs, &item->content.layers[i]);
}

// ---- state.db ----

static int put(const pull *self, state *database, const json_t *images, const json_t *blobs,
               holm_error **error) {
    const pull_item *top = &self->items[0];
    // A repair changes no names.
    const char *name = self->wanted[0] ? NULL : self->canonical;
    const char *id = json_string_value(json_object_get(json_array_get(images, 0), "id"));
    if (!top->content.index) {
        if (state_image_put(database, name, json_array_get(images, 0), error) < 0)
            return -1;
    } else {
        cleanup_json json_t *index =
            json_pack("{s:s, s:s, s:I, s:b, s:o, s:O}", "id", top->digest, "mediaType",
                      top->content.media_type, "sizeBytes", (json_int_t)top->size, "all", self->all_platforms,
                      "platforms", platforms_of(self), "blobs", blobs);
        if (state_index_put(database, name, index, images, error) < 0)
            return -1;
    }
    return state_event_add(database, "image", "pull", id, self->canonical, NULL, error);
}

static int store(const pull *self, holm_error **error) {
    cleanup_json json_t *images = json_array(), *blobs = json_array();
    fault_point("pull.documents-written");
    for (size_t i = 0; i < self->item_count; i++) {
        const pull_item *item = &self->items[i];
        json_t *document = item->unpack  ? document_unpacked(item)
                           : item->image ? document_packed(self, item)
                                         : NULL;
        if (document)
            json_array_append_new(images, document);
        else
            add_other(blobs, item);
    }
    if (json_array_size(images) == 0) {
        holm_error_set(error, HOLM_ERROR_NOT_FOUND, "the index names no image for Linux");
        return -1;
    }
    cleanup_state state *database = state_open(self->engine->data_directory, error);
    if (!database || state_begin(database, error) < 0)
        return -1;
    bool done = put(self, database, images, blobs, error) == 0;
    if (state_end(database, done, done ? error : NULL) < 0 || !done)
        return -1;
    fault_point("pull.row-written");
    return state_image_index_write(database, self->engine->data_directory, error);
}

void pull_run_store(uv_work_t *work) {
    pull *self = work->data;
    store(self, &self->error);
}
