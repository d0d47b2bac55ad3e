#include "core/network/relay.h"

#include <stdlib.h>

#include "core/base/relay_pair.h"
#define LOG_MODULE "relay"
#include "core/base/log.h"

typedef struct relay {
    relay_list *list;
    struct relay *next, **link;
    relay_pair *pair;
} relay;

static void relay_free(relay *self) {
    *self->link = self->next;
    if (self->next)
        self->next->link = self->link;
    self->list->count--;
    free(self);
}

static void pair_ended(relay_pair *pair, void *data) {
    (void)pair; // frees itself
    relay_free(data);
}

void relay_start(uv_loop_t *loop, relay_list *list, int client, int server) {
    cleanup_error holm_error *error = NULL;
    relay *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    *self = (relay){.list = list, .next = list->first, .link = &list->first};
    if (self->next)
        self->next->link = &self->next;
    list->first = self;
    list->count++;
    self->pair = relay_pair_create(loop, client, server, true, pair_ended, self, &error);
    if (self->pair)
        return;
    log_warning("%s", holm_error_message(error));
    relay_free(self);
}

void relay_list_finish(relay_list *self) {
    while (self->first) {
        relay_pair_destroy(self->first->pair);
        relay_free(self->first);
    }
}
