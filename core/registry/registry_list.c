#include "core/registry/registry_list.h"

#include <string.h>

#include "core/registry/registry_internal.h"
#include "core/registry/registry_read.h"

struct registry_list {
    registry *owner;
    registry_read *page;
    registry_list_parse parse;
    registry_list_done done;
    void *data;
    json_t *list;
    size_t page_most, most, pages, bytes;
};

void registry_list_cancel(registry_list *self) {
    if (!self)
        return;
    registry_read_cancel(self->page);
    json_decref(self->list);
    free(self);
}

static void finish(registry_list *self, bool more, const holm_error *error) {
    self->done(error ? NULL : self->list, more, error, self->data);
    registry_list_cancel(self);
}

// Where the next page is, as a path of this registry and no other.
static const char *own_path(const registry *owner, const char *target) {
    size_t length = strlen(owner->base_url);
    if (target && strncmp(target, owner->base_url, length) == 0)
        target += length;
    return target && strncmp(target, "/v2/", 4) == 0 ? target : NULL;
}

static void ask(registry_list *self, const char *path);

static void on_page(registry_fetch *fetch, const buffer *text, const holm_error *error, void *data) {
    registry_list *self = data;
    self->page = NULL;
    cleanup_error holm_error *problem = holm_error_copy(error);
    if (!problem)
        self->parse(buffer_text(text), text->length, self->list, self->most, &problem);
    self->bytes += text ? text->length : 0;
    cleanup_free char *next = NULL;
    if (!problem && registry_fetch_next_page(fetch)) {
        const char *path = own_path(self->owner, registry_fetch_next_page(fetch));
        next = path ? strdup(path) : NULL;
        if (!next)
            holm_error_set(&problem, HOLM_ERROR_INTEGRITY,
                           "the registry's next page is at no address of its own");
    }
    bool enough = json_array_size(self->list) >= self->most || ++self->pages >= REGISTRY_LIST_PAGES_MAX ||
                  self->bytes >= REGISTRY_LIST_BYTES_MAX;
    if (problem || !next || enough)
        finish(self, next != NULL, problem);
    else
        ask(self, next);
}

static void ask(registry_list *self, const char *path) {
    const registry_request request = {.kind = REGISTRY_PAGE, .object = path, .most = self->page_most};
    self->page = registry_read_start(self->owner, &request, on_page, self);
}

registry_list *registry_list_start(registry *owner, const char *path, size_t page_most, size_t most,
                                   registry_list_parse parse, registry_list_done done, void *data) {
    registry_list *self = calloc(1, sizeof *self);
    self->owner = owner;
    self->parse = parse;
    self->done = done;
    self->data = data;
    self->list = json_array();
    self->page_most = page_most;
    self->most = most && most < REGISTRY_LIST_MAX ? most : REGISTRY_LIST_MAX;
    ask(self, path);
    return self;
}
