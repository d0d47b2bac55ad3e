// The pictures that the golden screens are of.
#pragma once

#include "tui/dashboard_private.h"

#define SCENE_NOW_NS 1763812800000000000LL // 2025-11-22 12:00 UTC

typedef struct scene {
    const char *name;
    void (*prepare)(dashboard *self);
} scene;

extern const scene scenes[];
extern const size_t scene_count;

/// A dashboard without screen and loop: model and place as the scene wants them.
dashboard *scene_create(const scene *which, int columns, int rows);
void scene_destroy(dashboard *self);
