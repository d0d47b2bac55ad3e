#include "guest/steps.h"

#include <time.h>

uint64_t steps_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

void steps_add_span(steps *self, const char *name, uint64_t begin_ns, uint64_t end_ns) {
    if (self->count == STEPS_MAX)
        return;
    Holm__Agent__V1__Step *one = &self->each[self->count];
    holm__agent__v1__step__init(one);
    one->name = (char *)name;
    one->begin_ns = begin_ns;
    one->end_ns = end_ns;
    self->pointers[self->count++] = one;
}

uint64_t steps_add(steps *self, const char *name, uint64_t begin_ns) {
    uint64_t now = steps_now();
    steps_add_span(self, name, begin_ns, now);
    return now;
}
