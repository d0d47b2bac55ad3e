#include "core/registry/registry_tags.h"

#include <string.h>

#include "core/base/path.h"
#include "core/registry/registry_internal.h"

struct registry_tags {
    registry *owner;
    registry_fetch *fetch;
    registry_tags_done done;
    void *data;
    buffer page;
    json_t *tags;
    size_t most, pages;
};

static void finish(registry_tags *self, bool more, const holm_error *error) {
    self->done(error ? NULL : self->tags, more, error, self->data);
    registry_tags_cancel(self);
}

void registry_tags_cancel(registry_tags *self) {
    if (!self)
        return;
    registry_fetch_cancel(self->fetch);
    buffer_finish(&self->page);
    json_decref(self->tags);
    free(self);
}

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

// Where the next page is, as a path of this registry and no other.
static const char *own_path(const registry *owner, const char *target) {
    size_t length = strlen(owner->base_url);
    if (target && strncmp(target, owner->base_url, length) == 0)
        target += length;
    return target && strncmp(target, "/v2/", 4) == 0 ? target : NULL;
}

static void ask(registry_tags *self, const char *path);

static void on_body(registry_fetch *fetch, const void *bytes, size_t length, void *data) {
    (void)fetch;
    buffer_append(&((registry_tags *)data)->page, bytes, length);
}

static void on_done(registry_fetch *fetch, const char *type, const holm_error *error, void *data) {
    (void)type;
    registry_tags *self = data;
    self->fetch = NULL;
    cleanup_error holm_error *problem = holm_error_copy(error);
    if (!problem)
        registry_tags_parse(buffer_text(&self->page), self->page.length, self->tags, self->most, &problem);
    cleanup_free char *next = NULL;
    if (!problem && registry_fetch_next_page(fetch)) {
        const char *path = own_path(self->owner, registry_fetch_next_page(fetch));
        next = path ? strdup(path) : NULL;
        if (!next)
            holm_error_set(&problem, HOLM_ERROR_INTEGRITY,
                           "the registry's next page is at no address of its own");
    }
    bool enough = json_array_size(self->tags) >= self->most || ++self->pages >= REGISTRY_TAGS_PAGES_MAX;
    if (problem || !next || enough)
        finish(self, next != NULL, problem);
    else
        ask(self, next);
}

static void ask(registry_tags *self, const char *path) {
    static const registry_events events = {.body = on_body, .done = on_done};
    const registry_request request = {.kind = REGISTRY_PAGE, .object = path, .most = REGISTRY_TAGS_PAGE_MAX};
    buffer_clear(&self->page);
    self->fetch = registry_fetch_start(self->owner, &request, &events, self);
}

registry_tags *registry_tags_start(registry *owner, size_t most, registry_tags_done done, void *data) {
    registry_tags *self = calloc(1, sizeof *self);
    self->owner = owner;
    self->done = done;
    self->data = data;
    self->tags = json_array();
    self->most = most && most < REGISTRY_TAGS_MAX ? most : REGISTRY_TAGS_MAX;
    size_t page = self->most < REGISTRY_TAGS_PAGE ? self->most : REGISTRY_TAGS_PAGE;
    cleanup_free char *path = path_format("/v2/%s/tags/list?n=%zu", owner->repository, page);
    ask(self, path);
    return self;
}
