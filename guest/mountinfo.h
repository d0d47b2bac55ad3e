// Lines of /proc/PID/mountinfo (proc(5)).
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef struct mountinfo {
    uint64_t id;
    unsigned major, minor;
    const char *root;  ///< what of the file system is mounted
    const char *place; ///< where, by the reader's root
    const char *type, *source;
} mountinfo;

/// Takes a line without its end apart, in place. False: it is none.
bool mountinfo_parse(char *line, mountinfo *out);
/// Whether it is `name` of the file system's root that is mounted, also where that was removed meanwhile.
bool mountinfo_shows(const mountinfo *self, const char *name);
