// Indexes, manifests and configurations. The first byte says what the rest is called; an accepted image must
// be within its bounds, and make a document.
#include <stdint.h>
#include <stdlib.h>

#include "core/image/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_document(const manifest *image, const manifest_config *config) {
    manifest_layer_result unpacked[MANIFEST_LAYERS_MAX];
    for (size_t i = 0; i < image->layer_count; i++)
        unpacked[i] = (manifest_layer_result){.file = "layer.ext4", .unpacked_bytes = i};
    json_t *document = manifest_document("sha256:x", image, config, image->config.digest, unpacked);
    const json_t *layers = json_object_get(json_object_get(document, "status"), "layers");
    if (json_array_size(layers) != image->layer_count)
        abort();
    json_decref(document);
}

static void read_config(const uint8_t *data, size_t size) {
    cleanup_manifest_config manifest_config config = {0};
    if (manifest_config_parse(data, size, &config, NULL) < 0)
        return;
    if (config.diff_id_count > MANIFEST_LAYERS_MAX)
        abort();
    manifest image = {.media_type = (char *)MANIFEST_TYPE_OCI, .layer_count = config.diff_id_count};
    image.layers = calloc(image.layer_count + 1, sizeof *image.layers);
    for (size_t i = 0; i < image.layer_count; i++)
        image.layers[i].media_type = (char *)"";
    check_document(&image, &config);
    free(image.layers);
}

// Whatever a registry keeps as a manifest.
static void read_contents(const uint8_t *data, size_t size) {
    cleanup_manifest manifest parsed = {0};
    if (manifest_parse_contents(data, size, &parsed, NULL) < 0)
        return;
    if (parsed.layer_count > MANIFEST_LAYERS_MAX || parsed.entry_count > MANIFEST_INDEX_MAX)
        abort();
    for (size_t i = 0; i < parsed.layer_count; i++)
        if (!parsed.layers[i].media_type || !digest_is_valid(parsed.layers[i].digest))
            abort();
    json_t *platforms = json_array();
    manifest_index_platforms(&parsed, platforms);
    json_decref(platforms);
}

static void read_manifest(const uint8_t *data, size_t size, const char *type) {
    cleanup_manifest manifest parsed = {0};
    cleanup_error holm_error *error = NULL;
    if (manifest_parse(data, size, type, &parsed, &error) < 0) {
        for (const char *c = holm_error_message(error); *c; c++)
            if (*c < ' ' || *c > '~')
                abort();
        return;
    }
    if (parsed.layer_count > MANIFEST_LAYERS_MAX || parsed.entry_count > MANIFEST_INDEX_MAX)
        abort();
    cleanup_manifest_platform manifest_platform wanted = {0};
    manifest_platform_parse("linux/arm64/v8", &wanted, NULL);
    if (parsed.index)
        manifest_index_choose(&parsed, &wanted, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const types[] = {NULL,
                                        MANIFEST_TYPE_OCI,
                                        MANIFEST_TYPE_OCI_INDEX,
                                        MANIFEST_TYPE_DOCKER,
                                        MANIFEST_TYPE_DOCKER_LIST,
                                        "text/plain"};
    if (size == 0)
        return 0;
    unsigned kind = data[0] % (array_length(types) + 1);
    if (kind == array_length(types))
        read_config(data + 1, size - 1);
    else
        read_manifest(data + 1, size - 1, types[kind]);
    read_contents(data + 1, size - 1);
    return 0;
}
