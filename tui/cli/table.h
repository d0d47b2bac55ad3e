// A table on standard output: columns as wide as what is in them.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define TABLE_COLUMNS_MAX 16

typedef struct table {
    size_t columns;
    bool right[TABLE_COLUMNS_MAX]; ///< numbers stand right
    char **cells;                  ///< rows one after the other, the titles first
    size_t count, capacity;
} table;

/// `titles` has `columns` texts; one that begins with ">" (not printed) stands right.
void table_init(table *self, const char *const *titles, size_t columns);
/// Adds the next cell, escaped. NULL is "".
void table_add(table *self, const char *text);
void table_add_format(table *self, const char *format, ...) __attribute__((format(printf, 2, 3)));
void table_print(const table *self);
void table_finish(table *self);
