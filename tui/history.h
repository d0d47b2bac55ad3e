// What was typed before, kept between starts: one line each, the newest last.
#pragma once

#include <stddef.h>

#define HISTORY_ENTRIES 100

typedef struct history_file {
    char *path;
    char *entries[HISTORY_ENTRIES];
    size_t count;
    size_t at; ///< where up and down stand; count: below the newest
} history_file;

/// Reads the file; one that is not there is empty.
void history_open(history_file *self, const char *directory, const char *name);
/// Adds an entry (an equal older one goes) and moves below it.
void history_put(history_file *self, const char *text);
/// The entry above (-1) or below (1); "" below the newest, NULL above the oldest.
const char *history_step(history_file *self, int direction);
/// Writes the file and frees the entries.
void history_save(history_file *self);
