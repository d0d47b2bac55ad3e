#include "core/image/manifest.h"

#include <string.h>

#define MEDIA_TYPE_MAX 255

// ---- reading hostile JSON ----

static int invalid(holm_error **error, const char *what) {
    holm_error_set(error, HOLM_ERROR_INTEGRITY, "%s", what);
    return -1;
}

static json_t *load_object(const void *bytes, size_t length, size_t most, const char *what,
                           holm_error **error) {
    if (length > most) {
        holm_error_set(error, HOLM_ERROR_LIMIT, "the %s is larger than %zu bytes", what, most);
        return NULL;
    }
    json_error_t problem;
    json_t *root = json_loadb(bytes, length, JSON_REJECT_DUPLICATES, &problem);
    if (!root) {
        // The parser's own text quotes the input; the position is enough.
        holm_error_set(error, HOLM_ERROR_INTEGRITY, "the %s is not valid JSON (line %d, column %d)", what,
                       problem.line, problem.column);
        return NULL;
    }
    if (!json_is_object(root)) {
        json_decref(root);
        holm_error_set(error, HOLM_ERROR_INTEGRITY, "the %s is not a JSON object", what);
        return NULL;
    }
    return root;
}

// RFC 6838: what a media type is made of; nothing else gets into a header or a message of ours.
static bool media_type_is_valid(const char *text) {
    static const char *const allowed =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$&-^_.+/";
    size_t length = strlen(text);
    return length > 0 && length <= MEDIA_TYPE_MAX && strspn(text, allowed) == length;
}

static int parse_descriptor(const json_t *object, uint64_t most, manifest_descriptor *out,
                            holm_error **error) {
    const char *type = json_string_value(json_object_get(object, "mediaType"));
    const char *digest = json_string_value(json_object_get(object, "digest"));
    const json_t *size = json_object_get(object, "size");
    if (!type || !media_type_is_valid(type))
        return invalid(error, "a descriptor has no valid media type");
    if (!digest || !digest_is_valid(digest))
        return invalid(error, "a descriptor has no valid sha256 digest");
    if (!json_is_integer(size) || json_integer_value(size) < 0)
        return invalid(error, "a descriptor has no valid size");
    if ((uint64_t)json_integer_value(size) > most) {
        holm_error_set(error, HOLM_ERROR_LIMIT, "%s is said to have %lld bytes; at most %llu are accepted",
                       digest, (long long)json_integer_value(size), (unsigned long long)most);
        return -1;
    }
    out->media_type = strdup(type);
    memcpy(out->digest, digest, DIGEST_SIZE);
    out->size = (uint64_t)json_integer_value(size);
    return 0;
}

// A platform's parts are words; longer or stranger ones become "".
static char *platform_word(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    static const char *const allowed = "abcdefghijklmnopqrstuvwxyz0123456789._-";
    if (!text || strlen(text) > 32 || strspn(text, allowed) != strlen(text))
        text = "";
    return strdup(text);
}

static void parse_platform(const json_t *object, manifest_platform *out) {
    out->os = platform_word(object, "os");
    out->architecture = platform_word(object, "architecture");
    out->variant = platform_word(object, "variant");
}

static int parse_index(const json_t *root, manifest *out, holm_error **error) {
    const json_t *entries = json_object_get(root, "manifests");
    if (json_array_size(entries) > MANIFEST_INDEX_MAX) {
        holm_error_set(error, HOLM_ERROR_LIMIT, "the index has %zu entries; at most %d are accepted",
                       json_array_size(entries), MANIFEST_INDEX_MAX);
        return -1;
    }
    out->entries = calloc(json_array_size(entries) + 1, sizeof *out->entries);
    size_t i;
    json_t *object;
    json_array_foreach (entries, i, object) {
        manifest_index_entry *entry = &out->entries[out->entry_count++];
        if (parse_descriptor(object, MANIFEST_SIZE_MAX, &entry->descriptor, error) < 0)
            return -1;
        const json_t *platform = json_object_get(object, "platform");
        if (json_is_object(platform))
            parse_platform(platform, &entry->platform);
        const json_t *annotations = json_object_get(object, "annotations");
        entry->attestation = json_object_get(annotations, "vnd.docker.reference.type") != NULL;
    }
    return 0;
}

static int parse_image(const json_t *root, manifest *out, holm_error **error) {
    const json_t *layers = json_object_get(root, "layers");
    if (json_array_size(layers) > MANIFEST_LAYERS_MAX) {
        holm_error_set(error, HOLM_ERROR_LIMIT, "the image has %zu layers; at most %d are accepted",
                       json_array_size(layers), MANIFEST_LAYERS_MAX);
        return -1;
    }
    if (parse_descriptor(json_object_get(root, "config"), MANIFEST_CONFIG_SIZE_MAX, &out->config, error) < 0)
        return -1;
    out->layers = calloc(json_array_size(layers) + 1, sizeof *out->layers);
    size_t i;
    json_t *object;
    json_array_foreach (layers, i, object) {
        manifest_descriptor *layer = &out->layers[out->layer_count++];
        manifest_compression compression;
        if (parse_descriptor(object, MANIFEST_LAYER_SIZE_MAX, layer, error) < 0 ||
            manifest_layer_compression(layer->media_type, &compression, error) < 0)
            return -1;
    }
    return 0;
}

static bool is_elsewhere(const char *media_type) {
    return strstr(media_type, "foreign") || strstr(media_type, "nondistributable");
}

// What a registry keeps in the form of a manifest is not always an image.
static int parse_contents(const json_t *root, manifest *out, holm_error **error) {
    const json_t *config = json_object_get(root, "config"), *layers = json_object_get(root, "layers");
    if (json_array_size(layers) > MANIFEST_LAYERS_MAX) {
        holm_error_set(error, HOLM_ERROR_LIMIT, "the manifest has more than %d layers", MANIFEST_LAYERS_MAX);
        return -1;
    }
    if (config && parse_descriptor(config, MANIFEST_CONFIG_SIZE_MAX, &out->config, error) < 0)
        return -1;
    out->layers = calloc(json_array_size(layers) + 1, sizeof *out->layers);
    size_t i;
    json_t *object;
    json_array_foreach (layers, i, object) {
        manifest_descriptor *layer = &out->layers[out->layer_count];
        if (parse_descriptor(object, MANIFEST_LAYER_SIZE_MAX, layer, error) < 0)
            return -1;
        if (is_elsewhere(layer->media_type))
            free(steal_pointer(&layer->media_type));
        else
            out->layer_count++;
    }
    return 0;
}

static bool is_known_type(const char *type) {
    static const char *const known[] = {MANIFEST_TYPE_OCI, MANIFEST_TYPE_OCI_INDEX, MANIFEST_TYPE_DOCKER,
                                        MANIFEST_TYPE_DOCKER_LIST};
    for (size_t i = 0; i < array_length(known); i++)
        if (strcmp(type, known[i]) == 0)
            return true;
    return false;
}

static int check_type(const json_t *root, manifest *self, const char *given, holm_error **error) {
    const char *own = json_string_value(json_object_get(root, "mediaType"));
    const char *type = own ? own : given;
    if (own && given && is_known_type(given) && strcmp(own, given) != 0)
        return invalid(error, "the manifest is not of the type that it was sent as");
    const json_t *version = json_object_get(root, "schemaVersion");
    if (!json_is_integer(version) || json_integer_value(version) != 2) {
        holm_error_set(error, HOLM_ERROR_UNSUPPORTED, "the manifest is not of schema version 2");
        holm_error_hint(error, "such old images can be converted with: skopeo copy --format oci");
        return -1;
    }
    bool has_index = json_is_array(json_object_get(root, "manifests"));
    bool has_layers = json_is_array(json_object_get(root, "layers"));
    if (has_index == has_layers)
        return invalid(error, "the manifest is neither an image nor an index");
    self->index = has_index;
    if (!type || !media_type_is_valid(type) || strcmp(type, "application/json") == 0 ||
        strcmp(type, "text/plain") == 0 || strcmp(type, "application/octet-stream") == 0)
        type = has_index ? MANIFEST_TYPE_OCI_INDEX : MANIFEST_TYPE_OCI;
    bool known_index =
        strcmp(type, MANIFEST_TYPE_OCI_INDEX) == 0 || strcmp(type, MANIFEST_TYPE_DOCKER_LIST) == 0;
    bool known_image = strcmp(type, MANIFEST_TYPE_OCI) == 0 || strcmp(type, MANIFEST_TYPE_DOCKER) == 0;
    if (!known_index && !known_image) {
        holm_error_set(error, HOLM_ERROR_UNSUPPORTED, "the manifest has a media type that is not known: %s",
                       type);
        return -1;
    }
    // One document that is two things to two readers is how signatures are got around (CVE-2021-41190).
    if (known_index != has_index)
        return invalid(error, "the manifest's media type contradicts its content");
    self->media_type = strdup(type);
    return 0;
}

int manifest_parse(const void *bytes, size_t length, const char *media_type, manifest *out,
                   holm_error **error) {
    *out = (manifest){0};
    json_t *root = load_object(bytes, length, MANIFEST_SIZE_MAX, "manifest", error);
    if (!root)
        return -1;
    int result = check_type(root, out, media_type, error);
    if (result == 0)
        result = out->index ? parse_index(root, out, error) : parse_image(root, out, error);
    json_decref(root);
    if (result < 0)
        manifest_finish(out);
    return result;
}

int manifest_parse_contents(const void *bytes, size_t length, manifest *out, holm_error **error) {
    *out = (manifest){0};
    json_t *root = load_object(bytes, length, MANIFEST_SIZE_MAX, "manifest", error);
    if (!root)
        return -1;
    out->index = json_is_array(json_object_get(root, "manifests"));
    int result = out->index ? parse_index(root, out, error) : parse_contents(root, out, error);
    const char *type = json_string_value(json_object_get(root, "mediaType"));
    if (result == 0 && type && media_type_is_valid(type))
        out->media_type = strdup(type);
    json_decref(root);
    if (result < 0)
        manifest_finish(out);
    return result;
}

void manifest_finish(manifest *self) {
    for (size_t i = 0; i < self->entry_count; i++) {
        free(self->entries[i].descriptor.media_type);
        manifest_platform_finish(&self->entries[i].platform);
    }
    for (size_t i = 0; i < self->layer_count; i++)
        free(self->layers[i].media_type);
    free(self->entries);
    free(self->layers);
    free(self->config.media_type);
    free(self->media_type);
    *self = (manifest){0};
}

int manifest_layer_compression(const char *media_type, manifest_compression *out, holm_error **error) {
    static const struct {
        const char *type;
        manifest_compression compression;
    } known[] = {
        {"application/vnd.oci.image.layer.v1.tar", MANIFEST_COMPRESSION_NONE},
        {"application/vnd.oci.image.layer.v1.tar+gzip", MANIFEST_COMPRESSION_GZIP},
        {"application/vnd.oci.image.layer.v1.tar+zstd", MANIFEST_COMPRESSION_ZSTD},
        {"application/vnd.docker.image.rootfs.diff.tar", MANIFEST_COMPRESSION_NONE},
        {"application/vnd.docker.image.rootfs.diff.tar.gzip", MANIFEST_COMPRESSION_GZIP},
        {"application/vnd.docker.image.rootfs.diff.tar.zstd", MANIFEST_COMPRESSION_ZSTD},
    };
    for (size_t i = 0; i < array_length(known); i++) {
        if (strcmp(media_type, known[i].type) == 0) {
            *out = known[i].compression;
            return 0;
        }
    }
    if (is_elsewhere(media_type))
        holm_error_set(error, HOLM_ERROR_UNSUPPORTED,
                       "the image has a foreign layer, which its registry does not hold");
    else
        holm_error_set(error, HOLM_ERROR_UNSUPPORTED,
                       "it has a layer of type %s, so it is no container image this version can run",
                       media_type);
    return -1;
}

// ---- configuration ----

int manifest_config_parse(const void *bytes, size_t length, manifest_config *out, holm_error **error) {
    *out = (manifest_config){0};
    out->document = load_object(bytes, length, MANIFEST_CONFIG_SIZE_MAX, "image configuration", error);
    if (!out->document)
        return -1;
    parse_platform(out->document, &out->platform);
    const json_t *ids = json_object_get(json_object_get(out->document, "rootfs"), "diff_ids");
    size_t count = json_array_size(ids);
    if (!json_is_array(ids)) {
        manifest_config_finish(out);
        return invalid(error, "the image configuration does not say what its layers contain");
    }
    if (count > MANIFEST_LAYERS_MAX) {
        manifest_config_finish(out);
        holm_error_set(error, HOLM_ERROR_LIMIT, "the image has %zu layers; at most %d are accepted", count,
                       MANIFEST_LAYERS_MAX);
        return -1;
    }
    out->diff_ids = calloc(count + 1, sizeof *out->diff_ids);
    for (size_t i = 0; i < count; i++) {
        const char *id = json_string_value(json_array_get(ids, i));
        if (!id || !digest_is_valid(id)) {
            manifest_config_finish(out);
            return invalid(error, "the image configuration has a layer digest that is not valid");
        }
        memcpy(out->diff_ids[out->diff_id_count++], id, DIGEST_SIZE);
    }
    return 0;
}

void manifest_config_finish(manifest_config *self) {
    manifest_platform_finish(&self->platform);
    free(self->diff_ids);
    json_decref(self->document);
    *self = (manifest_config){0};
}
