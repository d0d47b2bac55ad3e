// What there is to bring: from the name down, over indexes, to manifests and their blobs. A document that is
// known by its digest is looked for in the store first; all that come are stored at once.
#include <string.h>

#include "core/base/fault.h"
#include "core/base/path.h"
#include "core/image/pull_task.h"

static void next_document(pull *self);

void pull_forget(pull *self) {
    for (size_t i = 0; i < self->item_count; i++) {
        manifest_finish(&self->items[i].content);
        manifest_config_finish(&self->items[i].config);
        free(self->items[i].layers);
    }
    free(steal_pointer(&self->items));
    free(steal_pointer(&self->documents));
    free(steal_pointer(&self->fetched_type));
    json_decref(steal_pointer(&self->seen));
    self->item_count = self->document_count = self->document_next = 0;
    self->resolved = false;
    self->target[0] = 0;
}

// ---- one document ----

static void run_look(uv_work_t *work) {
    pull *self = work->data;
    cleanup_error holm_error *problem = NULL;
    blob_store *blobs = self->engine->blobs;
    buffer_clear(&self->fetched);
    self->found = blob_exists(blobs, self->digest, NULL) &&
                  blob_read(blobs, self->digest, self->request.most, &self->fetched, &problem) == 0;
    if (holm_error_code_of(problem) == HOLM_ERROR_INTEGRITY)
        blob_remove(blobs, self->digest, NULL, NULL);
}

static void run_keep(uv_work_t *work) {
    pull *self = work->data;
    blob_put(self->engine->blobs, self->fetched.data, self->fetched.length, NULL, &self->error);
}

static void on_body(registry_fetch *fetch, const void *bytes, size_t length, void *data) {
    (void)fetch;
    pull *self = data;
    buffer_append(&self->fetched, bytes, length);
}

static void on_done(registry_fetch *fetch, const char *type, const holm_error *error, void *data) {
    (void)fetch;
    pull *self = data;
    self->fetch = NULL;
    cleanup_error holm_error *problem = holm_error_copy(error);
    if (!problem) {
        // What the server says in Docker-Content-Digest proves nothing: the bytes do.
        digest_of(self->fetched.data, self->fetched.length, self->found_digest);
        if (self->digest[0] && strcmp(self->found_digest, self->digest) != 0)
            holm_error_set(&problem, HOLM_ERROR_INTEGRITY,
                           "the registry sent something else than %.19s (its digest is %.19s)", self->digest,
                           self->found_digest);
    }
    if (problem) {
        pull_blame_place(self, problem);
        return;
    }
    free(self->fetched_type);
    self->fetched_type = type ? strdup(type) : NULL;
    pull_submit(self, run_keep, self->got);
}

static void fetch(pull *self) {
    static const registry_events events = {.body = on_body, .done = on_done};
    buffer_clear(&self->fetched);
    self->fetch = registry_fetch_start(self->source->registry, &self->request, &events, self);
}

static void looked(pull *self) {
    if (!self->found) {
        fetch(self);
        return;
    }
    memcpy(self->found_digest, self->digest, DIGEST_SIZE);
    free(steal_pointer(&self->fetched_type));
    self->got(self);
}

/// Brings the document of this digest, or (NULL) of this tag. look: it may be here.
static void bring(pull *self, registry_kind kind, const char *digest, uint64_t size, bool look,
                  void (*got)(pull *self)) {
    snprintf(self->digest, sizeof self->digest, "%s", digest ? digest : "");
    self->request = (registry_request){
        .kind = kind,
        .object = digest ? self->digest : self->reference.tag,
        .accept = MANIFEST_ACCEPT,
        .size = size,
        .most = kind == REGISTRY_BLOB ? MANIFEST_CONFIG_SIZE_MAX : MANIFEST_SIZE_MAX,
    };
    self->got = got;
    if (look)
        pull_submit(self, run_look, looked);
    else
        fetch(self);
}

// ---- blobs ----

static bool is_new(pull *self, const char *digest) {
    if (!self->seen)
        self->seen = json_object();
    if (json_object_get(self->seen, digest))
        return false;
    json_object_set_new(self->seen, digest, json_true());
    return true;
}

static int keep_blob(pull *self, const manifest_descriptor *blob, holm_error **error) {
    if (!blob->media_type || !is_new(self, blob->digest))
        return 0;
    if (self->layer_count >= PULL_BLOBS_MAX) {
        holm_error_set(error, HOLM_ERROR_LIMIT, "the index names more than %d blobs", PULL_BLOBS_MAX);
        return -1;
    }
    pull_add_layer(self,
                   pull_layer_acquire_blob(self->engine, self->source, blob, pull_on_layer_changed, self));
    return 0;
}

static int keep_blobs(pull *self, const manifest *content, holm_error **error) {
    if (keep_blob(self, &content->config, error) < 0)
        return -1;
    for (size_t i = 0; i < content->layer_count; i++)
        if (keep_blob(self, &content->layers[i], error) < 0)
            return -1;
    return 0;
}

static void chain_of(const char *parent, const char *diff_id, char out[DIGEST_SIZE]) {
    // OCI image specification, config.md "Layer ChainID".
    if (!parent) {
        memcpy(out, diff_id, DIGEST_SIZE);
        return;
    }
    char text[2 * DIGEST_SIZE];
    snprintf(text, sizeof text, "%s %s", parent, diff_id);
    digest_of(text, strlen(text), out);
}

static void start_layers(pull *self, pull_item *item) {
    char chains[2][DIGEST_SIZE];
    const char *parent = NULL;
    const manifest *image = &item->content;
    item->layers = calloc(image->layer_count + 1, sizeof *item->layers);
    for (size_t i = 0; i < image->layer_count; i++) {
        char *chain = chains[i % 2];
        chain_of(parent, item->config.diff_ids[i], chain);
        item->layers[i] =
            pull_layer_acquire(self->engine, self->source, &image->layers[i], item->config.diff_ids[i], chain,
                               i > 0 ? item->layers[i - 1] : NULL, self->blobs, pull_on_layer_changed, self);
        item->layer_count++;
        pull_add_layer(self, item->layers[i]);
        is_new(self, image->layers[i].digest);
        parent = chain;
    }
}

// ---- the image that is unpacked ----

static pull_item *last_item(pull *self) {
    return &self->items[self->item_count - 1];
}

static holm_error *check_config(pull *self, pull_item *item) {
    holm_error *error = NULL;
    if (manifest_config_parse(self->fetched.data, self->fetched.length, &item->config, &error) < 0)
        return error;
    manifest_platform *platform = &item->config.platform;
    bool named = platform->os[0] && platform->architecture[0];
    if (item->config.diff_id_count != item->content.layer_count) {
        holm_error_set(&error, HOLM_ERROR_INTEGRITY, "the image has %zu layers, and %zu in its configuration",
                       item->content.layer_count, item->config.diff_id_count);
    } else if (named && !self->any_platform && !manifest_platform_matches(&self->platform, platform)) {
        cleanup_free char *wanted = manifest_platform_text(&self->platform);
        cleanup_free char *there = manifest_platform_text(platform);
        holm_error_set(&error, HOLM_ERROR_NOT_FOUND, "the image is for %s, not for %s", there, wanted);
        if (!self->platform_given)
            holm_error_hint(&error, "--platform %s brings it all the same", there);
    }
    return error;
}

static void got_config(pull *self) {
    cleanup_error holm_error *problem = check_config(self, last_item(self));
    if (problem) {
        pull_blame_place(self, problem);
        return;
    }
    fault_point("pull.config-fetched");
    pull_set_phase(self, "downloading");
    start_layers(self, last_item(self));
    next_document(self);
}

// ---- indexes and manifests ----

static int add_document(pull *self, const char *digest, unsigned depth, bool main, holm_error **error) {
    for (size_t i = 0; i < self->document_count; i++)
        if (strcmp(self->documents[i].digest, digest) == 0) {
            self->documents[i].main |= main; // what leads to the image of this machine is looked at first
            return 0;
        }
    if (self->document_count >= PULL_DOCUMENTS_MAX) {
        holm_error_set(error, HOLM_ERROR_LIMIT, "the index names more than %d manifests", PULL_DOCUMENTS_MAX);
        return -1;
    }
    self->documents = reallocarray(self->documents, self->document_count + 1, sizeof *self->documents);
    if (!self->documents)
        abort();
    pull_document *document = &self->documents[self->document_count++];
    *document = (pull_document){.depth = depth, .main = main};
    snprintf(document->digest, sizeof document->digest, "%s", digest);
    return 0;
}

static pull_item *add_item(pull *self, manifest *content) {
    self->items = reallocarray(self->items, self->item_count + 1, sizeof *self->items);
    if (!self->items)
        abort();
    pull_item *item = &self->items[self->item_count++];
    *item = (pull_item){.size = self->fetched.length, .content = *content};
    memcpy(item->digest, self->found_digest, DIGEST_SIZE);
    *content = (manifest){0};
    return item;
}

static int take_index(pull *self, const pull_document *document, const manifest *index, holm_error **error) {
    unsigned depth = document->depth + 1;
    if (depth > MANIFEST_INDEX_DEPTH_MAX) {
        holm_error_set(error, HOLM_ERROR_LIMIT, "the index names indexes more than %d deep",
                       MANIFEST_INDEX_DEPTH_MAX);
        return -1;
    }
    if (document->main) {
        cleanup_error holm_error *none = NULL;
        const manifest_index_entry *entry = manifest_index_choose(index, &self->platform, &none);
        // Without an image for this machine all of it can be kept, but nothing else was asked for here.
        if (!entry && (!self->all_platforms || self->platform_given)) {
            holm_error_propagate(error, steal_pointer(&none));
            return -1;
        }
        if (entry && add_document(self, entry->descriptor.digest, depth, true, error) < 0)
            return -1;
    }
    for (size_t i = 0; self->all_platforms && i < index->entry_count; i++)
        if (add_document(self, index->entries[i].descriptor.digest, depth, false, error) < 0)
            return -1;
    return 0;
}

/// Whatever is in an index beside the image that is unpacked: it is kept as it is.
static int take_other(pull *self, holm_error **error) {
    manifest content = {0};
    bool image =
        manifest_parse(self->fetched.data, self->fetched.length, self->fetched_type, &content, NULL) == 0;
    if (!image && manifest_parse_contents(self->fetched.data, self->fetched.length, &content, error) < 0)
        return -1;
    if (content.index) {
        const pull_document document = self->documents[self->document_next - 1];
        if (take_index(self, &document, &content, error) < 0) {
            manifest_finish(&content);
            return -1;
        }
        add_item(self, &content);
        return 0;
    }
    pull_item *item = add_item(self, &content);
    item->image = image;
    return keep_blobs(self, &item->content, error);
}

static int take_main(pull *self, holm_error **error) {
    const pull_document document = self->documents[self->document_next - 1];
    manifest content = {0};
    if (manifest_parse(self->fetched.data, self->fetched.length, self->fetched_type, &content, error) < 0)
        return -1;
    if (content.index) {
        int result = take_index(self, &document, &content, error);
        add_item(self, &content);
        return result;
    }
    fault_point("pull.manifest-fetched");
    pull_item *item = add_item(self, &content);
    item->image = item->unpack = true;
    return 0;
}

static void got_document(pull *self) {
    bool main = self->documents[self->document_next - 1].main;
    cleanup_error holm_error *problem = NULL;
    if (!self->target[0])
        memcpy(self->target, self->found_digest, DIGEST_SIZE);
    if ((main ? take_main(self, &problem) : take_other(self, &problem)) < 0) {
        pull_blame_place(self, problem);
    } else if (last_item(self)->unpack) {
        const manifest_descriptor *config = &last_item(self)->content.config;
        is_new(self, config->digest);
        bring(self, REGISTRY_BLOB, config->digest, config->size, true, got_config);
    } else {
        next_document(self);
    }
}

static void next_document(pull *self) {
    if (self->document_next == self->document_count) {
        self->resolved = true;
        pull_wake(self);
        return;
    }
    const pull_document *document = &self->documents[self->document_next++];
    // What the name says is asked of the registry, even where it says a digest; but what is repaired is here.
    bool look = document->depth > 0 || self->wanted[0];
    bring(self, REGISTRY_MANIFEST, document->digest[0] ? document->digest : NULL, 0, look, got_document);
}

void pull_resolve(pull *self) {
    const char *first = self->wanted[0] ? self->wanted : self->reference.digest;
    add_document(self, first ? first : "", 0, true, NULL);
    next_document(self);
}
