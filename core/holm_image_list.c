// Which images there are, and what they take on the disk.
#include <fnmatch.h>
#include <string.h>

#include "core/base/time.h"
#include "core/holm_image.h"
#include "core/image/reference.h"

// ---- filters: every key has to fit, of several values of one key any ----

typedef struct filter_context {
    holm_client *client;
    state *db;
} filter_context;

/// 1: it fits, 0: it does not, -1: the value makes no sense.
typedef int (*filter_fits)(const filter_context *self, const json_t *document, const char *value,
                           holm_error **error);

static char *familiar(const char *canonical) {
    cleanup_image_reference image_reference reference = {0};
    if (image_reference_parse(canonical, NULL, &reference, NULL) < 0)
        return strdup(canonical);
    return image_reference_familiar(&reference);
}

static const json_t *references_of(const json_t *document) {
    return json_object_get(json_object_get(document, "configuration"), "references");
}

static bool name_fits(const char *name, const char *pattern) {
    cleanup_free char *short_name = familiar(name);
    const char *slash = strrchr(short_name, '/'), *last = slash ? slash : short_name;
    cleanup_free char *untagged =
        path_format("%.*s", (int)((size_t)(last - short_name) + strcspn(last, ":@")), short_name);
    return fnmatch(pattern, name, 0) == 0 || fnmatch(pattern, short_name, 0) == 0 ||
           fnmatch(pattern, untagged, 0) == 0;
}

static int fits_reference(const filter_context *self, const json_t *document, const char *pattern,
                          holm_error **error) {
    (void)self, (void)error;
    size_t index;
    json_t *value;
    json_array_foreach (references_of(document), index, value) {
        if (name_fits(json_string_value(value), pattern))
            return 1;
    }
    return 0;
}

static int fits_id(const filter_context *self, const json_t *document, const char *text, holm_error **error) {
    (void)self, (void)error;
    const char *id = holm_document_id(document);
    const char *hex = strchr(id, ':') ? strchr(id, ':') + 1 : id;
    return strncmp(id, text, strlen(text)) == 0 || strncmp(hex, text, strlen(text)) == 0;
}

static int fits_label(const filter_context *self, const json_t *document, const char *text,
                      holm_error **error) {
    (void)self, (void)error;
    const json_t *labels = json_object_get(json_object_get(document, "configuration"), "labels");
    const char *equals = strchr(text, '=');
    cleanup_free char *name = equals ? strndup(text, (size_t)(equals - text)) : strdup(text);
    const char *value = json_string_value(json_object_get(labels, name));
    return value && (!equals || strcmp(value, equals + 1) == 0);
}

static int fits_dangling(const filter_context *self, const json_t *document, const char *text,
                         holm_error **error) {
    (void)self;
    bool yes = strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
    if (!yes && strcmp(text, "false") != 0 && strcmp(text, "0") != 0) {
        holm_error_set(error, HOLM_ERROR_INVALID, "the filter dangling is true or false, not \"%s\"", text);
        return -1;
    }
    return yes == (json_array_size(references_of(document)) == 0);
}

static int fits_platform(const filter_context *self, const json_t *document, const char *text,
                         holm_error **error) {
    (void)self, (void)error;
    return holm_image_platform_fits(text, holm_document_configuration(document, "platform"));
}

/// When it was made; 0: it does not say.
static int64_t created_at(const json_t *document) {
    int64_t ns = 0;
    return time_parse(holm_document_status(document, "createdAt"), &ns) ? ns : 0;
}

static int fits_before(const filter_context *self, const json_t *document, const char *text,
                       holm_error **error) {
    cleanup_json json_t *other = holm_image_find(self->client, self->db, text, NULL, NULL, error);
    return other ? created_at(document) && created_at(document) < created_at(other) : -1;
}

static int fits_since(const filter_context *self, const json_t *document, const char *text,
                      holm_error **error) {
    cleanup_json json_t *other = holm_image_find(self->client, self->db, text, NULL, NULL, error);
    return other ? created_at(other) && created_at(document) > created_at(other) : -1;
}

static int fits_until(const filter_context *self, const json_t *document, const char *text,
                      holm_error **error) {
    (void)self;
    return holm_document_is_before(document, text, error);
}

static int fits_not_label(const filter_context *self, const json_t *document, const char *text,
                          holm_error **error) {
    int has = fits_label(self, document, text, error);
    return has < 0 ? -1 : !has;
}

static const struct {
    const char *name;
    filter_fits fits;
} filters[] = {
    {"reference", fits_reference}, {"id", fits_id},
    {"label", fits_label},         {"label!", fits_not_label},
    {"dangling", fits_dangling},   {"platform", fits_platform},
    {"before", fits_before},       {"since", fits_since},
    {"until", fits_until},
};

static filter_fits filter_find(const char *name, holm_error **error) {
    for (size_t i = 0; i < array_length(filters); i++)
        if (strcmp(filters[i].name, name) == 0)
            return filters[i].fits;
    holm_error_set(error, HOLM_ERROR_INVALID, "there is no filter \"%s\" for images", name);
    holm_error_hint(
        error, "the filters are reference, id, label, label!, dangling, platform, before, since and until");
    return NULL;
}

static int fits_any(const filter_context *self, const json_t *document, const char *name,
                    const json_t *values, holm_error **error) {
    filter_fits fits = filter_find(name, error);
    int found = fits ? 0 : -1;
    size_t index;
    json_t *value;
    json_array_foreach (values, index, value)
        if (found == 0)
            found = fits(self, document, json_string_value(value), error);
    return found;
}

static int fits_all(const filter_context *self, const json_t *document, const json_t *wanted,
                    holm_error **error) {
    const char *name;
    json_t *values;
    json_object_foreach ((json_t *)wanted, name, values) {
        int found = fits_any(self, document, name, values, error);
        if (found <= 0)
            return found;
    }
    return 1;
}

// ---- sizes ----

const char *holm_image_layer_file(const json_t *layer) {
    const char *file = json_string_value(json_object_get(layer, "file"));
    const char *digest = json_string_value(json_object_get(layer, "digest"));
    return file ? file : digest ? digest : "";
}

json_int_t holm_image_layer_bytes(const json_t *layer) {
    const char *key = json_object_get(layer, "file") ? "unpackedBytes" : "sizeBytes";
    return json_integer_value(json_object_get(layer, key));
}

/// {file name: number of images that have it}
static void count_files(const json_t *document, json_t *users) {
    size_t index;
    json_t *layer;
    json_array_foreach (json_object_get(json_object_get(document, "status"), "layers"), index, layer) {
        const char *file = holm_image_layer_file(layer);
        if (*file)
            json_object_set_new(users, file,
                                json_integer(json_integer_value(json_object_get(users, file)) + 1));
    }
}

// Unique is what would be gained by removing it alone.
static void set_sizes(json_t *document, const json_t *users) {
    json_t *status = json_object_get(document, "status");
    json_int_t unique = 0;
    size_t index;
    json_t *layer;
    json_array_foreach (json_object_get(status, "layers"), index, layer) {
        const char *file = holm_image_layer_file(layer);
        if (*file && json_integer_value(json_object_get(users, file)) == 1)
            unique += holm_image_layer_bytes(layer);
    }
    json_int_t all = json_integer_value(json_object_get(status, "sizeBytes"));
    json_object_set_new(status, "uniqueBytes", json_integer(unique));
    json_object_set_new(status, "sharedBytes", json_integer(all > unique ? all - unique : 0));
}

json_t *holm_image_select(holm_client *client, state *db, const json_t *wanted, holm_error **error) {
    const filter_context context = {client, db};
    const char *name;
    json_t *values;
    json_object_foreach ((json_t *)wanted, name, values) // also where there is no image
        if (!filter_find(name, error))
            return NULL;
    cleanup_json json_t *list = state_image_list(db, error);
    cleanup_json json_t *users = json_object(), *result = json_array();
    size_t index;
    json_t *document;
    json_array_foreach (list, index, document)
        count_files(document, users);
    json_array_foreach (list, index, document) {
        set_sizes(document, users);
        int found = fits_all(&context, document, wanted, error);
        if (found < 0)
            return NULL;
        if (found)
            json_array_append(result, document);
    }
    return list ? json_incref(result) : NULL;
}

// ---- requests ----

static bool fits_any_pattern(const char *name, const json_t *patterns) {
    size_t index;
    json_t *pattern;
    json_array_foreach (patterns, index, pattern)
        if (name_fits(name, json_string_value(pattern)))
            return true;
    return false;
}

// Who asks for some names is shown those, and no others of the same images.
static void narrow_names(json_t *list, const json_t *patterns) {
    size_t index, at;
    json_t *document, *name;
    json_array_foreach (list, index, document) {
        json_t *fitting = json_array();
        json_array_foreach (references_of(document), at, name)
            if (fits_any_pattern(json_string_value(name), patterns))
                json_array_append(fitting, name);
        json_object_set_new(json_object_get(document, "configuration"), "references", fitting);
    }
}

static int list_images(holm_request *self, state *db, holm_error **error) {
    self->result = holm_image_select(self->handle.client, db, self->json, error);
    if (json_object_get(self->json, "reference"))
        narrow_names(self->result, json_object_get(self->json, "reference"));
    return self->result ? 0 : -1;
}

void holm_image_list(holm_client *client, json_t *wanted, holm_done done, void *data) {
    holm_request *self = holm_request_create(client, done, data);
    self->json = wanted ? json_deep_copy(wanted) : NULL;
    holm_request_work(self, list_images, holm_request_finish);
}
