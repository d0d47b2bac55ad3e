#include "core/registry/registry_tags.h"

#include <string.h>

#include "core/base/path.h"
#include "core/registry/registry_internal.h"

static bool is_tag(const char *text) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    size_t length = text ? strspn(text, letters) : 0;
    return length > 0 && length <= 128 && !text[length] && *text != '.' && *text != '-';
}

int registry_tags_parse(const char *text, size_t length, json_t *out, size_t most, holm_error **error) {
    json_t *root = json_loadb(text, length, 0, NULL);
    const json_t *tags = json_object_get(root, "tags");
    bool valid = json_is_object(root) && (!tags || json_is_array(tags) || json_is_null(tags));
    size_t index;
    json_t *tag;
    json_array_foreach (tags, index, tag)
        if (is_tag(json_string_value(tag)) && json_array_size(out) < most)
            json_array_append(out, tag);
    json_decref(root);
    if (!valid)
        holm_error_set(error, HOLM_ERROR_INTEGRITY, "the registry's list of tags cannot be read");
    return valid ? 0 : -1;
}

registry_list *registry_tags_start(registry *owner, size_t most, registry_list_done done, void *data) {
    size_t page = most && most < REGISTRY_LIST_PAGE ? most : REGISTRY_LIST_PAGE;
    cleanup_free char *path = path_format("/v2/%s/tags/list?n=%zu", owner->repository, page);
    return registry_list_start(owner, path, REGISTRY_TAGS_PAGE_MAX, most, registry_tags_parse, done, data);
}
