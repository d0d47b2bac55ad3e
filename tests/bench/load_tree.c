#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "load.h"

#define CONTENT    1024u
#define STREAM_MIB (1u << 20)

typedef struct tree {
    char top[256];
    unsigned files, folders;
} tree;

static void name_file(const tree *self, unsigned number, const char *kind, char out[512]) {
    snprintf(out, 512, "%s/d%u/%s%u", self->top, number % self->folders, kind, number);
}

static void make_folders(const tree *self) {
    char path[512];
    if (mkdir(self->top, 0755) < 0)
        load_fail(self->top);
    for (unsigned i = 0; i < self->folders; i++) {
        snprintf(path, sizeof path, "%s/d%u", self->top, i);
        if (mkdir(path, 0755) < 0)
            load_fail(path);
    }
}

static void make_file(const tree *self, unsigned number) {
    char path[512], content[CONTENT];
    memset(content, (int)('a' + number % 26), sizeof content);
    name_file(self, number, "f", path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
    if (fd < 0 || write(fd, content, sizeof content) != sizeof content || close(fd) < 0)
        load_fail(path);
}

static void stat_file(const tree *self, unsigned number) {
    char path[512];
    struct stat status;
    name_file(self, number, "f", path);
    if (stat(path, &status) < 0 || status.st_size != CONTENT)
        load_fail(path);
}

static void read_file(const tree *self, unsigned number) {
    char path[512], content[CONTENT];
    name_file(self, number, "f", path);
    int fd = open(path, O_RDONLY);
    if (fd < 0 || read(fd, content, sizeof content) != sizeof content ||
        content[7] != (char)('a' + number % 26) || close(fd) < 0)
        load_fail(path);
}

static void rename_file(const tree *self, unsigned number) {
    char path[512], other[512];
    name_file(self, number, "f", path);
    name_file(self, number, "g", other);
    if (rename(path, other) < 0)
        load_fail(path);
}

static void remove_file(const tree *self, unsigned number) {
    char path[512];
    name_file(self, number, "g", path);
    if (unlink(path) < 0)
        load_fail(path);
}

static void remove_folders(const tree *self) {
    char path[512];
    for (unsigned i = 0; i < self->folders; i++) {
        snprintf(path, sizeof path, "%s/d%u", self->top, i);
        if (rmdir(path) < 0)
            load_fail(path);
    }
    if (rmdir(self->top) < 0)
        load_fail(self->top);
}

void load_tree(char **words) {
    static const struct {
        const char *name;
        void (*before)(const tree *self), (*each)(const tree *self, unsigned number),
            (*after)(const tree *self);
    } phases[] = {{"make", make_folders, make_file, NULL},
                  {"stat", NULL, stat_file, NULL},
                  {"read", NULL, read_file, NULL},
                  {"rename", NULL, rename_file, NULL},
                  {"remove", NULL, remove_file, remove_folders}};
    tree self = {.files = (unsigned)load_number(words[2]), .folders = (unsigned)load_number(words[3])};
    snprintf(self.top, sizeof self.top, "%s/tree", words[1]);
    for (size_t i = 0; i < sizeof phases / sizeof *phases; i++) {
        double begin = load_now();
        if (phases[i].before)
            phases[i].before(&self);
        for (unsigned number = 0; number < self.files; number++)
            phases[i].each(&self, number);
        if (phases[i].after)
            phases[i].after(&self);
        printf("%s%s %.2f", i ? " " : "", phases[i].name, (load_now() - begin) * 1e3);
    }
    puts("");
}

// Read past the cache: what is measured is the way to the disk.
void load_stream(char **words) {
    static char block[STREAM_MIB] __attribute__((aligned(4096)));
    const uint64_t count = load_number(words[2]);
    char path[512];
    snprintf(path, sizeof path, "%s/stream", words[1]);
    memset(block, 'x', sizeof block);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);
    double begin = load_now();
    for (uint64_t i = 0; i < count; i++)
        if (fd < 0 || write(fd, block, sizeof block) != sizeof block)
            load_fail(path);
    if (fsync(fd) < 0)
        load_fail(path);
    double written = load_now();
    if (lseek(fd, 0, SEEK_SET) < 0 || posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) != 0)
        load_fail(path);
    double again = load_now();
    for (uint64_t i = 0; i < count; i++)
        if (read(fd, block, sizeof block) != sizeof block)
            load_fail(path);
    double read_until = load_now();
    close(fd);
    unlink(path);
    printf("write %.2f read %.2f\n", (double)count / (written - begin), (double)count / (read_until - again));
}
