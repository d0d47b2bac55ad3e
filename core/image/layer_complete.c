#include "core/image/layer_complete.h"

#include "core/image/layer_tree_private.h"

int layer_tree_complete(layer_tree *self, const char *const *lower, size_t count, holm_error **error) {
    (void)lower;
    if (count) {
        holm_error_set(error, HOLM_ERROR_UNSUPPORTED, "a layer that needs the layers below it");
        return -1;
    }
    // Without lower layers the folders that came as parents have their attributes, and links have nowhere to
    // go.
    for (size_t i = 0; i < self->link_count; i++)
        if (self->nodes[self->links[i].node].flags & LAYER_NODE_LINK) {
            holm_error_set(error, HOLM_ERROR_INTEGRITY, "a hard link to \"%.200s\", which is nowhere",
                           self->links[i].target);
            return -1;
        }
    return 0;
}
