// Made-up documents in the shape of libholm's, the same for the fake backend and the golden screens.
#pragma once

#include "core/holm.h"

/// The first four are web, db, build and old; more are filled up as app-N.
json_t *fake_containers(int count, int64_t now_ns);
json_t *fake_images(int64_t now_ns);
json_t *fake_networks(int64_t now_ns);
json_t *fake_volumes(int64_t now_ns);
json_t *fake_events(int64_t now_ns); ///< oldest first
json_t *fake_checks(void);           ///< what a doctor found
/// A folder with names of all kinds.
json_t *fake_folder(int64_t now_ns);
/// One reading of a running container; `step` moves the figures.
json_t *fake_stats(const json_t *container, unsigned step, int64_t now_ns);
/// A pull after so many steps of 100 ms; done after 60.
json_t *fake_progress(const char *subject, unsigned step, int64_t now_ns);
