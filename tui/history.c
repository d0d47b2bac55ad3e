#include "tui/history.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/holm.h"

#define MOST_LINE 4096

void history_open(history_file *self, const char *directory, const char *name) {
    *self = (history_file){0};
    if (!directory || asprintf(&self->path, "%s/history-%s", directory, name) < 0) {
        self->path = NULL;
        return;
    }
    cleanup_file FILE *file = fopen(self->path, "re");
    char line[MOST_LINE];
    while (file && fgets(line, sizeof(line), file)) {
        line[strcspn(line, "\n")] = 0;
        if (*line)
            history_put(self, line);
    }
}

static void drop(history_file *self, size_t index) {
    free(self->entries[index]);
    memmove(&self->entries[index], &self->entries[index + 1],
            (self->count - index - 1) * sizeof(self->entries[0]));
    self->count--;
}

void history_put(history_file *self, const char *text) {
    for (size_t i = 0; i < self->count; i++) {
        if (strcmp(self->entries[i], text) == 0) {
            drop(self, i);
            break;
        }
    }
    if (self->count == HISTORY_ENTRIES)
        drop(self, 0);
    self->entries[self->count++] = strdup(text);
    self->at = self->count;
}

const char *history_step(history_file *self, int direction) {
    if (direction < 0 ? self->at == 0 : self->at >= self->count)
        return NULL;
    self->at = direction < 0 ? self->at - 1 : self->at + 1;
    return self->at < self->count ? self->entries[self->at] : "";
}

void history_save(history_file *self) {
    cleanup_free char *temporary = NULL;
    FILE *file = NULL;
    if (self->path && self->count && asprintf(&temporary, "%s.new", self->path) > 0) {
        mode_t before = umask(077);
        file = fopen(temporary, "we");
        umask(before);
    }
    for (size_t i = 0; i < self->count; i++) {
        if (file)
            fprintf(file, "%s\n", self->entries[i]);
        free(self->entries[i]);
    }
    if (file && fclose(file) == 0)
        rename(temporary, self->path);
    free(self->path);
    *self = (history_file){0};
}
