// Ownership in the type of a variable: what leaves the scope is released, what is handed on is stolen.
#pragma once

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_free_pointer(void *pointer) {
    free(*(void **)pointer);
}

static inline void cleanup_close_fd(const int *fd) {
    if (*fd >= 0)
        close(*fd);
}

static inline void cleanup_close_file(FILE **file) {
    if (*file)
        fclose(*file);
}

static inline void cleanup_close_directory(DIR **directory) {
    if (*directory)
        closedir(*directory);
}

#define cleanup(function) __attribute__((cleanup(function)))
#define cleanup_free      cleanup(cleanup_free_pointer)
#define cleanup_close     cleanup(cleanup_close_fd)
#define cleanup_file      cleanup(cleanup_close_file)
#define cleanup_directory cleanup(cleanup_close_directory)

/// Defines NAME, a cleanup function for variables of type `type *`, from a destroy function that accepts
/// NULL.
#define CLEANUP_DEFINE(type, name, destroy)   \
    static inline void name(type **pointer) { \
        destroy(*pointer);                    \
    }

/// Takes the pointer out of its variable, which no longer owns it.
#define steal_pointer(pointer)            \
    ({                                    \
        __auto_type stolen_ = *(pointer); \
        *(pointer) = NULL;                \
        stolen_;                          \
    })

static inline int steal_fd(int *fd) {
    int stolen = *fd;
    *fd = -1;
    return stolen;
}

#define array_length(array) (sizeof(array) / sizeof((array)[0]))
