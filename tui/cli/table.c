#include "tui/cli/table.h"

#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "tui/cli/cli.h"

static void add_owned(table *self, char *cell) {
    if (self->count == self->capacity) {
        self->capacity = self->capacity ? self->capacity * 2 : 64;
        self->cells = realloc(self->cells, self->capacity * sizeof *self->cells);
    }
    if (!self->cells || !cell)
        abort();
    self->cells[self->count++] = cell;
}

void table_init(table *self, const char *const *titles, size_t columns) {
    *self = (table){.columns = columns};
    for (size_t i = 0; i < columns; i++) {
        self->right[i] = titles[i][0] == '>';
        add_owned(self, strdup(titles[i] + self->right[i]));
    }
}

void table_add(table *self, const char *text) {
    add_owned(self, cli_escape(text ? text : ""));
}

void table_add_format(table *self, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    cleanup_free char *text = NULL;
    if (vasprintf(&text, format, arguments) < 0)
        abort();
    va_end(arguments);
    table_add(self, text);
}

// Columns of the screen.
static size_t width_of(const char *text) {
    size_t length = strlen(text), ascii = 0;
    while (ascii < length && (unsigned char)text[ascii] < 0x80)
        ascii++;
    if (ascii == length)
        return length;
    static bool localised;
    if (!localised && !setlocale(LC_CTYPE, ""))
        setlocale(LC_CTYPE, "C.UTF-8");
    localised = true;
    cleanup_free wchar_t *wide = calloc(length + 1, sizeof *wide);
    size_t count = wide ? mbstowcs(wide, text, length) : (size_t)-1;
    int width = count == (size_t)-1 ? -1 : wcswidth(wide, count);
    return width < 0 ? length : (size_t)width;
}

void table_print(const table *self) {
    size_t widths[TABLE_COLUMNS_MAX] = {0};
    for (size_t i = 0; i < self->count; i++) {
        size_t width = width_of(self->cells[i]);
        if (width > widths[i % self->columns])
            widths[i % self->columns] = width;
    }
    for (size_t i = 0; i < self->count; i++) {
        size_t column = i % self->columns;
        bool last = column + 1 == self->columns;
        int padding = (int)(widths[column] - width_of(self->cells[i]));
        if (self->right[column])
            printf("%*s%s", padding, "", self->cells[i]);
        else
            printf("%s%*s", self->cells[i], last ? 0 : padding, "");
        fputs(last ? "\n" : "   ", stdout);
    }
}

void table_finish(table *self) {
    for (size_t i = 0; i < self->count; i++)
        free(self->cells[i]);
    free(self->cells);
    *self = (table){0};
}
