// What the doctor found.
#include <string.h>

#include "tui/model_private.h"

void model_checks_finish(model_state *self) {
    for (size_t i = 0; i < self->check_count; i++) {
        free(self->checks[i].name);
        free(self->checks[i].looked);
        free(self->checks[i].found);
        free(self->checks[i].advice);
    }
    free(self->checks);
    self->checks = NULL;
    self->check_count = 0;
}

static int state_of(const json_t *check) {
    const char *state = json_string_value(json_object_get(check, "state"));
    return !state || strcmp(state, "missing") == 0 ? CHECK_MISSING
           : strcmp(state, "note") == 0            ? CHECK_NOTE
                                                   : CHECK_GOOD;
}

void model_set_checks(model_state *self, const json_t *list) {
    model_checks_finish(self);
    size_t count = json_array_size(list);
    self->checks = calloc(count + 1, sizeof(*self->checks));
    if (!self->checks)
        abort();
    for (size_t i = 0; i < count; i++) {
        const json_t *check = json_array_get(list, i);
        self->checks[i].state = state_of(check);
        self->checks[i].name = model_text(json_object_get(check, "name"));
        self->checks[i].looked = model_text(json_object_get(check, "looked"));
        self->checks[i].found = model_text(json_object_get(check, "found"));
        self->checks[i].advice = model_text(json_object_get(check, "advice"));
    }
    self->check_count = count;
    self->checks_known = true;
}

size_t model_missing_count(const model_state *self) {
    size_t count = 0;
    for (size_t i = 0; i < self->check_count; i++)
        count += self->checks[i].state == CHECK_MISSING;
    return count;
}
